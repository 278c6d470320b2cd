use keeper_tests::harness::{Answer, Api, Unit, free_port};
use reqwest::Method;
use serde_json::json;

/// Adds and reads a movie by way of an address, and asks for the health there.
async fn serves(api: &str, management: &str) {
    let api = Api::new(api);
    let movie = json!({ "title": "Solaris", "description": "" });
    let added = api.post("/api/movies", &movie).await.expect(201);
    api.get(added.header("Location").expect("it says where")).await.expect(200);
    Api::new(management).get("/health/ready").await.expect(200);
}

async fn refuses(address: &str) {
    let answer = Answer::try_of(Api::new(address).request(Method::GET, "/api/movies")).await;
    assert!(answer.is_err_and(|error| error.is_connect()), "{address}");
}

async fn at(address: &str) -> (Unit, u16, u16) {
    let (port, management) = (free_port(), free_port());
    let unit = Unit::new("standalone", [])
        .with("KEEPER_HTTP__ADDRESS", address)
        .with("KEEPER_HTTP__PORT", &port.to_string())
        .with("KEEPER_MANAGEMENT__ADDRESS", address)
        .with("KEEPER_MANAGEMENT__PORT", &management.to_string());
    unit.start();
    keeper_tests::harness::eventually("it is ready", super::client::PATIENCE, async || {
        let ready = Api::new(format!("http://[::1]:{management}"));
        let ready = Answer::try_of(ready.request(Method::GET, "/health/ready")).await.ok()?;
        (ready.status == 200).then_some(())
    })
    .await;
    (unit, port, management)
}

#[tokio::test]
async fn it_works_where_there_is_no_ipv4() {
    let (unit, port, management) = at("::1").await;
    serves(&format!("http://[::1]:{port}"), &format!("http://[::1]:{management}")).await;
    refuses(&format!("http://127.0.0.1:{port}")).await;
    // The image's health check runs inside it, with the same settings.
    let checked = unit.command(&["healthcheck"]);
    assert!(checked.status.success(), "{checked:?}");
    assert!(unit.log().contains("\"client\":\"::1\""), "{}", unit.log());
    assert_eq!(unit.terminate().code(), Some(0));
}

#[tokio::test]
async fn all_addresses_are_those_of_both_protocols() {
    let (unit, port, management) = at("::").await;
    for host in ["[::1]", "127.0.0.1"] {
        serves(&format!("http://{host}:{port}"), &format!("http://{host}:{management}")).await;
    }
    let checked = unit.command(&["healthcheck"]);
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(unit.terminate().code(), Some(0));
}
