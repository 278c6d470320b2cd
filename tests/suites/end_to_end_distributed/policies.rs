//! Policies in the broker that make it lose what it has confirmed.

use super::*;

/// Over AMQP nobody sees a policy. With the address of the management API, readiness and `doctor` tell of it; without it,
/// `doctor` says that nobody looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_drops_orders_makes_the_units_degraded() {
    let (backing, node) = (backing(), RabbitMq::shared());
    let vhost = backing.vhost.clone();
    let stack = Stack::distributed(backing);
    let looking = |name: &'static str, neighbours: &[&str]| {
        let unit = Unit::new(name, stack.unit(name).settings());
        let unit = neighbours.iter().fold(unit, |unit, neighbour| {
            unit.with(&format!("KEEPER_{}__URL", neighbour.to_uppercase()), &stack.unit(neighbour).url())
        });
        unit.with("KEEPER_BROKER__MANAGEMENT_URL", &node.management())
    };
    let (gateway, billing) = (looking("gateway", &["inventory", "billing"]), looking("billing", &[]));
    stack.start().await;
    let units = [&gateway, &billing];
    for unit in units {
        unit.start();
        unit.ready().await;
    }
    let policy = r#"{"max-length":1,"overflow":"drop-head"}"#;
    node.ctl(&["set_policy", "-p", &vhost.name, "limits", ".*", policy]);
    for unit in units {
        unit.is("degraded").await;
        let body = unit.management().get("/health/ready").await.expect(200).body;
        let told = r#""name":"broker policies","ok":false,"required":false"#;
        assert!(body.contains(told) && body.contains("policy `limits`"), "{body}");
        let output = unit.command(&["doctor"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("wrong  broker policies: ") && text.contains("policy `limits`"), "{text}");
    }
    // Whoever names no address is told that nobody looks.
    let output = stack.unit("billing").command(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("note   broker policies: not looked at"), "{text}");
    node.ctl(&["clear_policy", "-p", &vhost.name, "limits"]);
    for unit in units {
        unit.is("ready").await;
    }
}
