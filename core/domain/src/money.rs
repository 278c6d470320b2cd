use std::fmt;

use crate::Invalid;

/// An amount of money, 0.00 to 9,999,999,999.99, exact: whole minor units (cents), never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

const RULE: &str =
    "must be an amount from 0.00 to 9999999999.99 with at most two decimals, such as \"180.50\"";

impl Money {
    /// The largest amount, in minor units.
    pub const MAX_MINOR: i64 = 999_999_999_999;

    /// Takes minor units.
    ///
    /// # Errors
    /// The amount is negative or above [`Self::MAX_MINOR`].
    pub fn from_minor(field: &'static str, minor: i64) -> Result<Self, Invalid> {
        if (0..=Self::MAX_MINOR).contains(&minor) { Ok(Self(minor)) } else { Err(Invalid::new(field, RULE)) }
    }

    /// Takes minor units that were checked when their order was recorded. The largest amount may have been another one.
    ///
    /// # Errors
    /// The amount is negative.
    pub fn from_store(field: &'static str, minor: i64) -> Result<Self, Invalid> {
        if minor >= 0 { Ok(Self(minor)) } else { Err(Invalid::new(field, RULE)) }
    }

    /// Reads digits with at most two decimals after a point: `180`, `180.5`, `180.50`.
    ///
    /// # Errors
    /// Anything else: a sign, an exponent, a third decimal, separators, white space, an amount out of range.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        Self::from_minor(field, Self::minor(field, text)?)
    }

    /// Reads the digits of an amount that was checked when its order was recorded, as [`Self::from_store`] does.
    ///
    /// # Errors
    /// As of [`Self::parse`], but for the range.
    pub fn parse_stored(field: &'static str, text: &str) -> Result<Self, Invalid> {
        Self::from_store(field, Self::minor(field, text)?)
    }

    fn minor(field: &'static str, text: &str) -> Result<i64, Invalid> {
        let wrong = || Invalid::new(field, RULE);
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) if (1..=2).contains(&decimals.len()) => (whole, decimals),
            Some(_) => return Err(wrong()),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        // 16 digits, more than the range has: the arithmetic below cannot overflow.
        if whole.is_empty() || whole.len() > 16 || !digits(whole) || !digits(decimals) {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let minor: i64 = format!("{decimals:0<2}").parse().map_err(|_| wrong())?;
        Ok(whole * 100 + minor)
    }

    /// The amount in minor units.
    pub fn as_minor(self) -> i64 {
        self.0
    }
}

/// Writes the amount with two decimals: `180.50`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, minor) in
            [("0", 0), ("180", 18_000), ("180.5", 18_050), ("0.07", 7), ("9999999999.99", Money::MAX_MINOR)]
        {
            let money = Money::parse("total_amount", text).unwrap();
            assert_eq!(money.as_minor(), minor, "{text}");
            assert_eq!(Money::parse("total_amount", &money.to_string()).unwrap(), money);
        }
        assert_eq!(Money::parse("total_amount", "180.5").unwrap().to_string(), "180.50");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "1.",
            ".5",
            "1.234",
            "1,5",
            "1_000",
            " 1",
            "1 ",
            "0x10",
            "١",
            "1.é",
            "10000000000",
            "9999999999.999",
            // One more than 64 bits of minor units hold.
            "92233720368547758.08",
            "92233720368547758.99",
            "99999999999999999999",
            "1.2.3",
            "true",
            "null",
        ] {
            assert!(Money::parse("total_amount", text).is_err(), "{text:?}");
        }
    }
}
