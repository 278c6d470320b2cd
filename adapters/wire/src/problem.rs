use serde::Serialize;

use crate::{ErrorBody, ErrorCode};

/// An error as [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) writes it, for clients that ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Problem"))]
pub struct ProblemBody {
    /// Its kind, as an address.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its kind, in words.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong, for people.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// What kind of error it is, for programs.
    pub code: ErrorCode,
    /// The id under which the request is found in the logs.
    pub request_id: String,
    /// The field that is at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ProblemBody {
    /// The content type of such a body.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// An error of an answer with this status, to a request for this path. Both addresses of it are below the prefix, which
    /// is empty or begins with a slash.
    pub fn new(error: ErrorBody, status: u16, prefix: &str, path: &str) -> Self {
        let ErrorBody { message, code, request_id, field } = error;
        Self {
            kind: format!("{prefix}/problems/{}", code.as_str()),
            title: title(code),
            status,
            detail: message,
            instance: format!("{prefix}{path}"),
            code,
            request_id,
            field,
        }
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Invalid => "Something in the request breaks a rule",
        ErrorCode::Unreadable => "The body is not JSON",
        ErrorCode::Unauthenticated => "Credentials are missing or not valid",
        ErrorCode::Forbidden => "The caller may not do this",
        ErrorCode::NotFound => "There is no such thing",
        ErrorCode::MethodNotAllowed => "The address has no such method",
        ErrorCode::SlowRequest => "The request came too slowly",
        ErrorCode::PreconditionFailed => "Somebody else was faster",
        ErrorCode::TooLarge => "The request is too large",
        ErrorCode::UnsupportedMediaType => "The body is not sent as JSON",
        ErrorCode::KeyReused => "The key names another order",
        ErrorCode::RateLimited => "Too many calls",
        ErrorCode::Internal => "A fault of the service",
        ErrorCode::Unavailable => "The service cannot do this now",
        ErrorCode::Overloaded => "The service has too much to do",
        ErrorCode::Timeout => "Something did not answer in time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_the_error_says() {
        let error = ErrorBody {
            message: "limit must be a whole number from 1 to 1000".into(),
            code: ErrorCode::Invalid,
            request_id: "r1".into(),
            field: Some("limit".into()),
        };
        let problem = serde_json::to_value(ProblemBody::new(error.clone(), 400, "", "/api/movies")).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/invalid",
            "title": "Something in the request breaks a rule",
            "status": 400,
            "detail": "limit must be a whole number from 1 to 1000",
            "instance": "/api/movies",
            "code": "invalid",
            "request_id": "r1",
            "field": "limit",
        });
        assert_eq!(problem, expected);
        let below = ProblemBody::new(error, 400, "/shop", "/api/movies");
        assert_eq!(
            (below.kind.as_str(), below.instance.as_str()),
            ("/shop/problems/invalid", "/shop/api/movies")
        );
    }
}
