//! What the stores' suites share about rows that somebody wrote past the program.

use keeper_domain::MovieQuery;
use keeper_ports::billing::OrderLedger;
use keeper_ports::inventory::MovieRepository;

use super::samples::{page, user};

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
