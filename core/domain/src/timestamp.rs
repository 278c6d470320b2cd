use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};

use crate::Invalid;

/// A moment in UTC, in whole milliseconds since the Unix epoch: what every store and every message can hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Takes milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// The moment is outside the calendar (about 262,000 years either way).
    pub fn from_millis(millis: i64) -> Result<Self, Invalid> {
        let moment = Utc.timestamp_millis_opt(millis).single();
        moment.map(Self).ok_or_else(|| Invalid::new("timestamp", "must be within the calendar"))
    }

    /// Reads RFC 3339, any offset; fractions below a millisecond are cut off.
    ///
    /// # Errors
    /// The text is not RFC 3339.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        DateTime::parse_from_rfc3339(text)
            .map(|moment| Self::from(moment.to_utc()))
            .map_err(|_| Invalid::new(field, "must be a time in RFC 3339"))
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

impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        // A moment that chrono holds is within the range by which it was made.
        Self::from_millis(moment.timestamp_millis()).unwrap_or(Self(moment))
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
    }
}
