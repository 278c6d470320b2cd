//! Schemas of what comes in paths, queries and headers.

use schemars::schema::{InstanceType, NumberValidation, SchemaObject, StringValidation};

pub(crate) fn movie_id() -> SchemaObject {
    #[expect(clippy::cast_precision_loss, reason = "JSON Schema has floats only")]
    integer(1.0, Some(i64::MAX as f64))
}

pub(crate) fn order_id() -> SchemaObject {
    SchemaObject { format: Some("uuid".into()), ..text(None, None, None) }
}

pub(crate) fn integer(minimum: f64, maximum: Option<f64>) -> SchemaObject {
    SchemaObject {
        instance_type: Some(InstanceType::Integer.into()),
        format: Some("int64".into()),
        number: Some(Box::new(NumberValidation {
            minimum: Some(minimum),
            maximum,
            ..NumberValidation::default()
        })),
        ..SchemaObject::default()
    }
}

pub(crate) fn text(min_length: Option<u32>, max_length: Option<u32>, pattern: Option<&str>) -> SchemaObject {
    SchemaObject {
        instance_type: Some(InstanceType::String.into()),
        string: Some(Box::new(StringValidation {
            min_length,
            max_length,
            pattern: pattern.map(str::to_owned),
        })),
        ..SchemaObject::default()
    }
}
