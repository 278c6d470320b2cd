//! Schemas of fields that may be text or a number, which no derive can say.

use schemars::r#gen::SchemaGenerator;
use schemars::schema::{InstanceType, Metadata, NumberValidation, Schema, SchemaObject, StringValidation};

/// Titles, as far as an expression can say it: white space at the ends, and between them no control characters, line breaks
/// and turns of direction, but one character that is neither white space nor unseen.
pub(crate) const TITLE: &str = concat!(
    r"^[\t-\r \u0085\u2028\u2029]*",
    r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*",
    r"[^\s\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f",
    r"\u205f-\u206f\u2800\u3000\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]",
    r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*",
    r"[\t-\r \u0085\u2028\u2029]*$",
);

pub(crate) fn user(_: &mut SchemaGenerator) -> Schema {
    let text = StringValidation { min_length: Some(1), max_length: Some(64), pattern: Some(r"^\S+$".into()) };
    let number = NumberValidation { minimum: Some(0.0), maximum: Some(999_999_999.0), ..Default::default() };
    let says = "Who orders: 1 to 64 characters after trimming. A JSON number counts by its value: 20.0 is the user \"20\".";
    text_or_number(says, text, InstanceType::Integer, number)
}

pub(crate) fn items(_: &mut SchemaGenerator) -> Schema {
    let text = StringValidation { pattern: Some("^[1-9][0-9]{0,5}$|^1000000$".into()), ..Default::default() };
    let number = NumberValidation { minimum: Some(1.0), maximum: Some(1_000_000.0), ..Default::default() };
    let says = "How many items: 1 to 1,000,000. A JSON number counts by its value: 99.0 and 9.9e1 are 99.";
    text_or_number(says, text, InstanceType::Integer, number)
}

pub(crate) fn amount(_: &mut SchemaGenerator) -> Schema {
    let text =
        StringValidation { pattern: Some(r"^[0-9]{1,10}(\.[0-9]{1,2})?$".into()), ..Default::default() };
    // Not multipleOf: most validators would compute it with floats.
    let number =
        NumberValidation { minimum: Some(0.0), maximum: Some(9_999_999_999.0), ..Default::default() };
    let says = "For how much altogether: 0.00 to 9,999,999,999.99, at most two decimals. A JSON number counts by its exact \
        value: 250.000 and 2.5e2 are 250.00, and 1.005 is refused.";
    text_or_number(says, text, InstanceType::Number, number)
}

fn text_or_number(
    says: &str,
    text: StringValidation,
    kind: InstanceType,
    number: NumberValidation,
) -> Schema {
    let text = SchemaObject {
        instance_type: Some(InstanceType::String.into()),
        string: Some(Box::new(text)),
        ..Default::default()
    };
    let number = SchemaObject {
        instance_type: Some(kind.into()),
        number: Some(Box::new(number)),
        ..Default::default()
    };
    let mut either = SchemaObject {
        metadata: Some(Box::new(Metadata { description: Some(says.into()), ..Default::default() })),
        ..Default::default()
    };
    either.subschemas().one_of = Some(vec![text.into(), number.into()]);
    either.into()
}
