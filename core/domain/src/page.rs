use crate::Invalid;

/// How many entries a page may have: 1 to 1000, 100 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The largest page.
    pub const MAX: u16 = 1000;

    /// Reads decimal digits.
    ///
    /// # Errors
    /// The text is not a whole number from 1 to [`Self::MAX`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(limit @ 1..=Self::MAX) if digits => Ok(Self(limit)),
            _ => Err(Invalid::new("limit", format!("must be a whole number from 1 to {}", Self::MAX))),
        }
    }

    /// The number of entries.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(100)
    }
}

/// Which part of a list is asked for: up to `limit` entries that come after the entry `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last entry of the page before; `None` for the first page.
    pub after: Option<Id>,
    /// The most entries that the page may have.
    pub limit: PageLimit,
}

impl<Id> Default for Page<Id> {
    fn default() -> Self {
        Self { after: None, limit: PageLimit::default() }
    }
}

/// The entries of one page, and whether the list goes on after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// There are entries after the last of these.
    pub more: bool,
}

impl<T> Slice<T> {
    /// Makes the page of a store's answer to a question for one entry more than `limit`: that one tells whether
    /// the list goes on, at no second question.
    pub fn of_one_more(mut items: Vec<T>, limit: PageLimit) -> Self {
        let limit = usize::from(limit.get());
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_more_than_asked_for_tells_that_the_list_goes_on() {
        let limit = PageLimit::parse("2").unwrap();
        assert_eq!(Slice::of_one_more(vec![1, 2, 3], limit), Slice { items: vec![1, 2], more: true });
        assert_eq!(Slice::of_one_more(vec![1, 2], limit), Slice { items: vec![1, 2], more: false });
    }

    #[test]
    fn a_page_has_one_to_a_thousand_entries() {
        assert_eq!(PageLimit::default().get(), 100);
        assert_eq!(PageLimit::parse("1").unwrap().get(), 1);
        assert_eq!(PageLimit::parse("1000").unwrap().get(), 1000);
        for text in ["", "0", "-1", "+5", "1001", "abc", "99999999999999999999", "1.5"] {
            assert_eq!(PageLimit::parse(text).unwrap_err().field(), "limit", "{text:?}");
        }
    }
}
