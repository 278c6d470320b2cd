use reqwest::StatusCode;
use serde_json::Value;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A status below 400, with its body: JSON, or null.
    Good(Value, Option<String>),
    /// A status of 400 or more, and the code of the problem.
    Refused(StatusCode, String),
    /// There was no answer.
    None(&'static str),
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        match Self::read(request).await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => Self::None("time-out"),
            Err(error) if error.is_connect() => Self::None("no connection"),
            Err(_) => Self::None("connection broken"),
        }
    }

    async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let status = response.status();
        let next = response.headers().get("Link").and_then(|link| next_of(link.to_str().ok()?));
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        if status.is_client_error() || status.is_server_error() {
            let code = body["code"].as_str().unwrap_or("without a code").to_owned();
            return Ok(Self::Refused(status, code));
        }
        Ok(Self::Good(body, next))
    }

    /// What the report says of it, if it is a failure.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Good(..) => None,
            Self::Refused(status, code) => Some(format!("{} {code}", status.as_u16())),
            Self::None(why) => Some((*why).to_owned()),
        }
    }

    /// Nobody knows yet whether the request took effect, or it may pass.
    pub(crate) fn may_be_tried_again(&self) -> bool {
        match self {
            Self::Good(..) => false,
            Self::Refused(status, _) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::None(_) => true,
        }
    }
}

/// The address of the next page, in a header `Link`.
fn next_of(link: &str) -> Option<String> {
    let (address, relation) = link.split_once(';')?;
    let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
    relation.contains("rel=\"next\"").then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let next = |link| next_of(link).unwrap_or_default();
        assert_eq!(next("</api/movies?after=3>; rel=\"next\""), "/api/movies?after=3");
        assert_eq!(next("<?limit=2&after=3>; rel=\"next\""), "?limit=2&after=3");
        assert_eq!(next("</x>; rel=\"prev\"") + &next("</x>") + &next(""), "");
    }
}
