//! The committed documents are what the binaries print, and so what they serve.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;

use keeper_tests::harness::binary;
use serde_json::Value;

fn committed(unit: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/http-server/openapi");
    std::fs::read_to_string(folder.join(format!("{unit}.json"))).unwrap()
}

fn printed(unit: &str) -> String {
    let output = Command::new(binary(unit)).arg("openapi").env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn committed_documents_are_what_the_units_print() {
    for unit in ["gateway", "inventory", "billing"] {
        let (is, should): (Value, Value) =
            (serde_json::from_str(&committed(unit)).unwrap(), serde_json::from_str(&printed(unit)).unwrap());
        assert!(is == should, "{unit}.json is stale: write what `{unit} openapi` prints to it");
        assert_eq!(committed(unit).trim_end(), printed(unit).trim_end(), "{unit}.json is written otherwise");
    }
}

#[test]
fn standalone_has_the_gateways_document() {
    assert_eq!(printed("standalone"), printed("gateway"));
}

#[test]
fn every_operation_is_described_with_its_errors() {
    for unit in ["gateway", "inventory", "billing"] {
        let document: Value = serde_json::from_str(&printed(unit)).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let what = format!("{unit}: {method} {path}");
                assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{what}");
                let answers = operation["responses"].as_object().unwrap();
                for (status, answer) in answers {
                    assert!(
                        answer["description"].as_str().is_some_and(|text| !text.is_empty()),
                        "{what} {status}"
                    );
                    // It has no body.
                    if status == "304" {
                        continue;
                    }
                    let body = &answer["content"]["application/json"];
                    assert!(body["schema"].is_object(), "{what} {status} has no schema");
                    let error = status.as_bytes()[0] >= b'4';
                    let shows_error = body["schema"].to_string().contains("/Error");
                    assert_eq!(shows_error, error, "{what} {status}: {body}");
                }
                for status in ["400", "500", "503"] {
                    assert!(answers.contains_key(status), "{what} does not say {status}");
                }
            }
        }
    }
}
