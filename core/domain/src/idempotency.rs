use crate::Invalid;

/// A client's own name for one order: 1 to 255 visible ASCII characters (0x21 to 0x7E).
///
/// It follows the Idempotency-Key header of the IETF draft `draft-ietf-httpapi-idempotency-key-header`, whose quotes are not
/// part of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Checks the text.
    ///
    /// # Errors
    /// The text is empty, too long, or holds anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_CHARS || !visible {
            let rule = format!("must be 1 to {} visible ASCII characters", Self::MAX_CHARS);
            return Err(Invalid::new("Idempotency-Key", rule));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii() {
        assert_eq!(IdempotencyKey::new("order-7/a").unwrap().as_str(), "order-7/a");
        assert!(IdempotencyKey::new(&"k".repeat(255)).is_ok());
        for text in ["", " ", "a b", "ключ", "a\tb", "a\u{7f}", &"k".repeat(256)] {
            assert!(IdempotencyKey::new(text).is_err(), "{text:?}");
        }
    }
}
