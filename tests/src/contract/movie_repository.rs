//! The contract of [`MovieRepository`].

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use keeper_domain::{Description, Movie, MovieChange, MovieId, MovieQuery, Title};
use keeper_ports::inventory::{MAX_IDS, MovieRepository};
use tokio::task::JoinSet;

pub use super::movie_states::{
    a_change_of_one_state_is_made_to_no_other, a_deletion_of_one_state_deletes_no_other,
    of_changes_to_one_state_one_is_made,
};
use super::samples::{UGLY_TITLES, at, described, movie, movie_id, page, part};
use super::typed_titles::TYPED;

/// The store under test.
pub type Subject = Arc<dyn MovieRepository>;

/// Makes a test of each case.
#[macro_export]
macro_rules! movie_repository_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            movie_repository,
            $fixture,
            [
                a_movie_comes_back_as_it_was_stored,
                the_longest_texts_fit,
                ids_ascend_and_are_never_given_twice,
                a_movie_that_is_not_there_is_no_error,
                many_movies_are_found_at_once,
                a_change_changes_what_is_given_and_nothing_else,
                changes_of_different_fields_at_the_same_time_both_last,
                a_removal_says_whether_the_movie_was_there,
                of_many_removals_at_the_same_time_one_succeeds,
                a_clearance_says_how_many,
                a_part_is_taken_literally,
                a_part_of_one_or_two_characters_is_found,
                case_is_folded_as_the_domain_says,
                what_people_type_is_found,
                the_search_follows_changes_and_removals,
                pages_are_complete_and_say_whether_the_list_goes_on,
                pages_of_a_search_are_complete_too,
                a_page_may_start_after_an_id_that_is_gone,
                movies_that_are_added_at_the_same_time_are_all_there,
                calls_at_the_same_time_each_get_their_own_movie,
                changes_at_the_same_time_each_get_their_own_movie,
                a_change_of_one_state_is_made_to_no_other,
                of_changes_to_one_state_one_is_made,
                a_deletion_of_one_state_deletes_no_other,
            ]
        );
    };
}

async fn add(movies: &Subject, title: &str) -> MovieId {
    movies.insert(movie(title), at(1)).await.unwrap().id
}

async fn ids(movies: &Subject, text: &str) -> Vec<MovieId> {
    let slice = movies.search(MovieQuery { title: part(text) }, page(None, 1000)).await.unwrap();
    assert!(!slice.more);
    slice.items.into_iter().map(|movie| movie.id).collect()
}

/// Reads a list page by page.
async fn walk(movies: &Subject, text: &str, limit: u16) -> (Vec<MovieId>, Vec<usize>) {
    let (mut all, mut lengths, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let slice = movies.search(MovieQuery { title: part(text) }, page(after, limit)).await.unwrap();
        lengths.push(slice.items.len());
        all.extend(slice.items.iter().map(|movie| movie.id));
        after = all.last().copied();
        if !slice.more {
            return (all, lengths);
        }
    }
}

pub async fn a_movie_comes_back_as_it_was_stored(movies: Subject) {
    for title in UGLY_TITLES {
        let description = format!(" {title}\r\n'\"\\%_ ");
        let stored = movies.insert(described(title, &description), at(1_700_000_000_123)).await.unwrap();
        let expected = Movie {
            id: stored.id,
            title: Title::new(title).unwrap(),
            description: Description::new(description).unwrap(),
            created_at: at(1_700_000_000_123),
            updated_at: at(1_700_000_000_123),
        };
        assert_eq!(stored, expected);
        assert_eq!(movies.find(stored.id).await.unwrap(), Some(expected.clone()));
        let listed = movies.search(MovieQuery { title: part(title) }, page(None, 10)).await.unwrap();
        assert!(listed.items.contains(&expected), "{title:?}");
    }
}

pub async fn the_longest_texts_fit(movies: Subject) {
    let longest = described(&"🎬".repeat(Title::MAX_CHARS), &"𝄞".repeat(Description::MAX_CHARS));
    let stored = movies.insert(longest.clone(), at(0)).await.unwrap();
    let found = movies.find(stored.id).await.unwrap().unwrap();
    assert_eq!((found.title, found.description), (longest.title, longest.description));
    assert_eq!(ids(&movies, &"🎬".repeat(Title::MAX_CHARS)).await, [stored.id]);
}

pub async fn ids_ascend_and_are_never_given_twice(movies: Subject) {
    let first = add(&movies, "one").await;
    let second = add(&movies, "two").await;
    assert!(first.get() >= 1 && second > first);
    assert!(movies.delete(second).await.unwrap());
    let third = add(&movies, "three").await;
    assert!(third > second);
    movies.delete_all().await.unwrap();
    assert!(add(&movies, "four").await > third);
}

