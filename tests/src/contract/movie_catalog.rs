//! The contract of [`MovieCatalog`], as any of its users sees it: the use case, or the same over HTTP.

use std::sync::Arc;

use keeper_domain::{Description, Edit, MovieChange, MovieId, MovieQuery, Title};
use keeper_ports::inventory::{MAX_IDS, MovieCatalog};

use super::samples::{UGLY_TITLES, described, movie, movie_id, page, part};

/// The catalogue under test.
pub type Subject = Arc<dyn MovieCatalog>;

/// Makes a test of each case.
#[macro_export]
macro_rules! movie_catalog_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            movie_catalog,
            $fixture,
            [
                a_movie_is_added_and_read_back,
                a_movie_that_is_not_there_is_no_error,
                many_movies_are_read_at_once,
                a_change_is_answered_as_the_movie_is_now,
                a_removal_and_a_clearance_say_what_they_did,
                a_title_is_searched_for_literally_and_whatever_its_case,
                a_list_is_paged,
                who_changes_an_old_version_is_told,
                of_those_who_change_one_version_one_does,
            ]
        );
    };
}

pub async fn a_movie_is_added_and_read_back(catalog: Subject) {
    for title in UGLY_TITLES {
        let wanted = described(title, &format!(" {title}\r\n'\"\\%_ "));
        let added = catalog.add(wanted.clone()).await.unwrap();
        assert_eq!((&added.title, &added.description), (&wanted.title, &wanted.description));
        assert_eq!(added.created_at, added.updated_at);
        let age = chrono::Utc::now() - added.created_at.as_datetime();
        assert!(age.num_seconds().abs() < 60, "{added:?}");
        assert_eq!(catalog.get(added.id).await.unwrap(), Some(added));
    }
}

pub async fn a_movie_that_is_not_there_is_no_error(catalog: Subject) {
    let id = movie_id(i64::MAX);
    let change = MovieChange::new(Some(Title::new("x").unwrap()), None).unwrap();
    assert_eq!(catalog.get(id).await.unwrap(), None);
    assert_eq!(catalog.change(id, change).await.unwrap(), None);
    assert!(!catalog.remove(id).await.unwrap());
}

pub async fn many_movies_are_read_at_once(catalog: Subject) {
    let mut added = Vec::new();
    for number in 1..MAX_IDS {
        added.push(catalog.add(movie(&format!("Movie {number}"))).await.unwrap());
    }
    let absent = movie_id(i64::MAX);
    let ids = added.iter().map(|movie| movie.id).rev().chain([absent]).collect();
    let mut found = catalog.get_many(ids).await.unwrap();
    found.sort_by_key(|movie| movie.id);
    assert_eq!(found, added);
    assert_eq!(catalog.get_many(vec![absent]).await.unwrap(), []);
    assert_eq!(catalog.get_many(Vec::new()).await.unwrap(), []);
}

pub async fn a_change_is_answered_as_the_movie_is_now(catalog: Subject) {
    let added = catalog.add(described("Solaris", "1972")).await.unwrap();
    let change = MovieChange::new(None, Some(Description::new("").unwrap())).unwrap();
    let changed = catalog.change(added.id, change).await.unwrap().unwrap();
    assert_eq!((changed.title.as_str(), changed.description.as_str()), ("Solaris", ""));
    let change = MovieChange::new(Some(Title::new("Солярис").unwrap()), None).unwrap();
    let changed = catalog.change(added.id, change).await.unwrap().unwrap();
    assert_eq!((changed.title.as_str(), changed.description.as_str()), ("Солярис", ""));
    assert_eq!(changed.created_at, added.created_at);
    assert!(changed.updated_at >= added.updated_at);
    assert_eq!(catalog.get(added.id).await.unwrap(), Some(changed));
}

pub async fn a_removal_and_a_clearance_say_what_they_did(catalog: Subject) {
    let one = catalog.add(movie("one")).await.unwrap();
    catalog.add(movie("two")).await.unwrap();
    catalog.add(movie("three")).await.unwrap();
    assert!(catalog.remove(one.id).await.unwrap());
    assert!(!catalog.remove(one.id).await.unwrap());
    assert_eq!(catalog.clear().await.unwrap(), 2);
    assert_eq!(catalog.clear().await.unwrap(), 0);
}

