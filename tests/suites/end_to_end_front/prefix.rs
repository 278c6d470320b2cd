use keeper_tests::harness::{Answer, Api, Nginx, Unit, until};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::client::{PATIENCE, guarded, standalone};

/// The API behind `/shop/`, with the directives that bins/RUNNING.md has.
fn shop(unit: &Unit) -> Nginx {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../bins/RUNNING.md");
    let page = std::fs::read_to_string(page).expect("it is there");
    let directives = page.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let directives = directives.expect("it has directives for nginx");
    assert!(directives.contains("http://127.0.0.1:3000/;"), "{directives}");
    Nginx::start(&directives.replace("http://127.0.0.1:3000", &unit.url()))
}

/// Adds a movie with headers of one's own.
async fn added(api: &Api, path: &str, prefixes: &[&str]) -> String {
    let mut request = api.request(Method::POST, path).json(&json!({ "title": "Solaris", "description": "" }));
    for prefix in prefixes {
        request = request.header("X-Forwarded-Prefix", *prefix);
    }
    Answer::of(request).await.expect(201).header("Location").expect("it says where").to_owned()
}

#[tokio::test]
async fn addresses_lead_back_through_a_proxy_with_a_path() {
    let unit = standalone(&[("KEEPER_HTTP__TRUSTED_PROXIES", "1")]).await;
    let nginx = shop(&unit);
    let (outside, inside) = (nginx.api(), unit.api());
    let address = added(&outside, "/shop/api/movies", &[]).await;
    assert!(address.starts_with("/shop/api/movies/"), "{address}");
    assert_eq!(outside.get(&address).await.expect(200).json()["title"], "Solaris");
    // What a client says itself is not believed.
    let address = added(&outside, "/shop/api/movies", &["/evil"]).await;
    assert!(address.starts_with("/shop/api/movies/"), "{address}");
    let order = json!({ "user_id": 20, "number_of_items": 1, "total_amount": 1 });
    let order = outside.post("/shop/api/billing", &order).await.expect(200);
    let address = order.header("Location").expect("it says where");
    assert!(address.starts_with("/shop/api/billing/orders/"), "{address}");
    assert_eq!(outside.get(&format!("{address}?wait=30")).await.status, 200);
    let page = outside.get("/shop/api/movies?limit=1").await.expect(200);
    let link = page.header("Link").expect("there is more");
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect(link);
    assert!(next.starts_with("/shop/api/movies?limit=1&after="), "{next}");
    assert_eq!(outside.get(next).await.expect(200).json().as_array().map(Vec::len), Some(1));
    // Who comes without the proxy has no prefix.
    assert!(added(&inside, "/api/movies", &[]).await.starts_with("/api/movies/"));
    for wrong in [
        "//evil.example",
        "https://evil.example",
        "/a/../b",
        "shop",
        "/%2e%2e/x",
        "/%2F%2Fevil.example",
        "/%0d%0aSet-Cookie:a=b",
        "/%252e%252e/x",
    ] {
        assert!(added(&inside, "/api/movies", &[wrong]).await.starts_with("/api/movies/"), "{wrong}");
    }
    assert!(added(&inside, "/api/movies", &["/evil", "/shop/"]).await.starts_with("/shop/api/movies/"));
}

#[tokio::test]
async fn problems_name_addresses_that_lead_back() {
    for (trusted, prefix) in [("1", "/shop"), ("0", "")] {
        let unit = standalone(&[("KEEPER_HTTP__TRUSTED_PROXIES", trusted)]).await;
        let nginx = shop(&unit);
        // By a route, by none, and by the front.
        for (method, path, code) in [
            (Method::GET, "/api/movies/0", "invalid"),
            (Method::GET, "/nowhere", "not_found"),
            (Method::from_bytes(b"BREW").expect("a method"), "/api/movies", "method_not_allowed"),
        ] {
            let request = nginx.api().request(method, &format!("/shop{path}"));
            let answer = Answer::of(request.header("Accept", "application/problem+json")).await;
            let problem = answer.json();
            assert_eq!(problem["type"], format!("{prefix}/problems/{code}"), "{problem}");
            assert_eq!(problem["instance"], format!("{prefix}{path}"), "{problem}");
        }
    }
}

