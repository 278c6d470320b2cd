use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// Makes the id of a request, which sorts by its time. uuid's own way to the time panics before 1970, where a clock is not
/// set.
pub(crate) fn new_request_id() -> String {
    of(now())
}

#[expect(clippy::disallowed_methods, reason = "a part of an id that identifies no order")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn of(time: SystemTime) -> String {
    // The id has 48 bits of milliseconds.
    let latest = Duration::from_millis((1 << 48) - 1);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(latest);
    Uuid::new_v7(Timestamp::from_unix(NoContext, since.as_secs(), since.subsec_nanos())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_ids() {
        let far = Duration::from_secs(i64::MAX.unsigned_abs());
        let times =
            [UNIX_EPOCH.checked_sub(Duration::from_secs(1)), UNIX_EPOCH.checked_add(far), Some(now())];
        for time in times.into_iter().flatten() {
            assert_ne!(of(time), of(time), "{time:?}");
            assert_eq!(of(time).len(), 36, "{time:?}");
        }
    }
}
