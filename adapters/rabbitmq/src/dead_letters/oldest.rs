use std::collections::BTreeMap;

use keeper_domain::{DeadLetter, Timestamp};

/// About how many bytes a list may have. It is written as JSON, where they may be several times as many; a message may have 16 MiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Giving messages back changes their order in the queue: the oldest are found by their times, their own and that of the order,
/// whose id begins with it.
type Age = (Timestamp, Option<String>, u64);

/// The oldest dead letters of those that were looked at: up to a number, and as many as have room, but one at least.
pub(super) struct Oldest {
    limit: usize,
    letters: BTreeMap<Age, DeadLetter>,
    bytes: usize,
    /// The age of the oldest one that has no place: none that is younger has one.
    youngest: Option<Age>,
}

impl Oldest {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, letters: BTreeMap::new(), bytes: 0, youngest: None }
    }

    pub(super) fn add(&mut self, tag: u64, letter: DeadLetter) {
        let age = (letter.first_seen, letter.order_id.clone(), tag);
        if self.youngest.as_ref().is_some_and(|youngest| *youngest < age) {
            return;
        }
        self.bytes += size(&letter);
        self.letters.insert(age, letter);
        while self.letters.len() > self.limit || (self.bytes > MAX_BYTES && self.letters.len() > 1) {
            let Some((age, letter)) = self.letters.pop_last() else { return };
            self.bytes -= size(&letter);
            self.youngest = Some(age);
        }
    }

    /// Oldest first.
    pub(super) fn into_letters(self) -> Vec<DeadLetter> {
        self.letters.into_values().collect()
    }
}

fn size(letter: &DeadLetter) -> usize {
    let headers = letter.headers.iter().map(|(name, value)| name.len() + value.len());
    letter.body.len() + letter.detail.len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use keeper_domain::{DeadLetterId, DeadLetterReason};

    use super::*;

    fn letter(first_seen: i64, bytes: usize) -> DeadLetter {
        DeadLetter {
            id: DeadLetterId::derive(None, b""),
            reason: DeadLetterReason::Invalid,
            detail: String::new(),
            first_seen: Timestamp::from_millis(first_seen).unwrap(),
            order_id: None,
            headers: Vec::new(),
            body: vec![b'x'; bytes],
        }
    }

    /// The times of those that have a place, of letters with these times and sizes.
    fn kept(limit: usize, letters: &[(i64, usize)]) -> Vec<i64> {
        let mut oldest = Oldest::new(limit);
        for (tag, (first_seen, bytes)) in (1..).zip(letters) {
            oldest.add(tag, letter(*first_seen, *bytes));
        }
        oldest.into_letters().iter().map(|letter| letter.first_seen.as_millis()).collect()
    }

    #[test]
    fn the_oldest_have_a_place_up_to_a_number() {
        assert_eq!(kept(2, &[(5, 1), (3, 1), (9, 1), (1, 1)]), [1, 3]);
        assert_eq!(kept(0, &[(5, 1)]), Vec::<i64>::new());
    }

    #[test]
    fn none_has_a_place_before_an_older_one_that_has_no_room() {
        let half = MAX_BYTES / 2;
        assert_eq!(kept(9, &[(1, half), (2, half), (3, 1)]), [1, 2]);
        assert_eq!(kept(9, &[(1, half + 1), (2, half), (3, 1), (0, 1)]), [0, 1]);
        assert_eq!(kept(9, &[(2, 2 * MAX_BYTES), (3, 1)]), [2]);
    }
}
