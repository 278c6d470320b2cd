use std::fmt;

use uuid::Uuid;

use crate::Movie;

/// The namespace (RFC 9562, version 5) of versions of movies. It never changes: units of different releases must agree.
const VERSIONS: Uuid = Uuid::from_u128(0x5a3c_9c1e_6a0f_4f0b_9d55_2f6a_7b18_c2d4);

/// A state of a movie. Movies that differ in anything have different versions, those that are equal have the same, in every
/// unit and for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MovieVersion(Uuid);

impl MovieVersion {
    /// Reads what [`Display`](fmt::Display) wrote: 32 hexadecimal digits in lower case. `None` for anything else, which is no
    /// version of any movie.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let written = text.len() == 32 && text.bytes().all(digit);
        Uuid::try_parse(text).ok().filter(|_| written).map(Self)
    }
}

impl fmt::Display for MovieVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl Movie {
    /// The movie's version, made of all that it is.
    pub fn version(&self) -> MovieVersion {
        let (title, description) = (self.title.as_str(), self.description.as_str());
        let mut content = Vec::with_capacity(40 + title.len() + description.len());
        content.extend_from_slice(&self.id.get().to_be_bytes());
        content.extend_from_slice(&self.created_at.as_millis().to_be_bytes());
        content.extend_from_slice(&self.updated_at.as_millis().to_be_bytes());
        // With its length, no text can pass for a part of the other.
        content.extend_from_slice(&(title.len() as u64).to_be_bytes());
        content.extend_from_slice(title.as_bytes());
        content.extend_from_slice(description.as_bytes());
        MovieVersion(Uuid::new_v5(&VERSIONS, &content))
    }
}

/// What became of a change that was to be made to certain versions only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<T> {
    /// It was made.
    Done(T),
    /// There is no such thing.
    Absent,
    /// Nothing was done: it is in another version, since somebody else was faster.
    Outdated,
}

impl<T> Edit<T> {
    /// Turns what a change made into something else.
    pub fn map<U>(self, done: impl FnOnce(T) -> U) -> Edit<U> {
        match self {
            Self::Done(made) => Edit::Done(done(made)),
            Self::Absent => Edit::Absent,
            Self::Outdated => Edit::Outdated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Description, MovieId, Timestamp, Title};

    fn movie() -> Movie {
        Movie {
            id: MovieId::new("id", 7).unwrap(),
            title: Title::new("Solaris").unwrap(),
            description: Description::new("An ocean").unwrap(),
            created_at: Timestamp::from_millis(1).unwrap(),
            updated_at: Timestamp::from_millis(2).unwrap(),
        }
    }

    #[test]
    fn a_version_is_told_from_every_other() {
        let title = |text| Title::new(text).unwrap();
        let description = |text: &str| Description::new(text).unwrap();
        let time = |millis| Timestamp::from_millis(millis).unwrap();
        let others = [
            Movie { id: MovieId::new("id", 8).unwrap(), ..movie() },
            Movie { title: title("Solari"), description: description("sAn ocean"), ..movie() },
            Movie { description: description("An ocean "), ..movie() },
            Movie { created_at: time(2), updated_at: time(1), ..movie() },
            Movie { updated_at: time(3), ..movie() },
        ];
        assert_eq!(movie().version(), movie().version());
        for other in others {
            assert_ne!(other.version(), movie().version(), "{other:?}");
        }
    }

    /// Units of different releases run beside each other.
    #[test]
    fn versions_stay_as_they_are() {
        assert_eq!(movie().version().to_string(), "a490f597e8e2501ab25c61eae29eb1fe");
    }

    #[test]
    fn a_version_is_read_as_it_was_written() {
        let version = movie().version();
        assert_eq!(MovieVersion::parse(&version.to_string()), Some(version));
        let upper = version.to_string().to_uppercase();
        for other in ["", "abc", "*", &upper, &format!("{version}0"), &format!("{{{version}}}")] {
            assert_eq!(MovieVersion::parse(other), None, "{other}");
        }
    }
}