pub async fn a_movie_that_is_not_there_is_no_error(movies: Subject) {
    for id in [1_000_000, i64::MAX].map(movie_id) {
        let change = MovieChange::new(Some(Title::new("x").unwrap()), None).unwrap();
        assert_eq!(movies.find(id).await.unwrap(), None);
        assert_eq!(movies.update(id, change, at(1)).await.unwrap(), None);
        assert!(!movies.delete(id).await.unwrap());
        let after = movies.search(MovieQuery::default(), page(Some(id), 10)).await.unwrap();
        assert!(after.items.is_empty() && !after.more);
    }
    assert_eq!(movies.delete_all().await.unwrap(), 0);
}

pub async fn many_movies_are_found_at_once(movies: Subject) {
    let mut stored = Vec::new();
    for number in 0..MAX_IDS {
        stored.push(movies.insert(movie(&number.to_string()), at(1)).await.unwrap());
    }
    let found = async |ids: Vec<MovieId>| {
        let mut found = movies.find_many(ids).await.unwrap();
        found.sort_by_key(|movie| movie.id);
        found
    };
    assert_eq!(found(stored.iter().rev().map(|movie| movie.id).collect()).await, stored);
    assert_eq!(found(Vec::new()).await, []);
    let (there, gone) = (&stored[7], movie_id(i64::MAX));
    assert_eq!(
        found(vec![gone, there.id, there.id, gone]).await,
        std::slice::from_ref(there),
        "each comes once"
    );
}

pub async fn a_change_changes_what_is_given_and_nothing_else(movies: Subject) {
    let id = movies.insert(described("Solaris", "1972"), at(10)).await.unwrap().id;
    let other = movies.insert(described("Stalker", "1979"), at(10)).await.unwrap();
    let change = MovieChange::new(None, Some(Description::new("2002").unwrap())).unwrap();
    let changed = movies.update(id, change, at(20)).await.unwrap().unwrap();
    assert_eq!((changed.title.as_str(), changed.description.as_str()), ("Solaris", "2002"));
    let change = MovieChange::new(Some(Title::new("СОЛЯРИС").unwrap()), None).unwrap();
    let changed = movies.update(id, change, at(30)).await.unwrap().unwrap();
    assert_eq!((changed.title.as_str(), changed.description.as_str()), ("СОЛЯРИС", "2002"));
    assert_eq!((changed.id, changed.created_at, changed.updated_at), (id, at(10), at(30)));
    assert_eq!(movies.find(id).await.unwrap(), Some(changed));
    assert_eq!(movies.find(other.id).await.unwrap(), Some(other));
}

pub async fn changes_of_different_fields_at_the_same_time_both_last(movies: Subject) {
    for round in 0..20 {
        let id = add(&movies, "before").await;
        let title = MovieChange::new(Some(Title::new("after").unwrap()), None).unwrap();
        let description = MovieChange::new(None, Some(Description::new("after").unwrap())).unwrap();
        let (one, two) = tokio::join!(movies.update(id, title, at(2)), movies.update(id, description, at(2)));
        assert!(one.unwrap().is_some() && two.unwrap().is_some());
        let found = movies.find(id).await.unwrap().unwrap();
        assert_eq!((found.title.as_str(), found.description.as_str()), ("after", "after"), "round {round}");
    }
}

pub async fn a_removal_says_whether_the_movie_was_there(movies: Subject) {
    let (gone, stays) = (add(&movies, "gone").await, add(&movies, "stays").await);
    assert!(movies.delete(gone).await.unwrap());
    assert!(!movies.delete(gone).await.unwrap());
    assert_eq!(movies.find(gone).await.unwrap(), None);
    assert_eq!(ids(&movies, "").await, [stays]);
}

pub async fn of_many_removals_at_the_same_time_one_succeeds(movies: Subject) {
    let id = add(&movies, "wanted").await;
    let mut removals = JoinSet::new();
    for _ in 0..16 {
        let movies = Arc::clone(&movies);
        removals.spawn(async move { movies.delete(id).await.unwrap() });
    }
    let succeeded = removals.join_all().await.into_iter().filter(|removed| *removed).count();
    assert_eq!(succeeded, 1);
}

