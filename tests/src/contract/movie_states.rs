//! A part of the contract of [`MovieRepository`](keeper_ports::inventory::MovieRepository): changes that are made to one state
//! of a movie only.

use std::sync::Arc;

use keeper_domain::{Description, Movie, MovieChange, MovieQuery, Title};
use tokio::task::JoinSet;

use super::movie_repository::Subject;
use super::samples::{at, movie, movie_id, page, part};

pub async fn a_change_of_one_state_is_made_to_no_other(movies: Subject) {
    let title = |text| MovieChange::new(Some(Title::new(text).unwrap()), None).unwrap();
    let description = MovieChange::new(None, Some(Description::new("An ocean").unwrap())).unwrap();
    let first = movies.insert(movie("Solaris"), at(1)).await.unwrap();
    let other = movies.insert(movie("Solaris"), at(1)).await.unwrap();
    let second = movies.update_if(first.clone(), description, at(2)).await.unwrap().unwrap();
    let expected =
        Movie { description: Description::new("An ocean").unwrap(), updated_at: at(2), ..first.clone() };
    assert_eq!(second, expected);
    // What differs in anything is another state, also when only its time does.
    let states = [
        first.clone(),
        Movie { updated_at: at(3), ..second.clone() },
        Movie { created_at: at(2), ..second.clone() },
        Movie { title: Title::new("solaris").unwrap(), ..second.clone() },
        Movie { id: movie_id(first.id.get() + 1_000), ..second.clone() },
    ];
    for state in states {
        assert_eq!(movies.update_if(state, title("lost"), at(4)).await.unwrap(), None);
    }
    assert_eq!(movies.find(first.id).await.unwrap(), Some(second.clone()));
    let third = movies.update_if(second, title("Солярис"), at(4)).await.unwrap().unwrap();
    assert_eq!(movies.find(first.id).await.unwrap(), Some(third.clone()));
    let query = MovieQuery { title: part("СОЛЯРИС") };
    assert_eq!(movies.search(query, page(None, 10)).await.unwrap().items, [third]);
    assert_eq!(movies.find(other.id).await.unwrap(), Some(other));
}

pub async fn of_changes_to_one_state_one_is_made(movies: Subject) {
    let mut state = movies.insert(movie("0"), at(1)).await.unwrap();
    for round in 0..20 {
        let mut changes = JoinSet::new();
        for change in 0..8 {
            let (movies, state) = (Arc::clone(&movies), state.clone());
            let title = Title::new(&format!("{round} {change}")).unwrap();
            // All within a millisecond, as far as the store is told.
            let change = MovieChange::new(Some(title), None).unwrap();
            changes.spawn(async move { movies.update_if(state, change, at(1)).await.unwrap() });
        }
        let made: Vec<_> = changes.join_all().await.into_iter().flatten().collect();
        let [one] = &made[..] else { panic!("{made:?}") };
        assert_eq!(movies.find(state.id).await.unwrap().as_ref(), Some(one));
        state = one.clone();
    }
}

pub async fn a_deletion_of_one_state_deletes_no_other(movies: Subject) {
    let first = movies.insert(movie("Solaris"), at(1)).await.unwrap();
    let title = MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap();
    let second = movies.update(first.id, title, at(2)).await.unwrap().unwrap();
    assert!(!movies.delete_if(first).await.unwrap());
    assert_eq!(movies.find(second.id).await.unwrap(), Some(second.clone()));
    assert!(movies.delete_if(second.clone()).await.unwrap());
    assert!(!movies.delete_if(second.clone()).await.unwrap());
    assert_eq!(movies.find(second.id).await.unwrap(), None);
}
