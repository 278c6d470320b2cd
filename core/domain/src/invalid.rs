use std::borrow::Cow;

use thiserror::Error;

/// Says which field of an input breaks a rule, and the rule.
///
/// The message is written for the person who sent the input: it names the field and what would be right, and it
/// repeats nothing of the input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} {rule}")]
pub struct Invalid {
    field: &'static str,
    rule: Cow<'static, str>,
}

impl Invalid {
    /// Makes the error from a field's public name and a rule that reads on from it ("must be …").
    pub fn new(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { field, rule: rule.into() }
    }

    /// The public name of the field, as clients write it.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule, as it reads on from the field.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
