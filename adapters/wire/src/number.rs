//! Reading JSON numbers by their exact value: `20`, `20.0` and `2E1` are the same number. No float is ever made.

use std::borrow::Cow;

/// The most digits that a number is written out with: more than any field takes.
const MOST_DIGITS: usize = 64;

/// Writes a JSON number without an exponent and without zeros that say nothing: `2.50E+2` is `250`, `-0.0` is `0`.
///
/// `None` where that takes more than [`MOST_DIGITS`] digits. The effort is bounded by the literal's length, whatever its
/// exponent says.
pub(crate) fn plain(literal: &str) -> Option<Cow<'_, str>> {
    if literal.len() <= MOST_DIGITS && is_plain(literal) {
        return Some(Cow::Borrowed(literal));
    }
    let (sign, unsigned) = match literal.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", literal),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, decimals].concat();
    let significant = digits.trim_start_matches('0');
    // The value is 0.SIGNIFICANT times ten to the power of `point`.
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some(Cow::Borrowed("0"));
    }
    let before = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    let point = power(exponent).saturating_add(before);
    written(sign, significant, point).map(Cow::Owned)
}

/// Digits only, or with decimals whose last is not 0.
fn is_plain(literal: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match literal.split_once('.') {
        Some((whole, decimals)) => digits(whole) && digits(decimals) && !decimals.ends_with('0'),
        None => digits(literal),
    }
}

/// An exponent of any length; far more than any number of digits counts as the most.
fn power(exponent: &str) -> i64 {
    let most = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    exponent.parse().unwrap_or(most)
}

fn written(sign: &str, significant: &str, point: i64) -> Option<String> {
    let Ok(point) = usize::try_from(point) else {
        let zeros = usize::try_from(point.unsigned_abs()).ok()?;
        let fits = zeros.saturating_add(significant.len()) <= MOST_DIGITS;
        return fits.then(|| format!("{sign}0.{}{significant}", "0".repeat(zeros)));
    };
    if point.max(significant.len()) > MOST_DIGITS {
        return None;
    }
    Some(match significant.split_at_checked(point) {
        Some(("", decimals)) => format!("{sign}0.{decimals}"),
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, decimals)) => format!("{sign}{whole}.{decimals}"),
        None => format!("{sign}{significant}{}", "0".repeat(point - significant.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_value_however_it_is_written() {
        for (literal, value) in [
            ("20", "20"),
            ("20.0", "20"),
            ("2E1", "20"),
            ("2e+01", "20"),
            ("200e-1", "20"),
            ("0.2e2", "20"),
            ("2.5E+2", "250"),
            ("250.000", "250"),
            ("99.0", "99"),
            ("180.50", "180.5"),
            ("1.005", "1.005"),
            ("1005e-3", "1.005"),
            ("0.07", "0.07"),
            ("7e-2", "0.07"),
            ("0.10", "0.1"),
            ("1e-1", "0.1"),
            ("-5", "-5"),
            ("-5.0", "-5"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.0e5", "0"),
            ("0e-99999999999999999999999", "0"),
            ("0.000", "0"),
            ("99999999999999999999", "99999999999999999999"),
            ("0.00001e5", "1"),
        ] {
            assert_eq!(plain(literal).as_deref(), Some(value), "{literal}");
        }
        assert_eq!(plain(&format!("1.{}", "0".repeat(60_000))).as_deref(), Some("1"));
        assert_eq!(plain(&format!("1{}e-60000", "0".repeat(60_000))).as_deref(), Some("1"));
        assert_eq!(plain("1e63").map(|text| text.len()), Some(64));
    }

    #[test]
    fn a_number_that_would_be_long_is_not_written_out() {
        let nines = "9".repeat(65);
        for literal in [
            "1e64",
            "1e400",
            "1E999999999",
            "1e-400",
            "1E-999999999",
            "1e99999999999999999999999999",
            "1e-99999999999999999999999999",
            "-1e400",
            "1e9223372036854775807",
            "10e9223372036854775807",
            "1e-9223372036854775808",
            "0.1e-9223372036854775808",
            &nines,
        ] {
            assert_eq!(plain(literal), None, "{literal}");
        }
    }
}
