//! Faults whose outcome depends on the version of the broker, or might.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keeper_tests::faults::{Outcome, PATIENCE, Random, Site, broken_messages, new_client, place, publish};
use keeper_tests::harness::{Unit, binary, eventually, random_text};
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use tokio::time::sleep;

use super::CLIENTS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_killed_under_load() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    tokio::task::block_in_place(|| site.broker.remember_queues());
    for _ in 0..2 {
        site.broker.kill();
        sleep(Duration::from_millis(500)).await;
        let api = site.gateway.api();
        let order = serde_json::json!({"user_id": "probe", "number_of_items": 0, "total_amount": 1});
        // Bad input is told so even now.
        api.post("/api/billing", &order).await.expect(400);
        tokio::task::block_in_place(|| site.broker.start_again());
        let recovery = load.more(1).await;
        println!("orders are taken again {recovery:?} after the broker's return");
        assert!(recovery < Duration::from_secs(3), "{recovery:?}");
        load.more(50).await;
    }
    let account = site.balance(load).await;
    assert!(account.refused > 0 && account.dead.is_empty(), "{account:?}");
    assert_eq!(account.unanswered, 0, "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_orders_until_there_is_room() {
    let site = Site::new().await;
    let limit = r#"{"max-length": 50}"#;
    site.broker.ctl(&["set_policy", "-p", &site.vhost.name, "limit", "^billing_queue$", limit]);
    site.billing.kill();
    let load = site.load(CLIENTS).await;
    let (http, url) = (new_client(), site.gateway.url());
    let mut probes = Vec::new();
    eventually("the queue is full", PATIENCE, async || {
        let order = place(&http, &url, "probe", 1, &format!("probe-{}", random_text(8))).await;
        let full = order.outcome == Outcome::Refused(503);
        probes.push(order);
        full.then_some(())
    })
    .await;
    site.billing.start();
    load.more(100).await;
    let sent = [load.stop().await, probes].concat();
    let account = site.balance_of(&sent).await;
    assert!(account.refused > 0 && account.dead.is_empty(), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_poison_harms_nobody() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    let (_connection, channel) = site.channel().await;
    let poison = broken_messages();
    for (number, (_, body)) in poison.iter().enumerate() {
        // Some come with an identity, some have none.
        let properties = BasicProperties::default();
        let properties = match number % 3 {
            0 => properties,
            1 => properties.with_message_id(format!("poison-{number}").into()),
            _ => properties.with_content_type("text/plain".into()).with_timestamp(1),
        };
        publish(&channel, properties, body).await;
    }
    load.more(100).await;
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered), (0, 0), "{account:?}");
    let dead = eventually("all poison is among the dead letters", PATIENCE, async || {
        Some(site.letters()).filter(|letters| letters.len() >= poison.len())
    })
    .await;
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for letter in &dead {
        found.entry(letter.body.clone()).or_default().push(letter.reason.clone());
    }
    for (reason, body) in &poison {
        let reasons = found.get_mut(&*String::from_utf8_lossy(body)).expect("it is among the dead letters");
        assert_eq!(reasons.pop().as_deref(), Some(*reason), "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(dead.len(), poison.len(), "nothing else is dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_comes_three_times_to_replicas_that_die() {
    let site = Site::new().await;
    site.billing.kill();
    let load = site.load(CLIENTS).await;
    load.more(400).await;
    let sent = load.stop().await;
    // What a broker does at worst: it delivers all of it again, and again.
    let (_connection, channel) = site.channel().await;
    let ids = sent.iter().filter(|order| order.outcome == Outcome::Accepted).count();
    for _ in 0..ids {
        let options = BasicGetOptions::default();
        let message = channel.basic_get("billing_queue".into(), options).await.unwrap().expect("it is there");
        for _ in 0..3 {
            publish(&channel, message.properties.clone(), &message.data).await;
        }
        message.ack(BasicAckOptions::default()).await.unwrap();
    }
    let replicas: Vec<_> = (0..3).map(|_| site.replica()).collect();
    replicas.iter().for_each(Unit::start);
    site.billing.start();
    for replica in &replicas {
        sleep(Duration::from_millis(300)).await;
        replica.kill();
        replica.start();
    }
    let account = site.balance_of(&sent).await;
    assert_eq!((account.recorded, account.dead.len()), (ids, 0), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_commands_beside_each_other_say_what_is_true() {
    const COUNT: usize = 3_003;
    let site = Site::new().await;
    let (_connection, channel) = site.channel().await;
    for number in 0..COUNT {
        publish(&channel, BasicProperties::default(), format!("poison {number}").as_bytes()).await;
    }
    let command = |arguments: &[&str]| {
        let mut command = Command::new(binary("billing"));
        command.arg("dead-letters").args(arguments).env_clear().envs(site.billing.settings());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ended = |child: std::process::Child| {
        let output = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), said(&output.stdout), said(&output.stderr))
    };
    eventually("all are dead", PATIENCE, async || {
        let (_, list, _) = ended(command(&["list"]));
        list.ends_with("100 of 3,003 are shown; --limit shows more\n").then_some(())
    })
    .await;
    // What is replayed would be dead again, and counted twice.
    site.billing.kill();
    eventually("all are replayed", PATIENCE, async || {
        let (replay, list) = (command(&["replay", "--all"]), command(&["list"]));
        let (code, said, error) = ended(list);
        let all_or_none = said.contains("100 of 3,003") || said.lines().count() == 1;
        assert!(if code == Some(0) { all_or_none } else { error.contains("try again") }, "{said}{error}");
        let (code, said, error) = ended(replay);
        if code == Some(0) {
            assert_eq!(said, format!("{COUNT} replayed\n"));
            return Some(());
        }
        assert!(code == Some(1) && error.contains("try again"), "{code:?} {said}{error}");
        None
    })
    .await;
    let (code, said, _) = ended(command(&["list"]));
    assert_eq!((code, said.lines().count()), (Some(0), 1));
    tokio::task::block_in_place(|| site.billing.start());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_commands_that_are_killed_lose_nothing() {
    let (site, mut random) = (Site::new().await, Random::new(12));
    let (_connection, channel) = site.channel().await;
    let poison: Vec<_> = (0..300).map(|number| format!("poison {number}")).collect();
    for body in &poison {
        publish(&channel, BasicProperties::default(), body.as_bytes()).await;
    }
    let all = || async {
        let bodies = || site.letters().into_iter().map(|letter| letter.body).collect::<Vec<_>>();
        eventually("all are dead", PATIENCE, async || {
            let bodies = bodies();
            poison.iter().all(|body| bodies.contains(body)).then_some(bodies)
        })
        .await
    };
    all().await;
    for _ in 0..6 {
        let mut command = Command::new(binary("billing"));
        command.args(["dead-letters", "replay", "--all"]).env_clear().envs(site.billing.settings());
        let mut replay = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(20 + random.below(200))).await;
        // It may have ended by itself.
        let _ = replay.kill();
        replay.wait().unwrap();
        all().await;
    }
    let bodies = all().await;
    println!("{} dead letters, {} of them twice", bodies.len(), bodies.len() - poison.len());
    assert!(bodies.iter().all(|body| poison.contains(body)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_away_for_longer_than_the_broker_waits() {
    let site = Site::prepared(async |port| port).await;
    let waits = Duration::from_secs(12);
    tokio::task::block_in_place(|| site.broker.set_consumer_timeout(waits));
    site.gateway.start();
    site.billing.start();
    // Its tables are there before the database goes away: the account is read from them.
    site.billing.ready().await;
    let load = site.load(CLIENTS).await;
    let said = || site.broker.log().matches("timed out waiting for").count();
    let before = said();
    tokio::task::block_in_place(|| site.postgres.stop());
    let away = Instant::now();
    load.more(600).await;
    // Each message that the broker takes back counts towards the delivery limit before RabbitMQ 4.3: so billing gives
    // them back itself, once, and takes none until the ledger is there.
    eventually("nothing is in billing's hand", waits, async || {
        (site.broker.in_hand(&site.vhost, "billing_queue") == Some(0)).then_some(())
    })
    .await;
    sleep((waits + Duration::from_secs(3)).saturating_sub(away.elapsed())).await;
    assert_eq!(site.broker.in_hand(&site.vhost, "billing_queue"), Some(0));
    assert_eq!(said(), before, "the broker lost patience");
    tokio::task::block_in_place(|| site.postgres.start_again());
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered, account.dead.len()), (0, 0, 0), "{account:?}");
    tokio::task::block_in_place(|| site.broker.set_consumer_timeout(Duration::from_mins(30)));
}

/// They are kept apart, in full, until an operator replays them; what the command did not get to do it does the next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_without_identity_are_billed_once_though_billing_dies_while_the_ledger_is_away() {
    let site = Site::new().await;
    tokio::task::block_in_place(|| site.postgres.stop());
    site.billing.kill();
    let (_connection, channel) = site.channel().await;
    let body = br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;
    for number in 0..40 {
        let named = BasicProperties::default().with_message_id(format!("order-{number}").into());
        let properties = if number < 20 { BasicProperties::default() } else { named };
        publish(&channel, properties, body).await;
    }
    site.billing.start();
    eventually("billing cannot record", PATIENCE, async || {
        site.billing.log().contains("messages cannot be processed").then_some(())
    })
    .await;
    site.billing.kill();
    tokio::task::block_in_place(|| site.postgres.start_again());
    site.billing.start();
    eventually("the queue is empty", PATIENCE, async || {
        (site.broker.depth(&site.vhost, "billing_queue") == Some(0)).then_some(())
    })
    .await;
    let dead = eventually("they are among the dead letters", PATIENCE, async || {
        Some(site.letters()).filter(|letters| letters.len() == 20)
    })
    .await;
    assert!(dead.iter().all(|letter| letter.reason == "unidentified"), "{dead:?}");
    for _ in 0..2 {
        let replayed = site.billing.command(&["dead-letters", "replay", "--reason", "unidentified"]);
        assert!(replayed.status.success(), "{replayed:?}");
    }
    eventually("they are recorded", PATIENCE, async || (site.ledger().len() >= 40).then_some(())).await;
    eventually("the queue is empty", PATIENCE, async || {
        (site.broker.depth(&site.vhost, "billing_queue") == Some(0)).then_some(())
    })
    .await;
    assert_eq!(site.ledger().len(), 40);
}
