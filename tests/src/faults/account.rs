use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::{Outcome, PATIENCE, Sent};
use crate::harness::{Unit, eventually};

/// A recorded order: its id, who ordered, and for how much in cents.
pub type Row = (String, String, u64);

/// A dead letter, as the `dead-letters` command shows it.
#[derive(Debug, Clone)]
pub struct ListedDeadLetter {
    /// Its name.
    pub id: String,
    /// Why it is there.
    pub reason: String,
    /// The order that it claims to be.
    pub order_id: Option<String>,
    /// Its body.
    pub body: String,
}

/// What was sent, what was recorded, and what is dead.
#[derive(Debug)]
pub struct Account {
    /// Orders that were accepted.
    pub accepted: usize,
    /// Orders that were refused.
    pub refused: usize,
    /// Orders that nobody answered.
    pub unanswered: usize,
    /// Orders that are recorded.
    pub recorded: usize,
    /// The dead letters.
    pub dead: Vec<ListedDeadLetter>,
}

impl Account {
    /// Waits until everything accepted is recorded or dead, then checks that the account balances.
    ///
    /// `ledger` reads all recorded orders; `operator` is the unit whose `dead-letters` command is used.
    pub async fn balance(sent: &[Sent], operator: &Unit, mut ledger: impl AsyncFnMut() -> Vec<Row>) -> Self {
        let accepted: BTreeSet<_> = ids(sent, |outcome| outcome == Outcome::Accepted);
        let mut rows = Vec::new();
        let settled = eventually("every accepted order is recorded or dead", PATIENCE, async || {
            rows = ledger().await;
            let recorded: BTreeSet<_> = rows.iter().map(|(id, ..)| id.clone()).collect();
            if accepted.is_subset(&recorded) {
                return Some(letters(operator));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            let dead = letters(operator);
            let known: BTreeSet<_> = dead.iter().filter_map(|letter| letter.order_id.clone()).collect();
            accepted.iter().all(|id| recorded.contains(id) || known.contains(id)).then_some(dead)
        });
        let dead = settled.await;
        Self::check(sent, &rows);
        Self {
            accepted: accepted.len(),
            refused: ids(sent, |outcome| matches!(outcome, Outcome::Refused(_))).len(),
            unanswered: ids(sent, |outcome| outcome == Outcome::Unanswered).len(),
            recorded: rows.len(),
            dead,
        }
    }

    /// Nothing is recorded twice, nothing that was not sent, and nothing otherwise than it was sent.
    fn check(sent: &[Sent], rows: &[Row]) {
        let sent: BTreeMap<_, _> = sent.iter().map(|order| (order.id.to_string(), order)).collect();
        let mut seen = BTreeSet::new();
        for (id, user, cents) in rows {
            assert!(seen.insert(id), "{id} is recorded twice");
            let order = sent.get(id).unwrap_or_else(|| panic!("{id} of {user} was never sent"));
            assert_eq!((user, cents), (&order.user, &order.cents), "{id} is not recorded as it was sent");
        }
    }
}

fn ids(sent: &[Sent], which: impl Fn(Outcome) -> bool) -> BTreeSet<String> {
    sent.iter().filter(|order| which(order.outcome)).map(|order| order.id.to_string()).collect()
}

/// The dead letters, by the command that operators use.
pub fn letters(operator: &Unit) -> Vec<ListedDeadLetter> {
    let output = operator.command(&["dead-letters", "list", "--json", "--limit", "60000"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the command prints text");
    let list: Value = text.lines().find_map(|line| serde_json::from_str(line).ok()).expect("it prints JSON");
    let letter = |letter: &Value| ListedDeadLetter {
        id: letter["id"].as_str().expect("a dead letter has an id").to_owned(),
        reason: letter["reason"].as_str().expect("a dead letter has a reason").to_owned(),
        order_id: letter["order_id"].as_str().map(str::to_owned),
        body: letter["body"].as_str().expect("a dead letter has a body").to_owned(),
    };
    list.as_array().expect("it is a list").iter().map(letter).collect()
}
