//! Reads that come together and share requests.

use std::time::Instant;

use futures_util::future::join_all;
use keeper_domain::{Movie, MovieId};
use keeper_telemetry::caller::CallerName;

use super::*;

/// Reads movies as clients that come together do, each under a request id and a name of its own (`r1`, `k1` for movie 1).
async fn read_together(client: BatchedCatalog, ids: std::ops::RangeInclusive<i64>) -> Vec<Read> {
    let reads = ids.map(|id| {
        let caller = Some(CallerName::new(&format!("k{id}")));
        let context = RequestContext { request_id: format!("r{id}"), caller, ..RequestContext::default() };
        context.scope(client.get(movie_id(id)))
    });
    join_all(reads).await
}

type Read = Result<Option<Movie>, PortError>;

fn found(read: &Read) -> Option<i64> {
    read.as_ref().unwrap().as_ref().map(|movie| movie.id.get())
}

/// A catalogue that has the movies with even ids, cannot read 13, and says what it was asked for.
fn even_movies() -> (MockMovieCatalog, mpsc::UnboundedReceiver<i64>) {
    let (asked, seen) = mpsc::unbounded_channel();
    let mut catalog = MockMovieCatalog::new();
    let also_asked = asked.clone();
    let read = |id: MovieId| match id.get() {
        13 => Err(PortError::failed("database", "the row is broken")),
        id if id % 2 == 0 => {
            let body: MovieBody = serde_json::from_str(&MOVIE.replace('7', &id.to_string())).unwrap();
            Ok(Some(body.try_into().unwrap()))
        }
        _ => Ok(None),
    };
    catalog.expect_get().returning(move |id| {
        asked.send(id.get()).unwrap();
        read(id)
    });
    catalog.expect_get_many().returning(move |ids| {
        for id in &ids {
            also_asked.send(id.get()).unwrap();
        }
        ids.into_iter().filter_map(|id| read(id).transpose()).collect()
    });
    (catalog, seen)
}

#[tokio::test]
async fn reads_at_the_same_time_share_requests_and_each_gets_its_own_movie() {
    let (catalog, mut asked) = even_movies();
    let registry = Registry::new();
    let (port, _stop) = served!(registry, movies(Arc::new(catalog)), movies_by_id());
    let reads = read_together(batched(service(port, 5_000), 5_000), 20..=140).await;
    for (id, read) in (20..).zip(&reads) {
        assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0));
    }
    let mut ids: Vec<i64> = std::iter::from_fn(|| asked.try_recv().ok()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (20..=140).collect::<Vec<_>>(), "each was read once");
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text.contains(r#"route="/internal/movies""#), "{text}");
    let requests = text.lines().filter(|line| line.starts_with("http_requests_total"));
    let requests: u32 = requests.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum();
    assert_eq!(requests, 2, "a batch of 100 and the rest");
}

#[tokio::test]
async fn a_movie_that_cannot_be_read_fails_alone() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)), movies_by_id());
    let reads = read_together(batched(service(port, 5_000), 5_000), 10..=20).await;
    for (id, read) in (10..).zip(&reads) {
        match id {
            13 => assert!(matches!(read, Err(PortError::Failed { .. }))),
            id => assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0)),
        }
    }
}

#[tokio::test]
async fn an_older_service_is_asked_for_one_movie_at_a_time() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)));
    let reads = read_together(batched(service(port, 5_000), 5_000), 20..=40).await;
    for (id, read) in (20..).zip(&reads) {
        assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0));
    }
}

#[tokio::test]
async fn a_shared_request_carries_the_ids_of_all_that_it_is_made_for() {
    let (service, mut seen) = broken(vec![answer("200 OK", "[]")]).await;
    let reads = read_together(batched(service, 5_000), 1..=3).await;
    assert!(reads.iter().all(|read| found(read).is_none()));
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get /internal/movies?ids=1,2,3 "), "{head}");
    assert!(head.contains("x-request-id: r1\r\n") && head.contains("x-request-ids: r1,r2,r3\r\n"), "{head}");
    assert!(head.contains("x-caller: k1,k2,k3\r\n"), "{head}");
}

#[tokio::test]
async fn a_read_that_waits_for_others_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = batched(service(listener.local_addr().unwrap().port(), 1_000), 1_000);
    let started = Instant::now();
    let reads = read_together(client, 1..=20).await;
    assert!(reads.iter().all(|read| matches!(read, Err(PortError::TimedOut { .. }))), "{reads:?}");
    assert!(started.elapsed() < Duration::from_millis(1_900), "the last ones waited twice");
}

/// A replica that hangs has two of the connections: all shared requests that may be under way at once. What comes then
/// must not wait until they are given up.
#[tokio::test]
async fn requests_that_hang_hold_up_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (hang, mut hangs) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut connection, _) = listener.accept().await.unwrap();
            if number < 2 {
                hang.send(connection).unwrap();
                continue;
            }
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await.unwrap();
                connection.write_all(answer("200 OK", MOVIE).as_bytes()).await.unwrap();
            });
        }
    });
    let catalog = Arc::new(batched(service(port, 20_000), 20_000));
    let read = || {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.get(movie_id(7)).await })
    };
    // One after the other: together they would share a request.
    let mut hanging = Vec::new();
    for _ in 0..2 {
        let reading = read();
        hanging.push((hangs.recv().await.unwrap(), reading));
    }
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(found(&read().await.unwrap()), Some(7));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "they waited for those that hang");
    for (_, reading) in &hanging {
        reading.abort();
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)), movies_by_id());
    let get = async |query: &str| {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/internal/movies{query}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let many = vec!["1"; 101].join(",");
    for query in [
        "",
        "?ids=",
        "?ids=1,",
        "?ids=1,0",
        "?ids=1,x",
        "?ids=1&ids=2",
        "?ids=1&limit=2",
        &format!("?ids={many}"),
    ] {
        let (status, body) = get(query).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(r#""field":"ids""#) || body.contains(r#""field":"limit""#), "{query}: {body}");
    }
    let (_, answer) = get("?ids=4,3,2").await;
    let movies: Vec<MovieBody> = serde_json::from_str(&answer).unwrap();
    assert_eq!(movies.iter().map(|movie| movie.id).collect::<Vec<_>>(), [4, 2]);
}
