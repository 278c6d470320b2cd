//! The form in which a client is told an error: our own, or that of RFC 9457 where it asks for that.

use keeper_wire::{ErrorBody, ProblemBody};

use crate::weights::weighted;

/// The content type of errors in our own form.
const JSON: &str = "application/json";

/// The body of an error and its content type, for a client that accepts these. Proxies may have taken a prefix from the
/// path.
pub(crate) fn written<'a>(
    error: ErrorBody,
    status: u16,
    (prefix, path): (Option<String>, &str),
    accepts: impl Iterator<Item = &'a str>,
) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
    if asks_for_problems(accepts) {
        let problem = ProblemBody::new(error, status, &prefix.unwrap_or_default(), path);
        return Ok((ProblemBody::CONTENT_TYPE, serde_json::to_vec(&problem)?));
    }
    Ok((JSON, serde_json::to_vec(&error)?))
}

/// Whether the lines of an `Accept` name the form of problems, and do not like ours better. A wildcard is no wish.
fn asks_for_problems<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let (mut problem, mut own) = (0, 0);
    for (name, weight) in weighted(lines) {
        if name.eq_ignore_ascii_case(ProblemBody::CONTENT_TYPE) {
            problem = weight;
        } else if name.eq_ignore_ascii_case(JSON) {
            own = weight;
        }
    }
    problem > 0 && problem >= own
}

#[cfg(test)]
mod tests {
    use super::asks_for_problems;

    #[test]
    fn problems_are_for_those_who_name_them() {
        for (accept, asks) in [
            ("", false),
            ("*/*", false),
            ("application/*", false),
            ("application/json", false),
            ("application/problem+json", true),
            ("Application/Problem+JSON", true),
            ("application/json, application/problem+json", true),
            ("application/problem+json;q=0.5, */*", true),
            ("application/json, application/problem+json;q=0.9", false),
            ("application/json;q=0.5, application/problem+json ; q=0.5", true),
            ("application/problem+json;q=0", false),
            ("application/problem+json;q=x", false),
            ("application/problem+json;profile=\"a\";q=0.1", true),
            (",;;q=1,application/problem+xml", false),
        ] {
            assert_eq!(asks_for_problems([accept].into_iter()), asks, "{accept}");
        }
        assert!(!asks_for_problems(std::iter::empty()));
        assert!(asks_for_problems(["text/html", "application/problem+json"].into_iter()));
    }
}
