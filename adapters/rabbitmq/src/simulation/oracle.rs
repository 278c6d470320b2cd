use std::collections::HashMap;

use keeper_domain::{DeadLetterReason, Order, OrderDraft, OrderId, Timestamp};
use keeper_wire::message::QueuedMessage;

use super::broker::Stored;
use super::clients::{Account, Kind};
use super::ledger::{PANICS, REFUSED};
use crate::dead_letters::REASON;
use crate::publisher::properties::header;

/// Says what is wrong in the end, when faults are over and the queue is empty.
pub(super) fn verdict(account: &Account, rows: &[Order], dead: &[Stored]) -> Vec<String> {
    let recorded: HashMap<OrderId, &OrderDraft> = rows.iter().map(|row| (row.id, &row.draft)).collect();
    let dead_orders: Vec<Order> = dead.iter().filter_map(order).collect();
    let is_dead = |id: Option<OrderId>, draft: &OrderDraft| {
        dead_orders.iter().any(|dead| id.is_none_or(|id| dead.id == id) && dead.draft == *draft)
    };
    let mut wrong = Vec::new();
    // Of the orders that contradict a recorded one, the first is kept.
    let is_further_conflict = |id: &OrderId, draft: &OrderDraft| {
        recorded.get(id).is_some_and(|recorded| *recorded != draft)
            && dead_orders.iter().any(|dead| dead.id == *id && dead.draft != *draft)
    };
    for (id, draft) in &account.accepted {
        let is_kept = recorded.get(id) == Some(&draft) || is_dead(Some(*id), draft);
        if !is_kept && !is_further_conflict(id, draft) {
            wrong.push(format!("order {id} of {} was accepted and is lost", draft.user.as_str()));
        }
    }
    for (_, draft) in &account.unidentified {
        if !rows.iter().any(|row| row.draft == *draft) && !is_dead(None, draft) {
            wrong.push(format!("the message of {} without identity is lost", draft.user.as_str()));
        }
    }
    for row in rows {
        let kind = account.sent.iter().find(|(_, draft)| *draft == row.draft).map(|(kind, _)| *kind);
        let times = rows.iter().filter(|other| other.draft == row.draft).count();
        match kind {
            None => wrong.push(format!("order {} was recorded and never sent", row.id)),
            // It is at least once where identities are assigned.
            Some(Kind::Unidentified) => {}
            Some(_) if times > 1 => wrong.push(format!("order {} is recorded {times} times", row.id)),
            Some(_) => {}
        }
    }
    wrong.extend(dead.iter().filter_map(|letter| undeserved(account, &recorded, letter)));
    wrong
}

/// The order of a dead letter, if it is one.
fn order(stored: &Stored) -> Option<Order> {
    let message_id = stored.properties.message_id().as_ref().map(ToString::to_string);
    let received = Timestamp::from_millis(0).unwrap();
    let message =
        QueuedMessage { message_id: message_id.as_deref(), published_at: Some(received), body: &stored.body };
    message.order(received).ok()
}

/// Says why a message should not be among the dead letters, if it should not.
fn undeserved(account: &Account, recorded: &HashMap<OrderId, &OrderDraft>, dead: &Stored) -> Option<String> {
    let reason = header(&dead.properties, REASON).unwrap_or_else(|| "returned too often".into());
    let parsed = DeadLetterReason::ALL.into_iter().find(|known| known.as_str() == reason);
    let order = order(dead);
    let items = order.as_ref().map_or(0, |order| order.draft.items.get());
    let deserved = match parsed {
        Some(DeadLetterReason::Unreadable) => account.unreadable.contains(&dead.body),
        Some(DeadLetterReason::Unidentified) => {
            account.unidentified.iter().any(|(body, _)| *body == dead.body)
        }
        Some(DeadLetterReason::Conflict) => order
            .as_ref()
            .is_some_and(|order| recorded.get(&order.id).is_some_and(|recorded| **recorded != order.draft)),
        Some(DeadLetterReason::Rejected) => items == REFUSED,
        Some(DeadLetterReason::Undeliverable) => items == PANICS,
        Some(DeadLetterReason::Invalid | DeadLetterReason::Unknown) | None => false,
    };
    (!deserved).then(|| format!("a dead letter is undeserved ({reason}): {order:?}"))
}
