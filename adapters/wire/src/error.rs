use serde::{Deserialize, Serialize};

/// What kind of error it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: a field is missing or breaks a rule.
    Invalid,
    /// 400: the body is not JSON.
    Unreadable,
    /// 401: the caller must say who they are, or could not.
    Unauthenticated,
    /// 403: the caller may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the path is right, the method is not.
    MethodNotAllowed,
    /// 408: the body came too slowly.
    SlowRequest,
    /// 412: somebody else was faster.
    PreconditionFailed,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body's content type is not understood.
    UnsupportedMediaType,
    /// 422: the key names another order.
    KeyReused,
    /// 429: the caller made too many calls.
    RateLimited,
    /// 500: a fault of the service.
    Internal,
    /// 503: a dependency is away; the same request may succeed later.
    Unavailable,
    /// 503: the unit has as many requests as it takes.
    Overloaded,
    /// 504: a dependency did not answer in time.
    Timeout,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid | Self::Unreadable => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::SlowRequest => 408,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::KeyReused => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }

    /// The code as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unreadable => "unreadable",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SlowRequest => "slow_request",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::KeyReused => "key_reused",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
        }
    }
}

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Error"))]
pub struct ErrorBody {
    /// What is wrong, for people.
    pub message: String,
    /// What kind of error it is, for programs.
    pub code: ErrorCode,
    /// The id under which the request is found in the logs.
    pub request_id: String,
    /// The field that is at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_it_is_named() {
        for code in [
            ErrorCode::Invalid,
            ErrorCode::SlowRequest,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::Overloaded,
        ] {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{}\"", code.as_str()));
        }
    }
}
