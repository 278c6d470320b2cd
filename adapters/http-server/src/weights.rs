//! What a client says that it prefers, such as in `Accept` and `Accept-Encoding` (RFC 9110, 12.4.2).

/// The entries of such a header's lines: the name, and its weight in thousandths. 0 means not accepted; a weight that
/// cannot be read counts as 0.
pub(crate) fn weighted<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, u16)> {
    lines.flat_map(|line| line.split(',')).map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (name, weight.map_or(1_000, |text| thousandths(text).unwrap_or(0)))
    })
}

/// `0`, `0.5`, `1.000`: at most three decimals, at most 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let decimals: u16 = format!("{decimals:0<3}").parse().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_its_weight() {
        let lines =
            ["br, GZip ; q=0.5,,x;profile=\"a\";Q=1.000", "", "*;q=0", "a;q=0.001,b;q=0.5555,c;q=1.1,d;q=-1"];
        let entries: Vec<_> = weighted(lines.into_iter()).collect();
        let expected = [
            ("br", 1_000),
            ("GZip", 500),
            ("", 1_000),
            ("x", 1_000),
            ("", 1_000),
            ("*", 0),
            ("a", 1),
            ("b", 0),
            ("c", 0),
            ("d", 0),
        ];
        assert_eq!(entries, expected);
    }
}