pub async fn a_title_is_searched_for_literally_and_whatever_its_case(catalog: Subject) {
    for title in UGLY_TITLES {
        catalog.add(movie(title)).await.unwrap();
    }
    for text in ["%", "_", r"\", "'", "ÉCOLE", "école", "ΟΔΟΣ", "οδοσ", "СОЛЯ", "🎬", "שלום", "&", "+", "a b"]
    {
        let query = MovieQuery { title: part(text) };
        let found = catalog.list(query, page(None, 100)).await.unwrap().items;
        let found: Vec<_> = found.iter().map(|movie| movie.title.as_str()).collect();
        let folded = keeper_domain::fold(text);
        let holds = |title: &&str| keeper_domain::fold(title).contains(&folded);
        assert_eq!(found, UGLY_TITLES.into_iter().filter(holds).collect::<Vec<_>>(), "{text:?}");
    }
}

pub async fn a_list_is_paged(catalog: Subject) {
    let mut added = Vec::new();
    for number in 0..7 {
        added.push(catalog.add(movie(&format!("Movie {number}"))).await.unwrap().id);
    }
    for text in ["", "movie"] {
        let (mut walked, mut after): (Vec<MovieId>, _) = (Vec::new(), None);
        loop {
            let slice = catalog.list(MovieQuery { title: part(text) }, page(after, 3)).await.unwrap();
            walked.extend(slice.items.iter().map(|movie| movie.id));
            after = walked.last().copied();
            if !slice.more {
                break;
            }
        }
        assert_eq!(walked, added, "{text:?}");
    }
}

pub async fn who_changes_an_old_version_is_told(catalog: Subject) {
    let change = |text| MovieChange::new(Some(Title::new(text).unwrap()), None).unwrap();
    let first = catalog.add(movie("Solaris")).await.unwrap();
    let (id, old) = (first.id, first.version());
    assert_eq!(catalog.get(id).await.unwrap().unwrap().version(), old);
    let unknown = catalog.add(movie("Stalker")).await.unwrap().version();
    let changed = catalog.change_if(id, vec![unknown, old], change("Solyaris")).await.unwrap();
    let Edit::Done(second) = changed else { panic!("{changed:?}") };
    assert_eq!(catalog.get(id).await.unwrap(), Some(second.clone()));
    for versions in [vec![old], vec![unknown], Vec::new()] {
        assert_eq!(catalog.change_if(id, versions.clone(), change("lost")).await.unwrap(), Edit::Outdated);
        assert_eq!(catalog.remove_if(id, versions).await.unwrap(), Edit::Outdated);
    }
    assert_eq!(catalog.get(id).await.unwrap(), Some(second.clone()));
    assert_eq!(catalog.remove_if(id, vec![second.version()]).await.unwrap(), Edit::Done(()));
    assert_eq!(catalog.remove_if(id, vec![second.version()]).await.unwrap(), Edit::Absent);
    assert_eq!(catalog.change_if(id, vec![second.version()], change("lost")).await.unwrap(), Edit::Absent);
}

pub async fn of_those_who_change_one_version_one_does(catalog: Subject) {
    let mut version = catalog.add(movie("0")).await.unwrap();
    for round in 0..10 {
        let changes = (0..6).map(|editor| {
            let title = Title::new(&format!("{round} {editor}")).unwrap();
            let change = MovieChange::new(Some(title), None).unwrap();
            catalog.change_if(version.id, vec![version.version()], change)
        });
        let results = futures_util::future::join_all(changes).await;
        let mut done = Vec::new();
        for result in results {
            match result.unwrap() {
                Edit::Done(movie) => done.push(movie),
                other => assert_eq!(other, Edit::Outdated),
            }
        }
        let [one] = &done[..] else { panic!("{done:?}") };
        version = one.clone();
    }
}
