//! Conditional requests (RFC 9110, 13): which versions of a movie a caller has, or would change.

use keeper_domain::{Invalid, MovieVersion};
use rocket::Request;
use rocket::http::{Header, Status};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use crate::ApiError;
use crate::coding::untagged;
use crate::docs::parameters::{if_match, if_none_match};

/// `If-Match`: the versions that a caller would change. `None`: whichever it is.
pub(crate) struct IfMatch(pub(crate) Option<Vec<MovieVersion>>);

/// `If-None-Match`: what a caller has already.
pub(crate) struct IfNoneMatch(Option<Tags>);

/// The `ETag` of a movie in this version.
pub(crate) fn etag(version: MovieVersion) -> Header<'static> {
    Header::new("ETag", format!("\"{version}\""))
}

impl IfNoneMatch {
    /// The caller has the movie in this version.
    pub(crate) fn has(&self, version: MovieVersion) -> bool {
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.iter().any(|tag| tag.version == Some(version)),
        }
    }
}

/// What such a header names.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever is there.
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    /// `None`: no movie ever has it.
    version: Option<MovieVersion>,
}

impl Tags {
    /// Reads the lines of a header; `None` where there is none.
    fn of(request: &Request<'_>, header: &'static str) -> Result<Option<Self>, Invalid> {
        let lines: Vec<&str> = request.headers().get(header).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let read = Self::read(&lines.join(","));
        read.map(Some).ok_or_else(|| Invalid::new(header, "must be * or entity tags, such as \"a\", \"b\""))
    }

    fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        loop {
            // Empty elements of a list count as none (RFC 9110, 5.6.1).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let weak = rest.starts_with("W/");
            let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
            let (tag, after) = opaque.split_once('"')?;
            if tag.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                return None;
            }
            tags.push(Tag { weak, version: MovieVersion::parse(untagged(tag)) });
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
        (!tags.is_empty()).then_some(Self::These(tags))
    }
}

impl From<Option<Tags>> for IfMatch {
    /// A weak tag matches nothing: what it names may differ from the movie.
    fn from(tags: Option<Tags>) -> Self {
        match tags {
            None | Some(Tags::Any) => Self(None),
            Some(Tags::These(tags)) => {
                Self(Some(tags.into_iter().filter(|tag| !tag.weak).filter_map(|tag| tag.version).collect()))
            }
        }
    }
}

impl From<Option<Tags>> for IfNoneMatch {
    fn from(tags: Option<Tags>) -> Self {
        Self(tags)
    }
}

macro_rules! guard {
    ($condition:ty, $header:literal, $documentation:expr) => {
        #[rocket::async_trait]
        impl<'r> FromRequest<'r> for $condition {
            type Error = ApiError;

            async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ApiError> {
                match Tags::of(request, $header) {
                    Ok(tags) => Outcome::Success(tags.into()),
                    Err(invalid) => Outcome::Error((Status::BadRequest, invalid.into())),
                }
            }
        }

        impl OpenApiFromRequest<'_> for $condition {
            fn from_request_input(
                _: &mut OpenApiGenerator,
                _: String,
                _: bool,
            ) -> rocket_okapi::Result<RequestHeaderInput> {
                Ok(RequestHeaderInput::Parameter($documentation))
            }
        }
    };
}

guard!(IfMatch, "If-Match", if_match());
guard!(IfNoneMatch, "If-None-Match", if_none_match());

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    fn tag(weak: bool, known: bool) -> Tag {
        Tag { weak, version: MovieVersion::parse(VERSION).filter(|_| known) }
    }

    #[test]
    fn entity_tags_are_read_as_the_standard_writes_them() {
        let own = format!("\"{VERSION}\"");
        for (text, tags) in [
            ("*".to_owned(), Tags::Any),
            (" * ".to_owned(), Tags::Any),
            (own.clone(), Tags::These(vec![tag(false, true)])),
            (format!("W/{own}"), Tags::These(vec![tag(true, true)])),
            // Of a compressed answer.
            (
                format!("\"{VERSION}-gzip\", \"{VERSION}-zstd\""),
                Tags::These(vec![tag(false, true), tag(false, true)]),
            ),
            (format!("\"{VERSION}-br\""), Tags::These(vec![tag(false, false)])),
            ("\"\"".to_owned(), Tags::These(vec![tag(false, false)])),
            ("\"a,b\"".to_owned(), Tags::These(vec![tag(false, false)])),
            (format!(",, \"x\" ,\t{own},"), Tags::These(vec![tag(false, false), tag(false, true)])),
            (format!("\"ключ\",W/{own}"), Tags::These(vec![tag(false, false), tag(true, true)])),
        ] {
            assert_eq!(Tags::read(&text), Some(tags), "{text}");
        }
        for text in [
            "",
            " ",
            ",",
            VERSION,
            "\"",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\" \"b\"",
            "w/\"a\"",
            "W/*",
            "*, \"a\"",
            "\"a b\"",
        ] {
            assert_eq!(Tags::read(text), None, "{text}");
        }
    }
}
