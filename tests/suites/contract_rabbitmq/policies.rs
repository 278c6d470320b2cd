//! Policies that make the broker lose what it has confirmed.

use keeper_rabbitmq::PolicyProbe;

use super::*;

/// Asks anew each time: what a probe has heard counts for some seconds.
async fn told(broker: &Broker) -> Result<(), String> {
    let probe = PolicyProbe::of(broker).expect("it has an address");
    probe.check().await.map_err(|error| error.chain())
}

async fn until_told(broker: &Broker, parts: &[&str]) {
    eventually(&format!("{parts:?} is told"), PATIENCE, async || {
        let told = told(broker).await.err().unwrap_or_default();
        parts.iter().all(|part| told.contains(part)).then_some(())
    })
    .await;
}

async fn until_fine(broker: &Broker) {
    eventually("nothing loses orders", PATIENCE, async || told(broker).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_loses_orders_is_told() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let with_management = BrokerSettings { management_url: node.management(), ..settings(&vhost) };
    let broker = broker(&with_management);
    // Before there are queues, and with ours as they are.
    until_fine(&broker).await;
    let (queue, _kept) = connected(&broker).await;
    until_fine(&broker).await;
    let set = |pattern: &str, definition: &str| {
        node.ctl(&["set_policy", "-p", &vhost.name, "lossy", pattern, definition]);
    };
    // What the audit found: a policy's overflow goes before the queue's own.
    set(".*", r#"{"max-length":1,"overflow":"drop-head"}"#);
    until_told(&broker, &["`billing_queue`", "policy `lossy`", "max-length = 1 with overflow = drop-head"])
        .await;
    for _ in 0..5 {
        queue.enqueue(samples::order("20")).await.unwrap();
    }
    until_depth(&vhost, 1).await;
    for (pattern, definition, lost) in [
        ("^billing_queue$", r#"{"message-ttl":3600000}"#, "`billing_queue` by policy `lossy`: message-ttl"),
        (
            r"\.dead$",
            r#"{"max-length-bytes":1000}"#,
            "`billing_queue.dead` by policy `lossy`: max-length-bytes",
        ),
        (r"\.dead$", r#"{"expires":3600000}"#, "expires = 3600000"),
        (r"\.dead$", r#"{"delivery-limit":3}"#, "delivery-limit = 3"),
    ] {
        set(pattern, definition);
        until_told(&broker, &[lost]).await;
    }
    // The client is told that a queue is full: nothing is lost.
    set("^billing_queue$", r#"{"max-length":100000}"#);
    until_fine(&broker).await;
    node.ctl(&["clear_policy", "-p", &vhost.name, "lossy"]);
    let operators = ["set_operator_policy", "-p", &vhost.name, "theirs", ".*", r#"{"message-ttl":60000}"#];
    node.ctl(&operators);
    until_told(&broker, &["operator policy `theirs`: message-ttl = 60000"]).await;
    node.ctl(&["clear_operator_policy", "-p", &vhost.name, "theirs"]);
    until_fine(&broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_not_ask_is_told_what_is_missing() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let (_queue, _kept) = connected(&broker(&settings(&vhost))).await;
    let user = format!("gateway-{}", vhost.name);
    node.ctl(&["add_user", &user, "secret"]);
    node.ctl(&["set_permissions", "-p", &vhost.name, &user, "^$", r"^amq\.default$", "^$"]);
    let asks = |password: &str| {
        broker(&BrokerSettings {
            user: user.clone(),
            password: password.to_owned().into(),
            management_url: node.management(),
            ..settings(&vhost)
        })
    };
    until_told(&asks("secret"), &["it refuses the user", "`management`"]).await;
    node.ctl(&["set_user_tags", &user, "management"]);
    until_fine(&asks("secret")).await;
    until_told(&asks("wrong"), &["it refuses the user"]).await;
    let nobody = BrokerSettings {
        management_url: format!("http://127.0.0.1:{}", keeper_tests::harness::free_port()),
        ..settings(&vhost)
    };
    until_told(&broker(&nobody), &["the management API tells nothing"]).await;
    assert!(PolicyProbe::of(&broker(&settings(&vhost))).is_none(), "nobody is asked without an address");
}
