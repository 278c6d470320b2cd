//! What the stores' suites share about rows that somebody wrote past the program.

use keeper_domain::MovieQuery;
use keeper_ports::billing::OrderLedger;
use keeper_ports::inventory::MovieRepository;

use super::samples::{at, order, page, user};

/// Titles of white space alone, by the rules of every locale.
pub const UNREADABLE_TITLES: [&str; 7] =
    ["", " ", "\t\n", "\u{a0}", "\u{3000}", "\u{2003}\u{85}", "\u{2028}"];

/// The titles of all movies that a list has, read so many at a time.
pub async fn listed(movies: &dyn MovieRepository, limit: u16) -> String {
    let (mut found, mut after) = (String::new(), None);
    loop {
        let slice = movies.search(MovieQuery::default(), page(after, limit)).await.unwrap();
        found.extend(slice.items.iter().map(|movie| movie.title.as_str()));
        after = slice.items.last().map(|movie| movie.id);
        if !slice.more {
            return found;
        }
    }
}

/// How many orders a user's list has, read so many at a time.
pub async fn orders_of(ledger: &dyn OrderLedger, of: &str, limit: u16) -> usize {
    let (mut found, mut after) = (0, None);
    loop {
        let slice = ledger.list(user(of), page(after, limit)).await.unwrap();
        found += slice.items.len();
        after = slice.items.last().map(|recorded| recorded.order.id);
        if !slice.more {
            return found;
        }
    }
}

/// Orders that the version 0.1 recorded under users as they were written, which `insert` does, are in their users' lists.
pub async fn spelled_otherwise(ledger: &dyn OrderLedger, insert: impl Fn(&str)) {
    let (composed, decomposed) = ("Am\u{e9}lie", "Ame\u{301}lie");
    insert(decomposed);
    let between = order(composed);
    ledger.insert(vec![between.clone()], at(1)).await.unwrap();
    insert(decomposed);
    insert("Amelie");
    for spelling in [composed, decomposed] {
        for limit in 1..=3 {
            assert_eq!(orders_of(ledger, spelling, limit).await, 3, "{spelling} {limit} at a time");
        }
        let listed = ledger.list(user(spelling), page(None, 10)).await.unwrap();
        assert_eq!(listed.items[1].order, between, "in the order in which they were recorded");
        assert!(listed.items.iter().all(|recorded| recorded.order.draft.user == between.draft.user));
    }
    insert("a\u{a0}b");
    ledger.insert(vec![order("a b")], at(1)).await.unwrap();
    assert_eq!(orders_of(ledger, "a\u{a0}b", 1).await, 2, "as it was written then");
}
