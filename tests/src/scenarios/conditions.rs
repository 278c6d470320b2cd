//! Conditional requests: two who change the same movie, and who has it already.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::movies::add;
use super::unique;
use crate::harness::{Answer, Api, Stack};

/// Sends a request with a condition.
async fn send(api: &Api, method: Method, path: &str, condition: (&str, &str), title: Option<&str>) -> Answer {
    let (name, value) = condition;
    let request = api.request(method, path).header(name, value);
    Answer::of(match title {
        Some(title) => request.json(&json!({ "title": title })),
        None => request,
    })
    .await
}

/// The tag of an answer.
fn tag(answer: &Answer) -> String {
    let tag = answer.header("ETag").expect("it has a tag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    tag
}

pub async fn of_two_editors_the_second_is_told(stack: &Stack) {
    let api = stack.api();
    let added = api.post("/api/movies", &json!({ "title": unique("Solaris"), "description": "" })).await;
    let path = format!("/api/movies/{}", added.json()["id"]);
    let seen = tag(&added.expect(201));
    assert_eq!(tag(&api.get(&path).await.expect(200)), seen);

    let first = send(&api, Method::PUT, &path, ("If-Match", &seen), Some("of the first")).await.expect(200);
    for method in [Method::PUT, Method::DELETE] {
        let second = send(&api, method, &path, ("If-Match", &seen), Some("of the second")).await.expect(412);
        let error = second.json();
        assert_eq!((&error["code"], &error["field"]), (&"precondition_failed".into(), &"If-Match".into()));
    }
    let now = api.get(&path).await.expect(200);
    assert_eq!((now.json()["title"].as_str(), tag(&now)), (Some("of the first"), tag(&first)));

    // Who has read it again may change it, and name older versions beside.
    let tags = format!("\"another\", {seen}, {}", tag(&now));
    let again = send(&api, Method::PUT, &path, ("If-Match", &tags), Some("of the second")).await.expect(200);
    // A weak tag is no promise that the movie is the same.
    let weak = format!("W/{}", tag(&again));
    let _ = send(&api, Method::PUT, &path, ("If-Match", &weak), Some("lost")).await.expect(412);
    let _ = send(&api, Method::DELETE, &path, ("If-Match", &tag(&again)), None).await.expect(200);
    for condition in ["*", &seen] {
        let _ = send(&api, Method::PUT, &path, ("If-Match", condition), Some("lost")).await.expect(404);
    }
}

pub async fn of_many_editors_one_is_right_each_time(stack: &Stack) {
    let api = stack.api();
    let path = format!("/api/movies/{}", add(&api, &unique("0")).await["id"]);
    for round in 0..10 {
        let seen = tag(&api.get(&path).await.expect(200));
        let edits = (0..8).map(|editor| {
            let (api, path, seen) = (&api, &path, &seen);
            async move {
                let title = format!("{round} {editor}");
                let answer = send(api, Method::PUT, path, ("If-Match", seen), Some(&title)).await;
                (answer.status, title)
            }
        });
        let edits = join_all(edits).await;
        let done: Vec<_> = edits.iter().filter(|(status, _)| *status == 200).collect();
        assert!(edits.iter().all(|(status, _)| matches!(status, 200 | 412)), "{edits:?}");
        let [(_, title)] = &done[..] else { panic!("{edits:?}") };
        assert_eq!(api.get(&path).await.expect(200).json()["title"], title.as_str());
    }
}

pub async fn who_has_the_movie_is_not_sent_it_again(stack: &Stack) {
    let api = stack.api();
    let path = format!("/api/movies/{}", add(&api, &unique("Stalker")).await["id"]);
    let first = api.get(&path).await.expect(200);
    assert_eq!(first.header("Cache-Control"), Some("no-cache"));
    let seen = tag(&first);
    for condition in [seen.clone(), format!("W/{seen}"), format!("\"x\" , {seen}"), "*".to_owned()] {
        let answer = send(&api, Method::GET, &path, ("If-None-Match", &condition), None).await.expect(304);
        assert_eq!((answer.body.as_str(), tag(&answer)), ("", seen.clone()), "{condition}");
    }
    let _ = send(&api, Method::GET, &path, ("If-None-Match", "\"another\""), None).await.expect(200);
    let _ = api.put(&path, &json!({ "title": "Stalker II" })).await.expect(200);
    let now = send(&api, Method::GET, &path, ("If-None-Match", &seen), None).await.expect(200);
    assert_ne!(tag(&now), seen);
    let list = api.get("/api/movies?limit=1").await.expect(200);
    assert_eq!(list.header("Cache-Control"), Some("no-cache"));
    let orders = api.get("/api/billing/orders?user_id=nobody").await.expect(200);
    assert_eq!(orders.header("Cache-Control"), Some("no-store"));
}

pub async fn a_condition_that_is_none_is_refused(stack: &Stack) {
    let api = stack.api();
    let movie = add(&api, &unique("Nostalghia")).await;
    let path = format!("/api/movies/{}", movie["id"]);
    for wrong in ["abc", "\"abc", "\"a\" \"b\"", "W/*", "*, \"a\"", "\"a b\"", ""] {
        for (method, header) in
            [(Method::GET, "If-None-Match"), (Method::PUT, "If-Match"), (Method::DELETE, "If-Match")]
        {
            let answer = send(&api, method, &path, (header, wrong), Some("lost")).await.expect(400);
            let error = answer.json();
            assert_eq!((&error["code"], &error["field"]), (&"invalid".into(), &header.into()), "{wrong}");
        }
    }
    assert_eq!(api.get(&path).await.expect(200).json(), movie);
}
