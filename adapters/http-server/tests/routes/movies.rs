use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use futures_util::future::join_all;
use keeper_domain::{
    Description, Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice,
    Timestamp, Title,
};
use keeper_http_server::movies;
use keeper_ports::PortResult;
use keeper_ports::inventory::{MockMovieCatalog, MovieCatalog};
use rocket::http::Method::{Delete, Post, Put};
use serde_json::json;

use crate::client::{client, get, send, send_as};

fn movie(id: i64, title: &str) -> Movie {
    let at = Timestamp::from_millis(1_000).unwrap();
    Movie {
        id: MovieId::new("id", id).unwrap(),
        title: Title::new(title).unwrap(),
        description: Description::new("").unwrap(),
        created_at: at,
        updated_at: at,
    }
}

#[rocket::async_test]
async fn a_movie_is_added_and_its_address_answered() {
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_add()
        .withf(|new| new.title.as_str() == "Solaris" && new.description.as_str() == " as written ")
        .once()
        .returning(|new| Ok(movie(7, new.title.as_str())));
    let client = client([movies(Arc::new(catalog))]).await;
    let answer =
        send(&client, Post, "/api/movies", r#"{"title":" Solaris ","description":" as written "}"#).await;
    assert_eq!((answer.status, answer.header("Location")), (201, Some("/api/movies/7")));
    let at = "1970-01-01T00:00:01.000Z";
    assert_eq!(answer.body, json!({"id":7,"title":"Solaris","description":"","createdAt":at,"updatedAt":at}));
}

#[rocket::async_test]
async fn a_list_announces_its_next_page_with_the_same_question() {
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_list()
        .withf(|query, page| {
            query.title.as_ref().unwrap().as_folded_str() == "a&b %"
                && page.limit.get() == 2
                && page.after.unwrap().get() == 5
        })
        .once()
        .returning(|_, _| Ok(Slice { items: vec![movie(6, "A&B %"), movie(9, "a&b %")], more: true }));
    let client = client([movies(Arc::new(catalog))]).await;
    let answer = get(&client, "/api/movies?title=A%26b+%25&limit=2&after=5").await;
    assert_eq!((answer.status, answer.body.as_array().unwrap().len()), (200, 2));
    assert_eq!(answer.header("Link"), Some("</api/movies?title=A%26b%20%25&limit=2&after=9>; rel=\"next\""));
}

/// A catalogue that notes how many lists are asked of it at the same time.
#[derive(Default)]
struct Crowded {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl MovieCatalog for Crowded {
    async fn list(&self, _: MovieQuery, _: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, SeqCst);
        Ok(Slice { items: vec![], more: false })
    }

    async fn add(&self, _: NewMovie) -> PortResult<Movie> {
        unreachable!()
    }

    async fn get(&self, _: MovieId) -> PortResult<Option<Movie>> {
        unreachable!()
    }

    async fn get_many(&self, _: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        unreachable!()
    }

    async fn change(&self, _: MovieId, _: MovieChange) -> PortResult<Option<Movie>> {
        unreachable!()
    }

    async fn change_if(&self, _: MovieId, _: Vec<MovieVersion>, _: MovieChange) -> PortResult<Edit<Movie>> {
        unreachable!()
    }

    async fn remove(&self, _: MovieId) -> PortResult<bool> {
        unreachable!()
    }

    async fn remove_if(&self, _: MovieId, _: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        unreachable!()
    }

    async fn clear(&self) -> PortResult<u64> {
        unreachable!()
    }
}

#[rocket::async_test]
async fn of_the_largest_pages_one_is_made_at_a_time_and_the_others_wait() {
    let catalog = Arc::new(Crowded::default());
    let client = client([movies(catalog.clone())]).await;
    let answers = join_all((0..6).map(|_| get(&client, "/api/movies?limit=1000"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(catalog.most.load(SeqCst), 1);
}

#[rocket::async_test]
async fn the_last_page_announces_nothing_and_an_empty_title_asks_for_all() {
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_list()
        .withf(|query, page| query.title.is_none() && page.limit.get() == 100 && page.after.is_none())
        .once()
        .returning(|_, _| Ok(Slice { items: vec![], more: false }));
    let client = client([movies(Arc::new(catalog))]).await;
    let answer = get(&client, "/api/movies?title=").await;
    assert_eq!((answer.status, answer.body.clone(), answer.header("Link")), (200, json!([]), None));
}

#[rocket::async_test]
async fn a_change_leaves_what_is_absent_and_never_touches_the_id() {
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_change()
        .withf(|id, change| id.get() == 7 && change.title().is_none() && change.description().is_some())
        .once()
        .returning(|_, _| Ok(Some(movie(7, "Solaris"))));
    let client = client([movies(Arc::new(catalog))]).await;
    let answer = send(&client, Put, "/api/movies/7", r#"{"id":8,"description":"x","genre":5}"#).await;
    assert_eq!((answer.status, answer.body["id"].as_i64()), (200, Some(7)));
}

#[rocket::async_test]
async fn deletions_say_what_they_did() {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_remove().once().returning(|_| Ok(true));
    catalog.expect_clear().once().returning(|| Ok(3));
    let client = client([movies(Arc::new(catalog))]).await;
    let one = send(&client, Delete, "/api/movies/7", "").await;
    assert_eq!((one.status, one.body), (200, json!({"message":"Movie was deleted successfully."})));
    // A client whose id is empty.
    assert_eq!(send(&client, Delete, "/api/movies/", "").await.status, 404);
    let all = send(&client, Delete, "/api/movies", "").await;
    assert_eq!(all.header("X-Deleted-Count"), Some("3"));
    assert_eq!((all.status, all.body), (200, json!({"message":"3 movies were deleted successfully."})));
}

#[rocket::async_test]
async fn a_missing_movie_is_not_found() {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_get().returning(|_| Ok(None));
    catalog.expect_change().returning(|_, _| Ok(None));
    catalog.expect_remove().returning(|_| Ok(false));
    let client = client([movies(Arc::new(catalog))]).await;
    get(&client, "/api/movies/7").await.assert_error(404, "not_found", None);
    send(&client, Put, "/api/movies/7", r#"{"title":"a"}"#).await.assert_error(404, "not_found", None);
    send(&client, Delete, "/api/movies/7", "").await.assert_error(404, "not_found", None);
}

#[rocket::async_test]
async fn a_condition_reaches_the_catalogue_as_versions() {
    let version = movie(7, "Solaris").version();
    let mut catalog = MockMovieCatalog::new();
    catalog
        .expect_change_if()
        .withf(move |id, versions, _| id.get() == 7 && *versions == [version])
        .once()
        .returning(|_, _, _| Ok(Edit::Outdated));
    catalog
        .expect_remove_if()
        .withf(|_, versions| versions.is_empty())
        .once()
        .returning(|_, _| Ok(Edit::Absent));
    catalog.expect_remove().once().returning(|_| Ok(true));
    let client = client([movies(Arc::new(catalog))]).await;
    let send = async |method, body, tags: &str| {
        send_as(&client, method, "/api/movies/7", body, "application/json", &[("If-Match", tags)]).await
    };
    let tags = format!("\"other\", \"{version}\"");
    send(Put, r#"{"title":"a"}"#, &tags).await.assert_error(412, "precondition_failed", Some("If-Match"));
    send(Delete, "", &format!("W/\"{version}\"")).await.assert_error(404, "not_found", None);
    assert_eq!(send(Delete, "", "*").await.status, 200);
    send(Put, r#"{"title":"a"}"#, "abc").await.assert_error(400, "invalid", Some("If-Match"));
}

/// A version is that of one movie: who names one does not mean all.
#[rocket::async_test]
async fn all_movies_are_in_no_version() {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_clear().once().returning(|| Ok(3));
    let client = client([movies(Arc::new(catalog))]).await;
    let clear = async |tags: &str| {
        send_as(&client, Delete, "/api/movies", "", "application/json", &[("If-Match", tags)]).await
    };
    let version = movie(7, "Solaris").version();
    for tags in [&format!("\"{version}\""), "\"other\"", &format!("W/\"{version}\"")] {
        clear(tags).await.assert_error(412, "precondition_failed", Some("If-Match"));
    }
    clear("abc").await.assert_error(400, "invalid", Some("If-Match"));
    assert_eq!(clear("*").await.status, 200);
}

/// The mock has no expectation: whatever reached the port would panic and answer 500.
#[rocket::async_test]
async fn bad_input_is_named_and_reaches_nobody() {
    let client = client([movies(Arc::new(MockMovieCatalog::new()))]).await;
    for id in ["abc", "0", "-1", "99999999999999999999", "1.5", "%00"] {
        let uri = format!("/api/movies/{id}");
        get(&client, &uri).await.assert_error(400, "invalid", Some("id"));
        send(&client, Put, &uri, r#"{"title":"a"}"#).await.assert_error(400, "invalid", Some("id"));
        send(&client, Delete, &uri, "").await.assert_error(400, "invalid", Some("id"));
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=0", "after"),
        ("after=x", "after"),
        ("title=%00", "title"),
        ("titel=a", "titel"),
    ] {
        get(&client, &format!("/api/movies?{query}")).await.assert_error(400, "invalid", Some(field));
    }
    get(&client, &format!("/api/movies?title={}", "x".repeat(10_000))).await.assert_error(
        400,
        "invalid",
        Some("title"),
    );
    get(&client, "/api/movies?title=%ff%fe").await.assert_error(400, "invalid", None);
    send(&client, Delete, "/api/movies?title=a", "").await.assert_error(400, "invalid", Some("title"));
    let long = format!(r#"{{"title":"{}","description":""}}"#, "x".repeat(256));
    for (body, code, field) in [
        ("", "unreadable", None),
        ("{", "unreadable", None),
        ("[]", "unreadable", None),
        ("null", "unreadable", None),
        ("{}", "invalid", Some("title")),
        (r#"{"title":5,"description":""}"#, "invalid", Some("title")),
        (r#"{"title":{},"description":""}"#, "invalid", Some("title")),
        (r#"{"title":"\u0000","description":""}"#, "invalid", Some("title")),
        (r#"{"title":"a"}"#, "invalid", Some("description")),
        (long.as_str(), "invalid", Some("title")),
    ] {
        send(&client, Post, "/api/movies", body).await.assert_error(400, code, field);
    }
    send(&client, Put, "/api/movies/7", r#"{"id":8}"#).await.assert_error(400, "invalid", Some("title"));
}
