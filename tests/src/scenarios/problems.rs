//! Errors in the form of RFC 9457.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::harness::{Answer, Stack};

pub async fn who_asks_for_problems_is_told_of_them(stack: &Stack) {
    let api = stack.api();
    let asked = |method, path: &str| api.request(method, path).header("Accept", "application/problem+json");
    let title = json!({ "title": " " });
    for (request, status, code, field) in [
        (asked(Method::GET, "/api/movies?limit=0"), 400, "invalid", Some("limit")),
        (asked(Method::GET, "/nothing"), 404, "not_found", None),
        (asked(Method::PATCH, "/api/movies"), 405, "method_not_allowed", None),
        (asked(Method::PUT, "/api/movies/1").json(&title), 400, "invalid", Some("title")),
        // Refused before there is a route.
        (
            asked(Method::POST, "/api/billing")
                .header("Idempotency-Key", HeaderValue::from_bytes(b"\xff").expect("a header may hold it")),
            400,
            "invalid",
            None,
        ),
    ] {
        let answer = Answer::of(request).await.expect(status);
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{answer:?}");
        assert_eq!(answer.header("Vary"), Some("Accept"), "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
        assert_eq!(problem.get("field").and_then(|field| field.as_str()), field, "{problem}");
        assert_eq!(problem["request_id"].as_str(), answer.header("X-Request-Id"), "{problem}");
        for text in ["title", "detail", "instance"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
    let own = api.get("/api/movies?limit=0").await.expect(400);
    assert_eq!((own.header("Content-Type"), own.header("Vary")), (Some("application/json"), Some("Accept")));
    assert!(own.json()["message"].is_string());
}
