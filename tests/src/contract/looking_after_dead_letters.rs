//! The cases of the queue's contract about what an operator sees of the dead letters.

use std::sync::Arc;

use keeper_domain::{Coverage, DeadLetter, DeadLetterId, DeadLetterSelection};
use keeper_ports::PortError;
use keeper_ports::billing::Keep;

use super::order_queue::{RecordingHandler, Subject, by_user, until};
use super::samples::order;

pub async fn a_dead_letter_that_cannot_be_kept_stays(subject: Subject) {
    let dead = refused_orders(&subject, 3).await;
    let keep: Keep = Arc::new(|_| Err(PortError::failed("journal", "the disk is full")));
    let refused = subject.dead_letters.discard(vec![dead[1].id], keep).await.unwrap_err();
    assert!(refused.chain().contains("the disk is full"), "{}", refused.chain());
    assert_eq!(subject.dead(3).await, dead);
    assert_eq!(subject.discard(vec![dead[1].id]).await, (1, vec![dead[1].clone()]));
}

/// So many dead letters, oldest first.
async fn refused_orders(subject: &Subject, count: usize) -> Vec<DeadLetter> {
    let running = subject.start(&RecordingHandler::new(by_user));
    let orders: Vec<_> = (0..count).map(|_| order("contrary")).collect();
    subject.enqueue(&orders).await;
    let dead = subject.dead(count).await;
    running.stop().await;
    dead
}

pub async fn a_list_says_how_many_dead_letters_there_are(subject: Subject) {
    assert_eq!(subject.dead_letters.list(10).await.unwrap().coverage, Coverage::whole(0));
    refused_orders(&subject, 5).await;
    for (limit, shown) in [(0, 0), (2, 2), (5, 5), (10, 5)] {
        let list = subject.dead_letters.list(limit).await.unwrap();
        assert_eq!((list.letters.len(), list.coverage), (shown, Coverage::whole(5)));
    }
}

pub async fn a_dead_letter_is_found_by_its_id(subject: Subject) {
    let dead = refused_orders(&subject, 5).await;
    let found = subject.dead_letters.find(dead[3].id).await.unwrap();
    assert_eq!((&found.letters[..], found.coverage), (&dead[3..4], Coverage::whole(5)));
    let unknown = DeadLetterId::derive(None, b"nobody sent this");
    let found = subject.dead_letters.find(unknown).await.unwrap();
    assert_eq!((found.letters, found.coverage), (Vec::new(), Coverage::whole(5)));
    assert_eq!(subject.dead(5).await, dead);
}

/// Whoever comes second is told to come again, or finds all: what another call holds is not taken for absent.
pub async fn calls_beside_each_other_look_at_everything_or_fail(subject: Subject) {
    const COUNT: usize = 300;
    let dead = refused_orders(&subject, COUNT).await;
    let letters = &subject.dead_letters;
    until("all are replayed", async || {
        let (one, other, found, replayed) = tokio::join!(
            letters.list(1000),
            letters.list(1000),
            letters.find(dead[7].id),
            letters.replay(DeadLetterSelection::All)
        );
        for list in [one, other] {
            let seen = list.map(|list| (list.letters.len(), list.coverage.is_whole()));
            let all_or_none = |seen| matches!(seen, (COUNT | 0, true));
            assert!(
                seen.as_ref().map_or_else(PortError::is_transient, |seen| all_or_none(*seen)),
                "{seen:?}"
            );
        }
        assert!(
            found.as_ref().map_or_else(PortError::is_transient, |found| found.coverage.is_whole()),
            "{found:?}"
        );
        match replayed {
            Ok(replayed) => {
                assert_eq!(
                    (replayed.count, replayed.coverage),
                    (COUNT as u64, Coverage::whole(COUNT as u64))
                );
                Some(())
            }
            Err(error) => {
                assert!(error.is_transient(), "{}", error.chain());
                assert_eq!(subject.dead(COUNT).await.len(), COUNT);
                None
            }
        }
    })
    .await;
    assert!(subject.dead(0).await.is_empty());
}
