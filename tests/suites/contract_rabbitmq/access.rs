//! How a unit gets in: by TLS, and with the least rights.

use std::collections::HashSet;

use keeper_tests::harness::{Certificates, free_port};
use tokio::time::{sleep, timeout};

use super::*;

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_is_checked() {
    let node = RabbitMq::shared();
    let certificates = Certificates::make(node.folder());
    let port = free_port();
    let path = |path: &std::path::Path| path.display().to_string();
    node.ctl(&[
        "eval",
        &format!(
            "application:ensure_all_started(ssl), rabbit_networking:start_ssl_listener({{\"127.0.0.1\", {port}}}, \
             [{{certfile, \"{}\"}}, {{keyfile, \"{}\"}}], 2).",
            path(&certificates.certificate),
            path(&certificates.key),
        ),
    ]);
    let vhost = node.vhost();
    let secure = |tls_ca: String| BrokerSettings {
        host: "localhost".into(),
        port,
        tls: true,
        tls_ca,
        ..settings(&vhost)
    };
    let (queue, _kept) = connected(&broker(&secure(path(&certificates.ca)))).await;
    queue.enqueue(samples::order("20")).await.unwrap();
    until_depth(&vhost, 1).await;
    // Nobody knows the authority but who was told.
    let (_, probe, _kept) = publisher(&broker(&secure(String::new())));
    let error = eventually("it is refused", PATIENCE, async || {
        Some(probe.check().await.unwrap_err().chain()).filter(|error| error.contains("certificate"))
    })
    .await;
    assert!(error.contains("UnknownIssuer"), "{error}");
    // The same broker by a name that its certificate does not have.
    let elsewhere = BrokerSettings { host: "127.0.0.1".into(), ..secure(path(&certificates.ca)) };
    let (_, probe, _kept) = publisher(&broker(&elsewhere));
    let error = eventually("it is refused", PATIENCE, async || {
        Some(probe.check().await.unwrap_err().chain()).filter(|error| error.contains("certificate"))
    })
    .await;
    assert!(!error.contains("UnknownIssuer"), "{error}");
    // Authorities that come later are trusted at the next attempt.
    let rotated = node.folder().join("rotated-ca.pem");
    let stranger = node.folder().join("stranger");
    std::fs::create_dir_all(&stranger).unwrap();
    std::fs::copy(Certificates::make(&stranger).ca, &rotated).unwrap();
    let (_, probe, _kept) = publisher(&broker(&secure(path(&rotated))));
    eventually("it is refused", PATIENCE, async || {
        Some(probe.check().await.err()?.chain()).filter(|error| error.contains("certificate"))
    })
    .await;
    std::fs::copy(&certificates.ca, &rotated).unwrap();
    until_up(&probe).await;
    // A file without a certificate.
    let without = BrokerSettings { tls_ca: path(&certificates.key), ..secure(String::new()) };
    let error = Broker::new(&without, "test", &broker_metrics()).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("broker.tls_ca names the file"), "{error}");
}

/// A connection that stands outlives its password. One that is made anew needs the new one, from the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_without_a_restart_and_no_order_is_lost() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let user = format!("rotated-{}", vhost.name);
    let file = node.folder().join(&user);
    std::fs::write(&file, "first").unwrap();
    node.ctl(&["add_user", &user, "first"]);
    node.ctl(&["set_permissions", "-p", &vhost.name, &user, ".*", ".*", ".*"]);
    let password_file = file.display().to_string();
    let rotated = broker(&BrokerSettings { user: user.clone(), password_file, ..settings(&vhost) });
    let (queue, probe, _kept) = publisher(&rotated);
    until_up(&probe).await;
    let (mut orders, _, _kept_too) = consumer(&rotated);
    let changed = CancellationToken::new();
    let after = changed.clone();
    let load = tokio::spawn(async move {
        let (mut accepted, mut accepted_after) = (HashSet::new(), 0);
        while accepted_after < 50 {
            let order = samples::order("20");
            if queue.enqueue(order.clone()).await.is_ok() {
                accepted.insert(order.id);
                accepted_after += usize::from(after.is_cancelled());
            }
            sleep(Duration::from_millis(10)).await;
        }
        accepted
    });
    tokio::task::block_in_place(|| {
        node.ctl(&["change_password", &user, "second"]);
        node.ctl(&["close_all_connections", "--vhost", &vhost.name, "a test"]);
    });
    eventually("the old password is refused", PATIENCE, async || {
        Some(probe.check().await.err()?.chain()).filter(|error| error.contains("ACCESS"))
    })
    .await;
    std::fs::write(&file, "second\n").unwrap();
    changed.cancel();
    let accepted = timeout(PATIENCE, load).await.expect("orders are taken again");
    let mut missing = accepted.unwrap();
    while !missing.is_empty() {
        missing.remove(&next(&mut orders).await.id);
    }
}

/// With `declare = false` nothing is created, so a unit needs no right to configure: the gateway may only write to the default
/// exchange; billing reads the order queue, and writes to the exchange of the dead letters. Its commands also read the dead
/// letters, count them (for which RabbitMQ asks for the right to configure them, from 4.3 on), and write to the default exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_least_rights_are_enough_where_nothing_is_declared() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let (_queue, _kept) = connected(&broker(&settings(&vhost))).await;
    let user = |name: &str, configure: &str, write: &str, read: &str| {
        let name = format!("{name}-{}", vhost.name);
        node.ctl(&["add_user", &name, "secret"]);
        node.ctl(&["set_permissions", "-p", &vhost.name, &name, configure, write, read]);
        broker(&BrokerSettings {
            user: name,
            password: "secret".to_owned().into(),
            declare: false,
            ..settings(&vhost)
        })
    };
    let (queue, _kept) = connected(&user("gateway", "^$", r"^amq\.default$", "^$")).await;
    let order = samples::order("20");
    queue.enqueue(order.clone()).await.unwrap();
    let billing = user("billing", "^$", r"^billing_queue\.dlx$", "^billing_queue$");
    let (mut orders, _, _kept_too) = consumer(&billing);
    assert_eq!(next(&mut orders).await, order);
    let (_connection, channel) = client(&vhost).await;
    publish(&channel, BasicProperties::default(), b"broken").await;
    let dead = r"^billing_queue\.dead$";
    let operator = RabbitDeadLetters::new(&user("operator", dead, r"^amq\.default$", dead));
    eventually("it is among the dead letters", PATIENCE, async || {
        (operator.list(10).await.ok()?.letters.len() == 1).then_some(())
    })
    .await;
    assert_eq!(operator.replay(DeadLetterSelection::All).await.unwrap().count, 1);
}
