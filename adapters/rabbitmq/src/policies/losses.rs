use serde::Deserialize;
use serde_json::{Map, Value};

/// A queue, as the management API shows it.
#[derive(Debug, Deserialize)]
pub(super) struct QueueView {
    policy: Option<String>,
    operator_policy: Option<String>,
    /// What is in force of both policies.
    #[serde(default, deserialize_with = "definition")]
    effective_policy_definition: Map<String, Value>,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// Nothing in force is an empty list in some versions, and `null` or an object in others.
fn definition<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(definition) => definition,
        _ => Map::new(),
    })
}

/// Which of the two queues it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueRole {
    /// What it cannot deliver goes to the dead letters.
    Orders,
    /// What goes from here is gone.
    DeadLetters,
}

impl QueueView {
    /// What of the policies and the queue's own arguments loses messages, or moves them where they do not belong; empty if
    /// nothing does.
    pub(super) fn losses(&self, role: QueueRole) -> Vec<String> {
        let mut losses = Vec::new();
        for key in ["message-ttl", "expires"] {
            if let Some(value) = self.value(key) {
                losses.push(format!("{key} = {value}"));
            }
        }
        let overflow = self.overflow();
        for key in ["max-length", "max-length-bytes"] {
            match self.value(key) {
                Some(value) if !overflow.starts_with("reject-publish") => {
                    losses.push(format!("{key} = {value} with overflow = {overflow}"));
                }
                _ => {}
            }
        }
        // With another overflow RabbitMQ dead-letters at most once: what it moves itself, after the last delivery, can be lost.
        let policy = self.effective_policy_definition.get("overflow").and_then(Value::as_str);
        match (role, policy) {
            (QueueRole::Orders, Some(overflow)) if overflow != "reject-publish" && losses.is_empty() => {
                losses.push(format!("overflow = {overflow}"));
            }
            _ => {}
        }
        // Looking through the dead letters gives them back, which counts. Our own limit is the largest that there is.
        let limit = self.effective_policy_definition.get("delivery-limit");
        if let (QueueRole::DeadLetters, Some(limit)) = (role, limit) {
            losses.push(format!("delivery-limit = {limit}"));
        }
        losses
    }

    /// The policies by name.
    pub(super) fn policies(&self) -> String {
        let one = |kind: &str, name: &Option<String>| {
            name.as_ref().filter(|name| !name.is_empty()).map(|name| format!("{kind} `{name}`"))
        };
        let names = [one("policy", &self.policy), one("operator policy", &self.operator_policy)];
        let names: Vec<_> = names.into_iter().flatten().collect();
        if names.is_empty() { "its own arguments".to_owned() } else { names.join(" and ") }
    }

    /// Of a number the smaller one counts, so each of the two does harm by itself.
    fn value(&self, key: &str) -> Option<&Value> {
        self.effective_policy_definition.get(key).or_else(|| self.arguments.get(&format!("x-{key}")))
    }

    /// A policy's goes before the argument.
    fn overflow(&self) -> &str {
        self.value("overflow").and_then(Value::as_str).unwrap_or("drop-head")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(policy: &Value, arguments: &Value) -> QueueView {
        let view = serde_json::json!({
            "policy": "limits", "effective_policy_definition": policy, "arguments": arguments,
        });
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn what_loses_messages_is_named() {
        use QueueRole::{DeadLetters, Orders};
        let ours = serde_json::json!({"x-overflow": "reject-publish", "x-delivery-limit": 20});
        let none = serde_json::json!({});
        for (policy, arguments, role, lost) in [
            (
                serde_json::json!({"max-length": 1, "overflow": "drop-head"}),
                &ours,
                Orders,
                "max-length = 1 with",
            ),
            (
                serde_json::json!({"max-length-bytes": 9, "overflow": "drop-head"}),
                &ours,
                Orders,
                "max-length-bytes",
            ),
            (serde_json::json!({"overflow": "drop-head"}), &ours, Orders, "overflow = drop-head"),
            (serde_json::json!({"message-ttl": 60_000}), &ours, Orders, "message-ttl = 60000"),
            (serde_json::json!({"expires": 5}), &ours, Orders, "expires = 5"),
            (serde_json::json!({"max-length": 1}), &none, DeadLetters, "overflow = drop-head"),
            (serde_json::json!({"delivery-limit": 3}), &none, DeadLetters, "delivery-limit = 3"),
            // A queue that somebody else declared.
            (serde_json::json!([]), &serde_json::json!({"x-message-ttl": 1}), Orders, "message-ttl = 1"),
            (serde_json::json!(null), &serde_json::json!({"x-max-length": 1}), Orders, "max-length = 1"),
        ] {
            let losses = view(&policy, arguments).losses(role);
            assert!(losses.len() == 1 && losses[0].contains(lost), "{policy}: {losses:?}");
        }
    }

    #[test]
    fn what_loses_nothing_is_passed_over() {
        use QueueRole::{DeadLetters, Orders};
        let ours = serde_json::json!({"x-overflow": "reject-publish", "x-delivery-limit": 20});
        let none = serde_json::json!({});
        for (policy, arguments, role) in [
            (serde_json::json!({"max-length": 1}), &ours, Orders),
            (serde_json::json!({"max-length": 1, "overflow": "reject-publish"}), &none, DeadLetters),
            (serde_json::json!({"delivery-limit": 3, "ha-mode": "all"}), &ours, Orders),
            (serde_json::json!([]), &none, DeadLetters),
            (serde_json::json!({"overflow": "drop-head"}), &none, DeadLetters),
            (serde_json::json!({"overflow": "reject-publish"}), &none, Orders),
        ] {
            assert_eq!(view(&policy, arguments).losses(role), Vec::<String>::new(), "{policy}");
        }
    }
}
