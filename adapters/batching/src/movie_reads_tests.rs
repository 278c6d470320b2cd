use keeper_domain::{Description, Timestamp, Title};
use keeper_ports::inventory::{MockMovieRepository, MovieRepository};

use super::*;

fn movie(id: i64) -> Movie {
    let now = Timestamp::from_millis(1).unwrap();
    Movie {
        id: MovieId::new("id", id).unwrap(),
        title: Title::new("a").unwrap(),
        description: Description::new("").unwrap(),
        created_at: now,
        updated_at: now,
    }
}

/// Reads movies as requests do that come at the same time, each under an id of its own (`r1` for movie 1).
async fn read_together(
    movies: MockMovieRepository,
    ids: std::ops::RangeInclusive<i64>,
) -> Vec<PortResult<Option<i64>>> {
    let movies: Arc<dyn MovieRepository> = Arc::new(movies);
    let reads = MovieReads::new("store", movies);
    let reads = ids.map(|id| {
        let context = RequestContext { request_id: format!("r{id}"), ..RequestContext::default() };
        context.scope(reads.find(MovieId::new("id", id).unwrap()))
    });
    let answers = join_all(reads).await;
    answers.into_iter().map(|answer| Ok(answer?.map(|movie| movie.id.get()))).collect()
}

/// The ids of the requests that the running call is made for.
fn made_for() -> Vec<String> {
    let shared: Vec<_> = RequestContext::shared_by().into_iter().map(|context| context.request_id).collect();
    let alone = || RequestContext::current().map(|context| context.request_id).into_iter().collect();
    if shared.is_empty() { alone() } else { shared }
}

#[tokio::test]
async fn one_that_comes_alone_goes_alone_and_each_carries_its_context() {
    let mut movies = MockMovieRepository::new();
    movies.expect_find().once().returning(|id| {
        assert_eq!(made_for(), ["r1"]);
        Ok(Some(movie(id.get())))
    });
    assert_eq!(read_together(movies, 1..=1).await.remove(0).unwrap(), Some(1));
}

#[tokio::test]
async fn those_that_come_together_share_a_trip_that_carries_all_their_contexts() {
    let mut movies = MockMovieRepository::new();
    movies.expect_find().never();
    movies.expect_find_many().once().returning(|ids| {
        assert_eq!(made_for(), ["r1", "r2", "r3"]);
        assert_eq!(ids.len(), 3);
        Ok(vec![movie(3), movie(1)])
    });
    let found: Vec<_> = read_together(movies, 1..=3).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [Some(1), None, Some(3)]);
}

#[tokio::test]
async fn a_movie_that_cannot_be_read_fails_alone() {
    let mut movies = MockMovieRepository::new();
    movies.expect_find_many().returning(|_| Err(PortError::failed("store", "the row of movie 2 is broken")));
    movies.expect_find().times(3).returning(|id| match id.get() {
        2 => Err(PortError::failed("store", "the row of movie 2 is broken")),
        id => Ok(Some(movie(id))),
    });
    let found = read_together(movies, 1..=3).await;
    assert!(matches!(&found[..], [Ok(Some(1)), Err(PortError::Failed { .. }), Ok(Some(3))]), "{found:?}");
}

#[tokio::test]
async fn a_store_that_is_away_is_not_asked_again_for_each() {
    let mut movies = MockMovieRepository::new();
    movies.expect_find().never();
    movies
        .expect_find_many()
        .once()
        .returning(|_| Err(PortError::unavailable("store", "connection refused")));
    let found = read_together(movies, 1..=3).await;
    assert!(found.iter().all(|read| matches!(read, Err(PortError::Unavailable { .. }))), "{found:?}");
}
