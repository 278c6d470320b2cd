use std::sync::{Arc, Mutex};

use keeper_billing::Intake;
use keeper_domain::{IdempotencyKey, ItemCount, Money, Order, OrderDraft, OrderId, UserId};
use keeper_ports::billing::{OrderIntake, Submission};
use lapin::BasicProperties;
use tokio::time::{sleep, timeout};

use super::broker::SimulatedBroker;
use super::ledger::{PANICS, REFUSED};
use crate::publisher::Outgoing;

/// How a message comes, and so what may become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sent until it is accepted, with a key.
    Keyed,
    /// The same, and then with other content, twice.
    Contradicted,
    /// Sent once, without a key.
    Keyless,
    /// With a key; the ledger refuses it.
    Refused,
    /// With a key; handling it panics.
    Panics,
    /// Another publisher's, without identity.
    Unidentified,
    /// Another publisher's, with a name.
    Named,
    /// Another publisher's, no order.
    Unreadable,
}

/// What clients sent, and what they were answered.
#[derive(Default)]
pub(super) struct Account {
    pub(super) sent: Vec<(Kind, OrderDraft)>,
    pub(super) accepted: Vec<(OrderId, OrderDraft)>,
    /// Bodies without identity that are in the queue.
    pub(super) unidentified: Vec<(Vec<u8>, OrderDraft)>,
    /// Bodies that are no orders.
    pub(super) unreadable: Vec<Vec<u8>>,
}

pub(super) struct Clients {
    pub(super) broker: Arc<SimulatedBroker>,
    pub(super) intake: Intake,
    pub(super) account: Mutex<Account>,
}

impl Clients {
    /// One client of a random kind, who comes at a random moment. No other has its number.
    pub(super) async fn client(self: Arc<Self>, number: usize) {
        let random = &self.broker.random;
        sleep(random.millis(15_000)).await;
        let kind = match random.below(20) {
            0..=8 => Kind::Keyed,
            9..=11 => Kind::Keyless,
            12..=13 => Kind::Contradicted,
            14 => Kind::Refused,
            15 => Kind::Panics,
            16 => Kind::Unidentified,
            17..=18 => Kind::Named,
            _ => Kind::Unreadable,
        };
        let draft = draft(kind, number, 0);
        match kind {
            Kind::Keyless => {
                self.sent(kind, &draft);
                self.submit(&draft, None).await;
            }
            Kind::Unidentified | Kind::Named | Kind::Unreadable => self.foreign(kind, number, draft),
            Kind::Keyed | Kind::Refused | Kind::Panics => self.insist(kind, draft).await,
            Kind::Contradicted => {
                self.insist(kind, draft).await;
                self.insist(kind, self::draft(kind, number, 1)).await;
                self.insist(kind, self::draft(kind, number, 2)).await;
            }
        }
    }

    fn sent(&self, kind: Kind, draft: &OrderDraft) {
        self.account.lock().unwrap().sent.push((kind, draft.clone()));
    }

    /// Sends an order until it is accepted, and sometimes again.
    async fn insist(&self, kind: Kind, draft: OrderDraft) {
        self.sent(kind, &draft);
        let random = &self.broker.random;
        while !self.submit(&draft, Some("key")).await || random.percent(10) {
            sleep(random.millis(3_000)).await;
        }
    }

    /// Sends an order once; who loses patience, or whose gateway is killed, knows nothing.
    async fn submit(&self, draft: &OrderDraft, key: Option<&str>) -> bool {
        let key = key.map(|key| IdempotencyKey::new("key", key).unwrap());
        let submitted = self.intake.submit(draft.clone(), key);
        let answered = if self.broker.fault(10) {
            timeout(self.broker.random.millis(2_000), submitted).await
        } else {
            Ok(submitted.await)
        };
        let Ok(Ok(Submission::Accepted(Order { id, draft, .. }))) = answered else { return false };
        self.account.lock().unwrap().accepted.push((id, draft));
        true
    }

    /// Puts a message into the queue that is not ours.
    fn foreign(&self, kind: Kind, number: usize, draft: OrderDraft) {
        let (user, items, total) = (draft.user.as_str(), draft.items.get(), draft.total);
        let body = format!(r#"{{"user_id":"{user}","number_of_items":"{items}","total_amount":"{total}"}}"#);
        let mut message = Outgoing {
            exchange: String::new(),
            routing_key: self.broker.topology.queue.clone(),
            properties: BasicProperties::default(),
            body: body.into_bytes(),
        };
        if kind != Kind::Unidentified {
            message.properties = message.properties.with_message_id(format!("name {number}").into());
        }
        if kind == Kind::Unreadable {
            message.body.pop();
        }
        let id = OrderId::of_message(&format!("name {number}"), &message.body).unwrap();
        {
            let mut account = self.account.lock().unwrap();
            match kind {
                Kind::Unreadable => account.unreadable.push(message.body.clone()),
                Kind::Unidentified => account.unidentified.push((message.body.clone(), draft.clone())),
                _ => account.accepted.push((id, draft.clone())),
            }
            if kind != Kind::Unreadable {
                account.sent.push((kind, draft));
            }
        }
        self.broker.store(&message);
    }
}

/// An order that no other client sends.
fn draft(kind: Kind, number: usize, version: i64) -> OrderDraft {
    let items = match kind {
        Kind::Refused => REFUSED,
        Kind::Panics => PANICS,
        _ => 1,
    };
    OrderDraft {
        user: UserId::new(&format!("user {number}")).unwrap(),
        items: ItemCount::new(items).unwrap(),
        total: Money::from_minor("total_amount", 100 + version).unwrap(),
    }
}
