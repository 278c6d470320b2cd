//! What somebody is answered who is not let in (RFC 6750).

use keeper_access::Denied;
use keeper_wire::ErrorCode;
use rocket::http::Header;

use crate::ApiError;

const REALM: &str = "Bearer realm=\"code-keeper\"";

/// The caller lacks something.
pub(super) fn denied(denied: Denied) -> ApiError {
    match denied {
        Denied::Unknown => {
            let message = "this needs credentials: an API key or a token, as Authorization: Bearer";
            challenged(ErrorCode::Unauthenticated, message.into(), "")
        }
        Denied::Lacks(scope) => {
            let challenge = format!(", error=\"insufficient_scope\", scope=\"{scope}\"");
            challenged(ErrorCode::Forbidden, format!("this needs the scope {scope}"), &challenge)
        }
    }
}

/// The credentials are not good. Which of the reasons it is would help a thief more than a client.
pub(super) fn refused() -> ApiError {
    let message = "these credentials are not valid, or not any more";
    challenged(ErrorCode::Unauthenticated, message.into(), ", error=\"invalid_token\"")
}

/// The scheme of the credentials is none of ours.
pub(super) fn unknown_scheme() -> ApiError {
    let message =
        "these credentials are not understood; send an API key or a token, as Authorization: Bearer";
    challenged(ErrorCode::Unauthenticated, message.into(), "")
}

fn challenged(code: ErrorCode, message: String, more: &str) -> ApiError {
    let header = Header::new("WWW-Authenticate", format!("{REALM}{more}"));
    ApiError { headers: vec![header], ..ApiError::new(code, message) }
}

/// What a refusal is called where it is counted and audited.
pub(super) fn outcome_of(why: Denied) -> &'static str {
    match why {
        Denied::Unknown => "unauthenticated",
        Denied::Lacks(_) => "forbidden",
    }
}
