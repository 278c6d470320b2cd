//! Which credentials the API takes, and what each operation needs: made from the table of `keeper-access`.

use keeper_access::{Need, Operation as Call};
use keeper_domain::Scope;
use keeper_wire::ErrorCode;
use rocket_okapi::okapi::openapi3::{
    Object, OpenApi, Operation, RefOr, SecurityRequirement, SecurityScheme, SecuritySchemeData,
};

/// The names of the schemes in the document.
const SCHEMES: [&str; 2] = ["apiKey", "token"];

/// Declares how a caller may say who they are.
pub(super) fn schemes(document: &mut OpenApi) {
    let key = SecurityScheme {
        description: Some("An API key: ck_…. It may also be sent as Authorization: Bearer.".into()),
        data: SecuritySchemeData::ApiKey { name: "X-Api-Key".into(), location: "header".into() },
        extensions: Object::default(),
    };
    let token = SecurityScheme {
        description: Some("An API key, or a token of the issuer that the service trusts.".into()),
        data: SecuritySchemeData::Http { scheme: "bearer".into(), bearer_format: None },
        extensions: Object::default(),
    };
    let components = document.components.get_or_insert_default();
    for (name, scheme) in SCHEMES.into_iter().zip([key, token]) {
        components.security_schemes.insert(name.into(), RefOr::Object(scheme));
    }
}

/// Says what the operation needs, and gives the errors of who does not have it.
pub(super) fn need(operation: &mut Operation) -> Vec<ErrorCode> {
    // A test finds an operation that has no call in the table.
    let Some(call) = operation.operation_id.as_deref().and_then(Call::named) else { return Vec::new() };
    let one = |name: &str| -> SecurityRequirement { [(name.to_owned(), Vec::new())].into_iter().collect() };
    let mut requirements: Vec<SecurityRequirement> = SCHEMES.map(one).into();
    let says = match call.need() {
        Need::PublicRead => {
            requirements.insert(0, SecurityRequirement::default());
            "Needs no credentials, unless the service is set to ask for them.".to_owned()
        }
        Need::Scope(scope) => format!("Needs the scope `{scope}`."),
        Need::OwnOrder(scope) => {
            format!("Needs the scope `{scope}`, and `{}` for the orders of somebody else.", Scope::OrdersAny)
        }
    };
    let before = operation.description.take().map_or_else(String::new, |text| text + "\n\n");
    operation.description = Some(before + &says);
    operation.security = Some(requirements);
    match call.need().scope() {
        Some(scope) => {
            operation.extensions.insert("x-scope".into(), scope.as_str().into());
            vec![ErrorCode::Unauthenticated, ErrorCode::Forbidden, ErrorCode::RateLimited]
        }
        None => vec![ErrorCode::Unauthenticated, ErrorCode::RateLimited],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::docs::{Document, document};

    #[test]
    fn every_operation_of_the_public_api_has_a_line_in_the_table_and_the_other_way_round() {
        let text = document(Document::Gateway).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(Call::named(id).is_some(), "{method} {path}: {id} has no line in Operation::need");
                assert!(operation["security"].is_array(), "{method} {path}");
                documented.insert(id.to_owned());
            }
        }
        let all: BTreeSet<_> = Call::ALL.map(|call| call.as_str().to_owned()).into();
        assert_eq!(documented, all);
    }

    #[test]
    fn units_inside_ask_nobody() {
        for which in [Document::Inventory, Document::Billing] {
            let text = document(which).unwrap();
            assert!(!text.contains("\"security\"") && !text.contains("unauthenticated\":"), "{which:?}");
        }
    }
}