#[tokio::test]
async fn nobody_is_believed_by_default() {
    // Nor is one in this who is believed in the client's address: a load balancer passes a client's own prefix on.
    for settings in
        [&[][..], &[("KEEPER_HTTP__TRUSTED_PROXIES", "2"), ("KEEPER_HTTP__TRUSTED_PREFIX", "false")]]
    {
        let unit = standalone(settings).await;
        assert!(added(&unit.api(), "/api/movies", &["/shop"]).await.starts_with("/api/movies/"));
    }
}

/// The lines that have this id, once that of the request is there: it is the last one.
fn told(unit: &Unit, id: &str) -> Vec<Value> {
    until("the request is logged", PATIENCE, || {
        let log = unit.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["request_id"] == id).collect();
        lines.iter().any(|line| line["message"] == "request").then_some(lines)
    })
}

#[tokio::test]
async fn a_client_of_the_proxy_cannot_choose_its_address() {
    let unit = guarded(&[("KEEPER_HTTP__TRUSTED_PROXIES", "1")]).await;
    let nginx = shop(&unit);
    let request = nginx.api().request(Method::GET, "/shop/api/movies").header("X-Request-Id", "forged");
    let request = request.header("X-Forwarded-For", "6.6.6.6").header("X-Forwarded-Proto", "https");
    let answer = Answer::of(request.bearer_auth("ck_x")).await.expect(401);
    assert_eq!(answer.header("Strict-Transport-Security"), None, "it did not come by TLS");
    let lines = told(&unit, "forged");
    assert!(
        lines.iter().any(|line| line["target"] == "audit" && line["address"] == "127.0.0.1"),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line["client"] == "127.0.0.1"), "{lines:?}");
}

#[tokio::test]
async fn a_request_has_one_address_wherever_it_is_told() {
    let unit = guarded(&[("KEEPER_HTTP__TRUSTED_PROXIES", "1")]).await;
    for (id, method, path, address) in [
        ("listed", "GET", "/api/movies", "192.0.2.7"),
        ("nowhere", "GET", "/nowhere", "192.0.2.7"),
        ("brewed", "BREW", "/api/movies", "192.0.2.7"),
        ("direct", "GET", "/api/movies", "127.0.0.1"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = unit.api().request(method, path).header("X-Request-Id", id);
        request = request.header("X-Real-IP", "6.6.6.6").bearer_auth("ck_x");
        if id != "direct" {
            request = request.header("X-Forwarded-For", "6.6.6.6, 192.0.2.7");
        }
        Answer::of(request).await;
        for line in told(&unit, id) {
            let told = if line["target"] == "audit" { &line["address"] } else { &line["client"] };
            assert_eq!(told, address, "{line}");
        }
    }
}

#[tokio::test]
async fn the_documentation_works_behind_a_path() {
    // By itself: nothing is trusted.
    let unit = standalone(&[]).await;
    let nginx = shop(&unit);
    let outside = nginx.api();
    let root = Url::parse(outside.base()).expect("it is an address");
    for page in ["/shop/api-docs", "/shop/api-docs/rapidoc"] {
        let address = root.join(page).expect("it is an address");
        let html = outside.get(page).await.expect(200).body;
        let parts: Vec<_> = html.split('"').filter(|part| part.starts_with("./")).collect();
        assert!(parts.len() >= 2, "{html}");
        assert!(!html.contains("\"/"), "{html}");
        for part in parts {
            let part = address.join(part).expect("it is an address");
            assert!(!outside.get(part.path()).await.expect(200).body.is_empty(), "{part}");
        }
        // With a slash at its end the page would look for its parts elsewhere.
        let moved = outside.get(&format!("{page}/")).await.expect(308);
        let slashed = root.join(&format!("{page}/")).expect("it is an address");
        let to = slashed.join(moved.header("Location").expect("it says where")).expect("it is an address");
        assert_eq!(to, address);
    }
    let document = root.join("/shop/api-docs/openapi.json").expect("it is an address");
    let servers = outside.get(document.path()).await.expect(200).json()["servers"].clone();
    let server = document.join(servers[0]["url"].as_str().expect("there is one")).expect("it is an address");
    assert_eq!(server.path(), "/shop/");
}
