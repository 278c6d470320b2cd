use keeper_domain::Timestamp;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Type};

/// The server counts microseconds from the year 2000.
const EPOCH_MILLIS: i64 = 946_684_800_000;

/// A `timestamptz`, read from its number. sqlx's own reading panics where chrono cannot hold it: `infinity`, or a year
/// beyond 262,000.
pub(crate) struct Moment(Timestamp);

impl Moment {
    pub(crate) fn get(self) -> Timestamp {
        self.0
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("timestamptz")
    }
}

impl<'row> Decode<'row, Postgres> for Moment {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        Ok(Self(timestamp(<i64 as Decode<'row, Postgres>>::decode(value)?)?))
    }
}

fn timestamp(micros: i64) -> Result<Timestamp, BoxDynError> {
    match micros {
        i64::MAX => Err("a time is infinity".into()),
        i64::MIN => Err("a time is -infinity".into()),
        // It cannot overflow: it was divided before.
        finite => Ok(Timestamp::from_millis(finite.div_euclid(1000) + EPOCH_MILLIS)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_from_its_number_or_refused() {
        let read = |micros| timestamp(micros).map(|time| time.to_string()).map_err(|error| error.to_string());
        assert_eq!(read(0).unwrap(), "2000-01-01T00:00:00.000Z");
        assert_eq!(read(-1).unwrap(), "1999-12-31T23:59:59.999Z");
        assert_eq!(read(1_999).unwrap(), "2000-01-01T00:00:00.001Z");
        assert!(read(i64::MAX).unwrap_err().contains("infinity"));
        assert!(read(i64::MIN).unwrap_err().contains("-infinity"));
        for far in [i64::MAX - 1, i64::MIN + 1] {
            assert!(read(far).unwrap_err().contains("0000 to 9999"));
        }
    }
}
