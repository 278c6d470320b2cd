use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::PortResult;
use keeper_ports::billing::{DeadLetterOperations, DeadLetters, Journal, Keep};

/// Looks after the dead letters, and keeps what is thrown away.
pub struct Operations {
    dead_letters: Arc<dyn DeadLetters>,
    journal: Arc<dyn Journal>,
}

impl Operations {
    /// Assembles the use case.
    pub fn new(dead_letters: Arc<dyn DeadLetters>, journal: Arc<dyn Journal>) -> Self {
        Self { dead_letters, journal }
    }
}

#[async_trait]
impl DeadLetterOperations for Operations {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        self.dead_letters.list(limit).await
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        self.dead_letters.find(id).await
    }

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        self.dead_letters.replay(selection).await
    }

    async fn discard(&self, id: DeadLetterId, because: String) -> PortResult<DeadLettersTaken> {
        let journal = Arc::clone(&self.journal);
        let keep: Keep = Arc::new(move |letter| journal.keep(letter, &because));
        self.dead_letters.discard(vec![id], keep).await
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{Coverage, DeadLetter, DeadLetterReason, Timestamp};
    use keeper_ports::PortError;
    use keeper_ports::billing::{MockDeadLetters, MockJournal};

    use super::*;

    fn dead_letter() -> DeadLetter {
        DeadLetter {
            id: DeadLetterId::derive(None, b"{}"),
            reason: DeadLetterReason::Invalid,
            detail: "user_id must be given".into(),
            first_seen: Timestamp::from_millis(1).unwrap(),
            order_id: None,
            headers: Vec::new(),
            body: b"{}".to_vec(),
        }
    }

    /// Discards one as a queue does: it is kept, or stays.
    fn discarding() -> MockDeadLetters {
        let mut dead_letters = MockDeadLetters::new();
        dead_letters.expect_discard().withf(|ids, _| *ids == [dead_letter().id]).once().returning(
            |_, keep| {
                keep(&dead_letter())?;
                Ok(DeadLettersTaken { count: 1, coverage: Coverage::whole(1) })
            },
        );
        dead_letters
    }

    #[tokio::test]
    async fn what_is_discarded_is_kept_with_the_reason() {
        let mut journal = MockJournal::new();
        journal
            .expect_keep()
            .withf(|letter, because| *letter == dead_letter() && because == "a test")
            .once()
            .returning(|_, _| Ok(()));
        let operations = Operations::new(Arc::new(discarding()), Arc::new(journal));
        assert_eq!(operations.discard(dead_letter().id, "a test".into()).await.unwrap().count, 1);
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_not_discarded() {
        let mut journal = MockJournal::new();
        journal.expect_keep().once().returning(|_, _| Err(PortError::failed("journal", "the disk is full")));
        let operations = Operations::new(Arc::new(discarding()), Arc::new(journal));
        assert!(operations.discard(dead_letter().id, "a test".into()).await.is_err());
    }

    #[tokio::test]
    async fn everything_else_is_for_the_queue_to_do() {
        let mut dead_letters = MockDeadLetters::new();
        let list = || DeadLetterList { letters: vec![dead_letter()], coverage: Coverage::whole(3) };
        dead_letters.expect_list().withf(|limit| *limit == 5).once().returning(move |_| Ok(list()));
        dead_letters.expect_find().withf(|id| *id == dead_letter().id).once().returning(move |_| Ok(list()));
        dead_letters
            .expect_replay()
            .withf(|selection| *selection == DeadLetterSelection::All)
            .once()
            .returning(|_| Ok(DeadLettersTaken { count: 3, coverage: Coverage::whole(3) }));
        let operations = Operations::new(Arc::new(dead_letters), Arc::new(MockJournal::new()));
        assert_eq!(operations.list(5).await.unwrap(), list());
        assert_eq!(operations.find(dead_letter().id).await.unwrap(), list());
        assert_eq!(operations.replay(DeadLetterSelection::All).await.unwrap().count, 3);
    }
}
