use crate::Invalid;

/// A client's own name for one order: 1 to 255 visible ASCII characters (0x21 to 0x7E).
///
/// By it a client can repeat its order safely, however often, and however the order is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Checks the text, which a client sent as `field`.
    ///
    /// # Errors
    /// The text is empty, too long, or holds anything but visible ASCII.
    pub fn new(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_CHARS || !visible {
            let rule = format!("must be 1 to {} visible ASCII characters", Self::MAX_CHARS);
            return Err(Invalid::new(field, rule));
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
        assert_eq!(IdempotencyKey::new("key", "order-7/a").unwrap().as_str(), "order-7/a");
        assert!(IdempotencyKey::new("key", &"k".repeat(255)).is_ok());
        for text in ["", " ", "a b", "ключ", "a\tb", "a\u{7f}", &"k".repeat(256)] {
            assert!(IdempotencyKey::new("key", text).is_err(), "{text:?}");
        }
    }
}
