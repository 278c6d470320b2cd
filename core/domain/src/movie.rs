use std::fmt;

use crate::{Description, Invalid, Timestamp, Title, TitlePart};

/// The identity of a movie: a whole number from 1, given by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MovieId(i64);

impl MovieId {
    /// Takes a number.
    ///
    /// # Errors
    /// The number is below 1.
    pub fn new(field: &'static str, id: i64) -> Result<Self, Invalid> {
        if id >= 1 { Ok(Self(id)) } else { Err(Self::wrong(field)) }
    }

    /// Reads decimal digits.
    ///
    /// # Errors
    /// The text is not a whole number from 1 to 9223372036854775807.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Self::wrong(field));
        }
        text.parse().map_err(|_| Self::wrong(field)).and_then(|id| Self::new(field, id))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    fn wrong(field: &'static str) -> Invalid {
        Invalid::new(field, format!("must be a whole number from 1 to {}", i64::MAX))
    }
}

impl fmt::Display for MovieId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A movie to be added to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMovie {
    /// Its name.
    pub title: Title,
    /// What it is about.
    pub description: Description,
}

/// A movie of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// Its identity.
    pub id: MovieId,
    /// Its name.
    pub title: Title,
    /// What it is about.
    pub description: Description,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A change of a movie: what is `None` stays as it is. At least one field is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieChange {
    title: Option<Title>,
    description: Option<Description>,
}

impl MovieChange {
    /// Takes the fields that change.
    ///
    /// # Errors
    /// Both are `None`: nothing would change.
    pub fn new(title: Option<Title>, description: Option<Description>) -> Result<Self, Invalid> {
        if title.is_none() && description.is_none() {
            return Err(Invalid::new("title", "or description must be given"));
        }
        Ok(Self { title, description })
    }

    /// The new name, if it changes.
    pub fn title(&self) -> Option<&Title> {
        self.title.as_ref()
    }

    /// The new description, if it changes.
    pub fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }
}

/// Which movies are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovieQuery {
    /// Only movies whose title holds this part; all movies without it.
    pub title: Option<TitlePart>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_whole_number_from_one() {
        assert_eq!(MovieId::parse("id", "42").unwrap().get(), 42);
        assert_eq!(MovieId::parse("id", "9223372036854775807").unwrap().get(), i64::MAX);
        for text in ["", "abc", "0", "-1", "+1", "1.0", " 1", "99999999999999999999", "0x1", "１"] {
            assert_eq!(MovieId::parse("id", text).unwrap_err().field(), "id", "{text:?}");
        }
    }

    #[test]
    fn a_change_changes_something() {
        assert!(MovieChange::new(None, None).is_err());
        assert!(MovieChange::new(None, Some(Description::new("").unwrap())).is_ok());
    }
}
