use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keeper_domain::{OrderId, Timestamp};
use keeper_ports::Clock;
use keeper_ports::billing::OrderIds;
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp as UuidTimestamp, Uuid};

/// The system's time.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now().into()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Order ids of UUID version 7: in the order of their time, so that an index grows at its end.
pub struct UuidOrderIds;

/// Keeps the ids of one millisecond in order.
static IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

impl OrderIds for UuidOrderIds {
    fn next(&self) -> OrderId {
        OrderId::new(id_of(now().into()))
    }
}

/// The system's time, also where its clock is not set: chrono's and uuid's own ways to it panic before 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "behind the port `Clock`, and when a line of the log was written"
)]
pub(crate) fn now() -> DateTime<Utc> {
    moment(SystemTime::now())
}

fn moment(time: SystemTime) -> DateTime<Utc> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => chrono::Duration::from_std(since)
            .ok()
            .and_then(|since| DateTime::UNIX_EPOCH.checked_add_signed(since))
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
        Err(before) => chrono::Duration::from_std(before.duration())
            .ok()
            .and_then(|until| DateTime::UNIX_EPOCH.checked_sub_signed(until))
            .unwrap_or(DateTime::<Utc>::MIN_UTC),
    }
}

/// An id of this time, or of the beginning of 1970 where it is before.
fn id_of(time: Timestamp) -> Uuid {
    let since = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0));
    let order = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    Uuid::new_v7(UuidTimestamp::from_unix(&*order, since.as_secs(), since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_the_system_is_a_moment_and_has_an_id() {
        let second = Duration::from_secs(1);
        let far = [i64::MAX as u64, 10_u64.pow(12), 10_u64.pow(15)].map(Duration::from_secs);
        let later = far.iter().filter_map(|far| UNIX_EPOCH.checked_add(*far));
        let before = far.iter().filter_map(|far| UNIX_EPOCH.checked_sub(*far));
        let near =
            [UNIX_EPOCH - second, UNIX_EPOCH - Duration::from_nanos(1), UNIX_EPOCH, UNIX_EPOCH + second];
        for time in near.into_iter().chain(later).chain(before) {
            let timestamp = Timestamp::from(moment(time));
            assert!(Timestamp::from_millis(timestamp.as_millis()).is_ok(), "{time:?}");
            assert_eq!(id_of(timestamp).get_version_num(), 7, "{time:?}");
        }
        assert_eq!(moment(UNIX_EPOCH - Duration::from_millis(1_500)).timestamp_millis(), -1_500);
        assert_eq!(moment(UNIX_EPOCH + Duration::from_millis(1_500)).timestamp_millis(), 1_500);
    }

    #[test]
    fn ids_ascend() {
        let ids: Vec<_> = (0..1_000).map(|_| UuidOrderIds.next()).collect();
        assert!(ids.is_sorted());
        let old: Vec<_> = (0..1_000).map(|_| id_of(Timestamp::from_millis(-5).unwrap())).collect();
        assert_eq!(std::collections::BTreeSet::from_iter(old).len(), 1_000);
    }
}
