use std::sync::Arc;

use keeper_http_server::{movies, operations};
use keeper_ports::PortError;
use keeper_ports::billing::MockDeadLetterOperations;
use keeper_ports::inventory::MockMovieCatalog;
use keeper_telemetry::context::RequestContext;
use rocket::http::Method::{Delete, Patch, Post, Put};

use crate::client::{client, get, send, send_as};

#[rocket::async_test]
async fn what_a_neighbour_does_wrong_keeps_its_meaning_and_its_secrets() {
    let mut calls = 0;
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_get().returning(move |_| {
        calls += 1;
        Err(match calls {
            1 => PortError::unavailable("inventory", "password=hunter2"),
            2 => PortError::timed_out("inventory", "password=hunter2"),
            3 => PortError::failed("inventory", "password=hunter2"),
            _ => panic!("password=hunter2"),
        })
    });
    let client = client([movies(Arc::new(catalog))]).await;
    for (status, code) in [(503, "unavailable"), (504, "timeout"), (500, "internal"), (500, "internal")] {
        let answer = get(&client, "/api/movies/1").await;
        answer.assert_error(status, code, None);
        assert!(!answer.body.to_string().contains("hunter2"), "{}", answer.body);
        assert_eq!(answer.header("Retry-After").is_some(), status == 503 || status == 504);
    }
}

#[rocket::async_test]
async fn what_no_route_takes_is_answered_in_the_same_shape() {
    let client = client([movies(Arc::new(MockMovieCatalog::new()))]).await;
    for uri in ["/", "/nothing", "/api", "/api/movies/1/actors", "/api/movies/../../etc/passwd"] {
        get(&client, uri).await.assert_error(404, "not_found", None);
    }
    let answer = send(&client, Patch, "/api/movies/1", "{}").await;
    answer.assert_error(405, "method_not_allowed", None);
    assert_eq!(answer.header("Allow"), Some("DELETE, GET, HEAD, PUT"));
}

#[rocket::async_test]
async fn only_json_is_understood_and_only_so_much_of_it() {
    let client = client([movies(Arc::new(MockMovieCatalog::new()))]).await;
    let body = r#"{"title":"a","description":""}"#;
    for content_type in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
    {
        let answer = send_as(&client, Post, "/api/movies", body, content_type, &[]).await;
        answer.assert_error(415, "unsupported_media_type", None);
    }
    let large = format!(r#"{{"title":"a","description":"","x":"{}"}}"#, "x".repeat(65 * 1024));
    send(&client, Post, "/api/movies", &large).await.assert_error(413, "too_large", None);
}

#[rocket::async_test]
async fn a_form_cannot_replace_the_method() {
    // The mock would panic: clearing the catalogue is not expected.
    let client = client([movies(Arc::new(MockMovieCatalog::new()))]).await;
    let form = "application/x-www-form-urlencoded";
    let answer = send_as(&client, Post, "/api/movies", "_method=DELETE", form, &[]).await;
    answer.assert_error(415, "unsupported_media_type", None);
}

/// Many clients name it by themselves, for a body that is empty.
#[rocket::async_test]
async fn a_forms_content_type_alone_changes_nothing() {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_clear().once().returning(|| Ok(3));
    catalog.expect_remove().once().returning(|_| Ok(true));
    let client = client([movies(Arc::new(catalog))]).await;
    let form = "application/x-www-form-urlencoded";
    for path in ["/api/movies/5", "/api/movies"] {
        assert_eq!(send_as(&client, Delete, path, "", form, &[]).await.status, 200, "{path}");
    }
    let answer = send_as(&client, Put, "/api/movies/5", "title=a", form, &[]).await;
    answer.assert_error(415, "unsupported_media_type", None);
}

#[rocket::async_test]
async fn what_others_added_to_a_trace_is_passed_on_with_it_only() {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_clear().returning(|| {
        let state = RequestContext::current().and_then(|context| context.tracestate);
        Ok(state.map_or(0, |state| state.len() as u64))
    });
    let client = client([movies(Arc::new(catalog))]).await;
    let traced = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let state = |value| ("tracestate", value);
    for (headers, passed_on) in [
        (&[traced, state("rojo=1, congo=2")][..], 14),
        (&[traced, state("rojo=1"), state("congo=2")], 14),
        (&[traced, state("rojo=1,CONGO=2")], 0),
        (&[traced], 0),
        (&[state("rojo=1")], 0),
    ] {
        let answer = send_as(&client, Delete, "/api/movies", "", "application/json", headers).await;
        let message = format!("{passed_on} movies were deleted successfully.");
        assert_eq!(answer.body["message"], message, "{headers:?}");
    }
}

#[rocket::async_test]
async fn a_sane_request_id_is_kept_and_passed_on_and_another_is_replaced() {
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_clear()
        .returning(|| Ok(RequestContext::current().map_or(0, |context| context.request_id.len() as u64)));
    let client = client([movies(Arc::new(catalog))]).await;
    let json = "application/json";
    let kept = send_as(&client, Delete, "/api/movies", "", json, &[("X-Request-Id", "client-7.a_b")]).await;
    assert_eq!(kept.header("X-Request-Id"), Some("client-7.a_b"));
    assert_eq!(kept.body["message"], "12 movies were deleted successfully.", "the port sees the id");
    for insane in ["", "a b", "<script>", &"x".repeat(129)] {
        let answer = send_as(&client, Delete, "/api/movies", "", json, &[("X-Request-Id", insane)]).await;
        assert_eq!(answer.header("X-Request-Id").unwrap().len(), 36, "{insane:?}");
    }
}

#[rocket::async_test]
async fn an_address_of_its_own_is_not_that_of_a_dead_letter() {
    let client = client([operations(Arc::new(MockDeadLetterOperations::new()))]).await;
    let uri = "/api/operations/dead-letters";
    for (uri, allow) in [
        (uri.to_owned(), "GET, HEAD"),
        (format!("{uri}/replay"), "POST"),
        (format!("{uri}/019a2f5e-7c1b-7d3a-9e4f-0123456789ab"), "DELETE, GET, HEAD"),
        (format!("{uri}/019a2f5e-7c1b-7d3a-9e4f-0123456789ab/replay"), "POST"),
    ] {
        let answer = send(&client, Patch, &uri, "{}").await;
        answer.assert_error(405, "method_not_allowed", None);
        assert_eq!(answer.header("Allow"), Some(allow), "{uri}");
    }
}
