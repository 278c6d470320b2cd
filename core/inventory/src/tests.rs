use keeper_domain::{Description, Timestamp, Title, TitlePart};
use keeper_ports::inventory::MockMovieRepository;
use keeper_ports::{MockClock, PortError};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn id(number: i64) -> MovieId {
    MovieId::new("id", number).unwrap()
}

fn solaris() -> NewMovie {
    NewMovie { title: Title::new("Solaris").unwrap(), description: Description::new("An ocean").unwrap() }
}

fn stored(movie: NewMovie, now: Timestamp) -> Movie {
    Movie { id: id(1), title: movie.title, description: movie.description, created_at: now, updated_at: now }
}

fn inventory(movies: MockMovieRepository) -> Inventory {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| at(1_000));
    Inventory::new(Arc::new(movies), Arc::new(clock))
}

#[tokio::test]
async fn a_movie_is_stored_with_the_clocks_time() {
    let mut movies = MockMovieRepository::new();
    movies
        .expect_insert()
        .withf(|movie, now| *movie == solaris() && *now == at(1_000))
        .once()
        .returning(|movie, now| Ok(stored(movie, now)));
    let added = inventory(movies).add(solaris()).await.unwrap();
    assert_eq!((added.created_at, added.updated_at), (at(1_000), at(1_000)));
}

#[tokio::test]
async fn a_change_carries_the_clocks_time_and_a_missing_movie_is_no_error() {
    let change = MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap();
    let expected = change.clone();
    let mut movies = MockMovieRepository::new();
    movies
        .expect_update()
        .withf(move |which, change, now| *which == id(7) && *change == expected && *now == at(1_000))
        .once()
        .returning(|_, _, _| Ok(None));
    assert_eq!(inventory(movies).change(id(7), change).await.unwrap(), None);
}

#[tokio::test]
async fn lists_reads_and_removals_say_what_the_store_says() {
    let mut movies = MockMovieRepository::new();
    movies
        .expect_search()
        .withf(|query, page| {
            query.title.as_ref().is_some_and(|title| title.as_str() == "sol") && page.after == Some(id(9))
        })
        .once()
        .returning(|_, _| Ok(Slice { items: vec![stored(solaris(), at(5))], more: true }));
    movies
        .expect_find()
        .withf(|which| *which == id(1))
        .once()
        .returning(|_| Ok(Some(stored(solaris(), at(5)))));
    movies
        .expect_find_many()
        .withf(|which| *which == [id(1), id(4)])
        .once()
        .returning(|_| Ok(vec![stored(solaris(), at(5))]));
    movies.expect_delete().withf(|which| *which == id(2)).once().returning(|_| Ok(false));
    movies.expect_delete_all().once().returning(|| Ok(3));
    let inventory = inventory(movies);
    let query = MovieQuery { title: TitlePart::new("sol").unwrap() };
    let page = Page { after: Some(id(9)), ..Page::default() };
    assert!(inventory.list(query, page).await.unwrap().more);
    assert_eq!(inventory.get(id(1)).await.unwrap().unwrap().created_at, at(5));
    assert_eq!(inventory.get_many(vec![id(1), id(4)]).await.unwrap(), [stored(solaris(), at(5))]);
    assert!(!inventory.remove(id(2)).await.unwrap());
    assert_eq!(inventory.clear().await.unwrap(), 3);
}

#[tokio::test]
async fn a_stores_failure_keeps_its_meaning() {
    let away = || PortError::unavailable("inventory database", "connection refused");
    let mut movies = MockMovieRepository::new();
    movies.expect_insert().returning(move |_, _| Err(away()));
    movies.expect_search().returning(move |_, _| Err(away()));
    movies.expect_find().returning(move |_| Err(PortError::timed_out("inventory database", "5 s")));
    movies.expect_find_many().returning(move |_| Err(away()));
    movies.expect_update().returning(move |_, _, _| Err(PortError::failed("inventory database", "full")));
    movies.expect_delete().returning(move |_| Err(away()));
    movies.expect_delete_all().returning(move || Err(away()));
    let inventory = inventory(movies);
    let change = MovieChange::new(None, Some(Description::new("").unwrap())).unwrap();
    assert!(matches!(inventory.add(solaris()).await, Err(PortError::Unavailable { .. })));
    let listed = inventory.list(MovieQuery::default(), Page::default()).await;
    assert!(matches!(listed, Err(PortError::Unavailable { .. })));
    assert!(matches!(inventory.get(id(1)).await, Err(PortError::TimedOut { .. })));
    assert!(matches!(inventory.get_many(vec![id(1)]).await, Err(PortError::Unavailable { .. })));
    assert!(matches!(inventory.change(id(1), change).await, Err(PortError::Failed { .. })));
    assert!(matches!(inventory.remove(id(1)).await, Err(PortError::Unavailable { .. })));
    assert!(matches!(inventory.clear().await, Err(PortError::Unavailable { .. })));
}

#[tokio::test]
async fn a_change_of_another_version_does_not_reach_the_store() {
    let current = stored(solaris(), at(5));
    let (version, change) =
        (current.version(), MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap());
    let mut movies = MockMovieRepository::new();
    movies.expect_find().withf(|which| *which == id(1)).returning(|_| Ok(Some(stored(solaris(), at(5)))));
    movies.expect_find().withf(|which| *which == id(2)).returning(|_| Ok(None));
    let inventory = inventory(movies);
    let other = stored(solaris(), at(6)).version();
    assert_ne!(other, version);
    for versions in [vec![other], Vec::new()] {
        let changed = inventory.change_if(id(1), versions.clone(), change.clone()).await.unwrap();
        assert_eq!(changed, Edit::Outdated);
        assert_eq!(inventory.remove_if(id(1), versions).await.unwrap(), Edit::Outdated);
    }
    assert_eq!(inventory.change_if(id(2), vec![version], change).await.unwrap(), Edit::Absent);
    assert_eq!(inventory.remove_if(id(2), vec![version]).await.unwrap(), Edit::Absent);
}

/// Between the look and the change somebody else may change the movie: the store has the last word.
#[tokio::test]
async fn the_store_decides_who_was_faster() {
    let current = stored(solaris(), at(5));
    let (version, change) =
        (current.version(), MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap());
    let mut movies = MockMovieRepository::new();
    movies.expect_find().returning(|_| Ok(Some(stored(solaris(), at(5)))));
    let mut times = 0;
    movies
        .expect_update_if()
        .withf(move |seen, _, now| *seen == stored(solaris(), at(5)) && *now == at(1_000))
        .times(2)
        .returning(move |seen, _, now| {
            times += 1;
            Ok((times == 1).then_some(Movie { updated_at: now, ..seen }))
        });
    let mut deletions = 0;
    movies.expect_delete_if().withf(move |seen| *seen == current).times(2).returning(move |_| {
        deletions += 1;
        Ok(deletions == 1)
    });
    let inventory = inventory(movies);
    let change_it = || inventory.change_if(id(1), vec![version], change.clone());
    assert!(matches!(change_it().await.unwrap(), Edit::Done(_)));
    assert_eq!(change_it().await.unwrap(), Edit::Outdated);
    assert_eq!(inventory.remove_if(id(1), vec![version]).await.unwrap(), Edit::Done(()));
    assert_eq!(inventory.remove_if(id(1), vec![version]).await.unwrap(), Edit::Outdated);
}
