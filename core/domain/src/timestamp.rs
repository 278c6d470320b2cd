use std::fmt;
use std::ops::RangeInclusive;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};

use crate::Invalid;

/// A moment in UTC, in whole milliseconds since the Unix epoch, in the years 0000 to 9999, which is what RFC 3339 can write:
/// what every store and every message can hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// The first and the last millisecond of the years 0000 to 9999.
const YEARS: RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// Takes milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// The moment is not in the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, Invalid> {
        let moment = Utc.timestamp_millis_opt(millis).single().filter(|_| YEARS.contains(&millis));
        moment.map(Self).ok_or_else(|| Invalid::new("timestamp", "must be in the years 0000 to 9999"))
    }

    /// Reads RFC 3339, any offset; fractions below a millisecond are cut off.
    ///
    /// # Errors
    /// The text is not RFC 3339, or its offset takes it out of the years 0000 to 9999.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let moment = DateTime::parse_from_rfc3339(text).ok();
        moment
            .and_then(|moment| Self::from_millis(moment.timestamp_millis()).ok())
            .ok_or_else(|| Invalid::new(field, "must be a time in RFC 3339"))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// The same moment as chrono has it.
    pub fn as_datetime(self) -> DateTime<Utc> {
        self.0
    }
}

/// Takes a clock's or a store's moment; one outside the years 0000 to 9999 becomes the nearest within.
impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        let millis = moment.timestamp_millis().clamp(*YEARS.start(), *YEARS.end());
        Self(Utc.timestamp_millis_opt(millis).single().unwrap_or(moment))
    }
}

/// Writes RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_in_utc_with_milliseconds_and_read_back() {
        let moment = Timestamp::parse("createdAt", "2026-01-31T10:30:00.123987+01:00").unwrap();
        assert_eq!(moment.to_string(), "2026-01-31T09:30:00.123Z");
        assert_eq!(Timestamp::parse("createdAt", &moment.to_string()).unwrap(), moment);
        assert_eq!(Timestamp::from_millis(moment.as_millis()).unwrap(), moment);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Timestamp::parse("createdAt", "yesterday").is_err());
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        for outside in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"] {
            assert!(Timestamp::parse("createdAt", outside).is_err(), "{outside}");
        }
        // Milliseconds, where seconds were meant.
        assert!(Timestamp::from_millis(1_700_000_000_000_000).is_err());
    }

    #[test]
    fn what_a_store_has_outside_is_written_as_rfc_3339_all_the_same() {
        for (outside, nearest) in [
            (DateTime::<Utc>::MAX_UTC, "9999-12-31T23:59:59.999Z"),
            (DateTime::<Utc>::MIN_UTC, "0000-01-01T00:00:00.000Z"),
        ] {
            let text = Timestamp::from(outside).to_string();
            assert_eq!(text, nearest);
            Timestamp::parse("createdAt", &text).unwrap();
        }
    }
}