pub async fn a_clearance_says_how_many(movies: Subject) {
    for title in ["one", "two", "three"] {
        add(&movies, title).await;
    }
    assert_eq!(movies.delete_all().await.unwrap(), 3);
    assert_eq!(movies.delete_all().await.unwrap(), 0);
    assert!(ids(&movies, "").await.is_empty() && ids(&movies, "one").await.is_empty());
}

pub async fn a_part_is_taken_literally(movies: Subject) {
    let mut stored = Vec::new();
    for title in UGLY_TITLES {
        stored.push((title, add(&movies, title).await));
    }
    for part in [
        "%",
        "_",
        r"\",
        "'",
        "\"",
        "''",
        "%%",
        "100%",
        "0% w",
        "_u",
        "e_",
        r"k\s",
        r"\%",
        "%_",
        "'s \"",
        "near(",
        "a b) and",
        "c*",
        "^d",
        "{e}:",
        "'; drop",
        "--",
        "\t",
        "and\nline",
        "\u{1}",
        "\u{301} c",
        "👩‍👩",
        "🎬🍿",
        " ",
        "   ",
        "nothing has this",
    ] {
        let expected: Vec<_> = stored
            .iter()
            .filter(|(title, _)| keeper_domain::fold(title).contains(&keeper_domain::fold(part)))
            .map(|(_, id)| *id)
            .collect();
        assert_eq!(ids(&movies, part).await, expected, "{part:?}");
    }
}

pub async fn a_part_of_one_or_two_characters_is_found(movies: Subject) {
    let id = add(&movies, "Ягуар 虎 q🎬z").await;
    add(&movies, "something else").await;
    for part in ["虎", "я", "🎬", "q", "🎬z", "ар", " 虎"] {
        assert_eq!(ids(&movies, part).await, [id], "{part:?}");
    }
}

pub async fn case_is_folded_as_the_domain_says(movies: Subject) {
    for (title, found, missed) in [
        ("École Buissonnière", &["éco", "ÉCO", "école b", "É", "ISSONNIÈ", "ecole"][..], &["écolé b-"][..]),
        ("Die Straße", &["STRAßE", "straße", "die s", "strasse", "STRASSE"], &["strase"]),
        ("İstanbul", &["İstanbul", "İs", "STANBUL", "ıstanbul"], &["istambul"]),
        ("ΟΔΥΣΣΕΥΣ ΑΣ", &["οδυσσευσ", "ΟΔΥΣΣΕΥΣ", "σσ", "ΑΣ", "οδυσσευς"], &["οδυσευς"]),
        ("Солярис", &["солярис", "СОЛЯРИС", "ляр", "ЛЯ"], &["солярiс"]),
        ("ﬃ Ǆ ŉ", &["ﬃ", "ǆ", "Ǆ ŉ", "ffi"], &["fi dz'"]),
    ] {
        let id = add(&movies, title).await;
        for part in found {
            assert!(ids(&movies, part).await.contains(&id), "{part:?} in {title:?}");
        }
        for part in missed {
            assert!(!ids(&movies, part).await.contains(&id), "{part:?} in {title:?}");
        }
    }
}

pub async fn what_people_type_is_found(movies: Subject) {
    for (title, typed, expected) in TYPED {
        let id = add(&movies, title).await;
        assert_eq!(ids(&movies, typed).await.contains(&id), *expected, "{typed} in {title}");
        movies.delete_all().await.unwrap();
    }
    // Stored as it was sent.
    let id = add(&movies, "Ame\u{301}lie ﬁlm").await;
    assert_eq!(movies.find(id).await.unwrap().unwrap().title.as_str(), "Ame\u{301}lie ﬁlm");
}

pub async fn the_search_follows_changes_and_removals(movies: Subject) {
    let (one, two) = (add(&movies, "Nostalghia").await, add(&movies, "Nostalgia").await);
    let change = MovieChange::new(Some(Title::new("Mirror").unwrap()), None).unwrap();
    movies.update(one, change, at(2)).await.unwrap();
    assert_eq!(ids(&movies, "nostalg").await, [two]);
    assert_eq!(ids(&movies, "mirror").await, [one]);
    movies.delete(two).await.unwrap();
    assert!(ids(&movies, "nostalg").await.is_empty());
    movies.delete_all().await.unwrap();
    assert!(ids(&movies, "mirror").await.is_empty());
}

pub async fn pages_are_complete_and_say_whether_the_list_goes_on(movies: Subject) {
    let mut added = Vec::new();
    for number in 0..10 {
        added.push(add(&movies, &format!("Movie {number}")).await);
    }
    assert_eq!(walk(&movies, "", 5).await, (added.clone(), vec![5, 5]));
    assert_eq!(walk(&movies, "", 4).await, (added.clone(), vec![4, 4, 2]));
    assert_eq!(walk(&movies, "", 1000).await, (added.clone(), vec![10]));
    assert_eq!(walk(&movies, "", 1).await, (added, vec![1; 10]));
}

