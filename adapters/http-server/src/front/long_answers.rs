use std::time::Duration;

use keeper_wire::ErrorCode;
use tokio::sync::AcquireError;
use tokio::time::timeout;

use super::kept::{self, Permit};
use super::lanes::Lanes;
use super::refusal::Refusal;
use crate::ApiError;

/// The longest page of a list, in bytes. One with a single entry may be longer.
pub(crate) const LONGEST_PAGE: usize = 4 * 1024 * 1024;

/// What is longer is a long answer, in bytes. The limit of requests in flight bounds the others.
const LONGEST_SHORT: usize = 64 * 1024;

/// How long an answer waits until it may be made.
const PATIENCE: Duration = Duration::from_secs(5);

/// Limits how many bytes of long answers may be made, and how many may be sent, at the same time, and so the memory that they
/// take. Of either, the longest ones, of more than an eighth, share half.
#[derive(Debug, Clone)]
pub(crate) struct LongAnswers {
    making: Lanes,
    sending: Lanes,
    /// In KiB, as all counts here.
    most: u32,
}

impl LongAnswers {
    pub(crate) fn of_mib(mib: u32) -> Self {
        let most = mib.saturating_mul(1024);
        Self { making: Lanes::of_kib(most), sending: Lanes::of_kib(most), most }
    }

    /// Waits until an answer may be made for which so many bytes may be read. Its sending counts with its true length once
    /// that is known. Where nobody sends it, as in tests of routes, what it gives is held while the answer is made.
    ///
    /// # Errors
    /// `unavailable`, when that takes too long.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Option<Permit>, ApiError> {
        if bytes <= LONGEST_SHORT {
            return Ok(None);
        }
        // One that is more than all others together is made alone.
        let made = kib(bytes).min(self.most / 2);
        let (sent, longest) = (made.min(kib(LONGEST_PAGE)), self.is_longest(made));
        let permit = async {
            // First what slow clients take up: who waits for that keeps nobody from making something.
            let sending = self.sending.room(sent, longest).await?;
            Ok::<_, AcquireError>(Permit { making: Some(self.making.room(made, longest).await?), sending })
        };
        let Ok(Ok(permit)) = timeout(PATIENCE, permit).await else {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "too many long answers are asked for at the same time",
            ));
        };
        Ok(kept::permit(permit))
    }

    /// The permit of an answer that is made and has so many bytes, of what was reserved for it. A short one needs none.
    ///
    /// # Errors
    /// More was made than was reserved, and there is no room for it.
    pub(super) fn cover(&self, reserved: Option<Permit>, bytes: usize) -> Result<Option<Permit>, Refusal> {
        if bytes <= LONGEST_SHORT {
            return Ok(None);
        }
        let kib = kib(bytes);
        let enough = reserved.and_then(|permit| permit.sending.reduced(kib)).map(Ok);
        let sending = enough.unwrap_or_else(|| self.sending.room_now(kib, self.is_longest(kib)));
        let sending = sending.map_err(|_| Refusal::Overloaded)?;
        Ok(Some(Permit { making: None, sending }))
    }

    fn is_longest(&self, kib: u32) -> bool {
        kib > self.most / 8
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn an_answer_counts_with_its_true_length() {
        let answers = LongAnswers::of_mib(16);
        let free = || answers.sending.free();
        assert!(answers.cover(None, LONGEST_SHORT).unwrap().is_none());
        let permit = answers.cover(None, 4 * MIB).unwrap();
        assert_eq!(free(), (12 * 1024, 4 * 1024));
        let permit = answers.cover(permit, 100 * 1024).unwrap();
        assert_eq!(free(), (16 * 1024 - 100, 8 * 1024 - 100));
        // Longer than was thought.
        let permit = answers.cover(permit, 101 * 1024).unwrap();
        assert_eq!(free(), (16 * 1024 - 101, 8 * 1024));
        assert_eq!(answers.cover(None, 17 * MIB).unwrap_err(), Refusal::Overloaded);
        drop(permit);
        assert_eq!(free(), (16 * 1024, 8 * 1024));
    }

    #[tokio::test]
    async fn what_is_reserved_counts_until_it_is_made_and_sent() {
        let answers = LongAnswers::of_mib(16);
        let free = || (answers.making.free().0, answers.sending.free().0);
        kept::collect(async {
            answers.reserve(usize::MAX).await.unwrap();
            assert_eq!(free(), (8 * 1024, 12 * 1024));
            let permit = answers.cover(kept::take().permit, MIB).unwrap();
            assert_eq!(free(), (16 * 1024, 15 * 1024));
            drop(permit);
            assert_eq!(free(), (16 * 1024, 16 * 1024));
            // It is given back with a handler that fails.
            answers.reserve(MIB).await.unwrap();
            assert_eq!(free(), (15 * 1024, 15 * 1024));
        })
        .await;
        assert_eq!(free(), (16 * 1024, 16 * 1024));
    }

    #[tokio::test]
    async fn the_longest_ones_wait_for_each_other_and_hold_nobody_else_up() {
        let answers = LongAnswers::of_mib(16);
        let longest = answers.cover(None, 8 * MIB).unwrap();
        let mut waiting = std::pin::pin!(answers.reserve(usize::MAX));
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("it may not be made yet"),
            made = answers.reserve(MIB) => drop(made.unwrap()),
        }
        answers.reserve(LONGEST_SHORT).await.unwrap();
        drop(longest);
        waiting.await.unwrap();
    }
}
