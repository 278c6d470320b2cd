//! The documentation pages.

use reqwest::Url;

use crate::harness::Stack;

pub async fn both_pages_are_served_with_all_they_need(stack: &Stack) {
    let api = stack.api();
    for page in ["/api-docs", "/api-docs/rapidoc"] {
        let mut answer = api.get(page).await;
        if (300..400).contains(&answer.status) {
            answer = api.get(answer.header("Location").expect("a redirection says where to")).await;
        }
        let html = answer.clone().expect(200).body;
        assert!(answer.header("Content-Type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
        // Nothing from elsewhere: the page works where there is no internet.
        for attribute in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
            assert!(!html.contains(attribute), "{page} loads something from elsewhere: {attribute}");
        }
        // Relative to the page, so that they are found behind a proxy's path, too.
        let address = Url::parse(api.base()).and_then(|base| base.join(page)).expect("it is an address");
        let parts: Vec<_> = html.split('"').filter(|part| part.starts_with("./")).collect();
        assert!(parts.len() >= 2, "{html}");
        for part in parts {
            let part = address.join(part).expect("it is an address");
            assert!(!api.get(part.path()).await.expect(200).body.is_empty(), "{part}");
        }
    }
}

pub async fn the_document_names_every_route(stack: &Stack) {
    let document = stack.api().get("/api-docs/openapi.json").await.expect(200).json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    assert!(document["info"]["title"].as_str().is_some_and(|title| title != "openapi" && !title.is_empty()));
    for (path, methods) in [
        ("/api/movies", &["get", "post", "delete"][..]),
        ("/api/movies/{id}", &["get", "put", "delete"]),
        ("/api/billing", &["post"]),
        ("/api/billing/orders", &["get"]),
        ("/api/billing/orders/{order_id}", &["get"]),
    ] {
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(operation["summary"].is_string(), "{method} {path}: {operation}");
            assert!(operation["responses"]["500"].is_object(), "{method} {path}: {operation}");
        }
    }
}