pub async fn pages_of_a_search_are_complete_too(movies: Subject) {
    let mut expected = Vec::new();
    for number in 0..30 {
        let wanted = number % 3 == 0;
        let id = add(&movies, if wanted { "A wanted one" } else { "Another" }).await;
        if wanted {
            expected.push(id);
        }
    }
    for part in ["wanted", "WA", "w"] {
        assert_eq!(walk(&movies, part, 4).await, (expected.clone(), vec![4, 4, 2]), "{part}");
        assert_eq!(walk(&movies, part, 5).await, (expected.clone(), vec![5, 5]), "{part}");
    }
}

pub async fn a_page_may_start_after_an_id_that_is_gone(movies: Subject) {
    let (one, two, three) =
        (add(&movies, "one").await, add(&movies, "two").await, add(&movies, "three").await);
    movies.delete(two).await.unwrap();
    let rest = movies.search(MovieQuery::default(), page(Some(two), 10)).await.unwrap();
    assert_eq!(rest.items.iter().map(|movie| movie.id).collect::<Vec<_>>(), [three]);
    let rest = movies.search(MovieQuery::default(), page(Some(one), 10)).await.unwrap();
    assert_eq!(rest.items.len(), 1);
}

pub async fn movies_that_are_added_at_the_same_time_are_all_there(movies: Subject) {
    let mut additions = JoinSet::new();
    for task in 0..16 {
        let movies = Arc::clone(&movies);
        additions.spawn(async move {
            let mut added = Vec::new();
            for number in 0..10 {
                added.push(add(&movies, &format!("Movie {task}/{number}")).await);
            }
            assert!(added.is_sorted());
            added
        });
    }
    let added: BTreeSet<_> = additions.join_all().await.into_iter().flatten().collect();
    assert_eq!(added.len(), 160);
    assert_eq!(walk(&movies, "movie", 50).await.0, added.into_iter().collect::<Vec<_>>());
}

pub async fn calls_at_the_same_time_each_get_their_own_movie(movies: Subject) {
    let titles = (0..40).map(|number| format!("Movie {number}"));
    let additions = titles.clone().map(|title| {
        let movies = Arc::clone(&movies);
        async move { add(&movies, &title).await }
    });
    let ids = join_all(additions).await;
    // The same movie may be asked for twice at a time, and one that is not there among them.
    let absent = movie_id(ids.iter().map(|id| id.get()).max().unwrap() + 1);
    let asked: Vec<_> = ids.iter().copied().chain([ids[7], absent, ids[7]]).collect();
    let found = join_all(asked.iter().map(|id| movies.find(*id))).await;
    let found: Vec<_> = found.into_iter().map(|found| Some(found.unwrap()?.title.into_string())).collect();
    let expected: Vec<_> = titles.map(Some).collect();
    assert_eq!(found[..40], expected);
    assert_eq!(found[40..], [expected[7].clone(), None, expected[7].clone()]);
}

pub async fn changes_at_the_same_time_each_get_their_own_movie(movies: Subject) {
    let ids = join_all((0..30).map(|number| {
        let movies = Arc::clone(&movies);
        async move { add(&movies, &format!("Movie {number}")).await }
    }));
    let ids = ids.await;
    // The same movie may be changed twice at a time, and one that is not there among them.
    let absent = movie_id(ids.iter().map(|id| id.get()).max().unwrap() + 1);
    let places: Vec<_> = ids.iter().rev().copied().chain([ids[7], absent, ids[7]]).collect();
    let changes = places.iter().enumerate().map(|(place, id)| {
        let title = Title::new(&format!("Changed at {place}")).unwrap();
        movies.update(*id, MovieChange::new(Some(title), None).unwrap(), at(2))
    });
    let answers: Vec<_> = join_all(changes).await.into_iter().map(Result::unwrap).collect();
    for (place, (id, answer)) in places.iter().zip(&answers).enumerate() {
        let expected = (*id != absent).then(|| (*id, format!("Changed at {place}")));
        let answer = answer.as_ref().map(|movie| (movie.id, movie.title.as_str().to_owned()));
        assert_eq!(answer, expected);
    }
    for id in &ids {
        let found = movies.find(*id).await.unwrap();
        assert!(answers.contains(&found), "{id} is as one of its changes was answered");
    }
}
