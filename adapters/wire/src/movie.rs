use std::borrow::Cow;

use keeper_domain::{Description, Invalid, Movie, MovieChange, MovieId, NewMovie, Timestamp, Title};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::body::{self, BodyError};
#[cfg(feature = "schema")]
use crate::schema;

/// A movie of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Movie", example = "MovieBody::example"))]
pub struct MovieBody {
    /// The movie's identity.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub id: i64,
    /// The movie's name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub title: String,
    /// What the movie is about.
    #[cfg_attr(feature = "schema", schemars(length(max = 10000)))]
    pub description: String,
    /// When the movie was added: RFC 3339, UTC, milliseconds.
    #[serde(rename = "createdAt")]
    pub created_at: String,
    /// When the movie was last changed: RFC 3339, UTC, milliseconds.
    #[serde(rename = "updatedAt")]
    pub updated_at: String,
}

impl MovieBody {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        Self {
            id: 1,
            title: "Solaris".into(),
            description: "A psychologist is sent to a station above an ocean that thinks.".into(),
            created_at: "2026-01-31T09:30:00.000Z".into(),
            updated_at: "2026-01-31T09:30:00.000Z".into(),
        }
    }
}

impl From<Movie> for MovieBody {
    fn from(movie: Movie) -> Self {
        Self {
            id: movie.id.get(),
            created_at: movie.created_at.to_string(),
            updated_at: movie.updated_at.to_string(),
            title: movie.title.into_string(),
            description: movie.description.into_string(),
        }
    }
}

impl TryFrom<MovieBody> for Movie {
    type Error = Invalid;

    fn try_from(body: MovieBody) -> Result<Self, Invalid> {
        Ok(Self {
            id: MovieId::new("id", body.id)?,
            // What the service keeps by rules of another version is a movie all the same.
            title: Title::from_store(&body.title)?,
            description: Description::from_store(body.description),
            created_at: Timestamp::parse("createdAt", &body.created_at)?,
            updated_at: Timestamp::parse("updatedAt", &body.updated_at)?,
        })
    }
}

/// A movie to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NewMovie", example = "MovieFields::example"))]
pub struct MovieFields {
    /// One line of 1 to 255 characters after trimming, of which one can be seen; no control characters, and none that turn
    /// the direction of writing.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255), regex(path = "schema::TITLE")))]
    pub title: String,
    /// Up to 10,000 characters; it may be empty.
    #[cfg_attr(feature = "schema", schemars(length(max = 10000), regex(pattern = r"^[^\u0000]*$")))]
    pub description: String,
}

impl MovieFields {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        let MovieBody { title, description, .. } = MovieBody::example();
        Self { title, description }
    }

    /// Reads and checks a body.
    ///
    /// # Errors
    /// It is not a JSON object, or one of its fields is missing or breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<NewMovie, BodyError> {
        let raw: RawMovie<'_> = body::object(bytes)?;
        let title = Title::new(&body::text("title", raw.title)?)?;
        let description = Description::new(body::text("description", raw.description)?)?;
        Ok(NewMovie { title, description })
    }
}

impl From<NewMovie> for MovieFields {
    fn from(movie: NewMovie) -> Self {
        Self { title: movie.title.into_string(), description: movie.description.into_string() }
    }
}

/// A change of a movie: at least one field; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "MovieChange", example = "MovieChangeFields::example"))]
pub struct MovieChangeFields {
    /// One line of 1 to 255 characters after trimming, of which one can be seen; no control characters, and none that turn
    /// the direction of writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255), regex(path = "schema::TITLE")))]
    pub title: Option<String>,
    /// Up to 10,000 characters; it may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 10000), regex(pattern = r"^[^\u0000]*$")))]
    pub description: Option<String>,
}

impl MovieChangeFields {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        Self { title: Some("Solaris (1972)".into()), description: None }
    }

    /// Reads and checks a body.
    ///
    /// # Errors
    /// It is not a JSON object, names no field that can change, or one of its fields breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<MovieChange, BodyError> {
        let raw: RawMovie<'_> = body::object(bytes)?;
        let title = body::optional_text("title", raw.title)?.map(|title| Title::new(&title)).transpose()?;
        let description = body::optional_text("description", raw.description)?
            .map(Cow::into_owned)
            .map(Description::new)
            .transpose()?;
        Ok(MovieChange::new(title, description)?)
    }
}

impl From<MovieChange> for MovieChangeFields {
    fn from(change: MovieChange) -> Self {
        Self {
            title: change.title().map(|title| title.as_str().to_owned()),
            description: change.description().map(|description| description.as_str().to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct RawMovie<'a> {
    #[serde(borrow, default)]
    title: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<&'a RawValue>,
}

/// A sentence about what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Message", example = "MessageBody::example"))]
pub struct MessageBody {
    /// The sentence, for people.
    pub message: String,
}

/// The header that says how many movies were deleted: for programs, as [`MessageBody::cleared`] is for people.
pub const DELETED_COUNT: &str = "X-Deleted-Count";

impl MessageBody {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        Self::removed()
    }

    /// A movie was deleted.
    pub fn removed() -> Self {
        Self { message: "Movie was deleted successfully.".into() }
    }

    /// So many movies were deleted.
    pub fn cleared(movies: u64) -> Self {
        Self { message: format!("{movies} movies were deleted successfully.") }
    }

    /// Reads the number that [`Self::cleared`] wrote: of a service that is older than [`DELETED_COUNT`].
    pub fn cleared_movies(&self) -> Option<u64> {
        self.message.strip_suffix(" movies were deleted successfully.")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(error: BodyError) -> &'static str {
        match error {
            BodyError::Invalid(invalid) => invalid.field(),
            BodyError::Unreadable(_) => "",
        }
    }

    #[test]
    fn a_movie_comes_back_as_it_went() {
        let movie = Movie::try_from(MovieBody::example()).unwrap();
        assert_eq!(MovieBody::from(movie.clone()), MovieBody::example());
        let fields = serde_json::to_vec(&MovieFields::example()).unwrap();
        assert_eq!(MovieFields::parse(&fields).unwrap().title, movie.title);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (json, at_fault) in [
            (r#"{"description":""}"#, "title"),
            (r#"{"title":null,"description":""}"#, "title"),
            (r#"{"title":5,"description":""}"#, "title"),
            (r#"{"title":{},"description":""}"#, "title"),
            (r#"{"title":" ","description":""}"#, "title"),
            (r#"{"title":"a\u0000","description":""}"#, "title"),
            (r#"{"title":"a"}"#, "description"),
            (r#"{"title":"a","description":null}"#, "description"),
            (r#"["a","b"]"#, ""),
            (r#"{"title":"a","title":"b","description":""}"#, ""),
        ] {
            assert_eq!(field(MovieFields::parse(json.as_bytes()).unwrap_err()), at_fault, "{json}");
        }
    }

    #[test]
    fn a_change_needs_a_field_and_never_touches_the_id() {
        let change = MovieChangeFields::parse(br#"{"id":7,"title":"b"}"#).unwrap();
        assert_eq!((change.title().unwrap().as_str(), change.description()), ("b", None));
        assert_eq!(field(MovieChangeFields::parse(br#"{"id":7}"#).unwrap_err()), "title");
        assert_eq!(field(MovieChangeFields::parse(br#"{"description":[]}"#).unwrap_err()), "description");
    }

    #[test]
    fn the_number_of_deleted_movies_can_be_read_back() {
        assert_eq!(MessageBody::cleared(12).cleared_movies(), Some(12));
        assert_eq!(MessageBody::removed().cleared_movies(), None);
    }
}
