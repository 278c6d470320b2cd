//! The catalogue.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{column, encoded, next_page, unique};
use crate::harness::{Api, Stack, eventually};

/// Adds a movie and answers it.
pub(crate) async fn add(api: &Api, title: &str) -> Value {
    api.post("/api/movies", &json!({"title": title, "description": "added by a test"}))
        .await
        .expect(201)
        .json()
}

fn is_timestamp(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let digits = text.replace(|c: char| c.is_ascii_digit(), "0");
    digits == "0000-00-00T00:00:00.000Z"
}

pub async fn a_movie_is_added_read_changed_and_deleted(stack: &Stack) {
    let api = stack.api();
    let title = unique("Solaris");
    let answer = api.post("/api/movies", &json!({"title": title, "description": "An ocean thinks."})).await;
    let added = answer.clone().expect(201).json();
    let id = added["id"].as_i64().expect("an id is a number");
    let path = format!("/api/movies/{id}");
    assert_eq!(answer.header("Location"), Some(path.as_str()));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(added.as_object().map(serde_json::Map::len), Some(5), "{added}");
    assert_eq!(added["title"], title.as_str());
    assert_eq!(added["description"], "An ocean thinks.");
    assert!(is_timestamp(&added["createdAt"]) && added["createdAt"] == added["updatedAt"], "{added}");

    assert_eq!(api.get(&path).await.expect(200).json(), added);

    let change = json!({"title": format!("{title} II"), "description": ""});
    let changed = api.put(&path, &change).await.expect(200).json();
    assert_eq!((&changed["id"], &changed["createdAt"]), (&added["id"], &added["createdAt"]));
    assert_eq!((&changed["title"], &changed["description"]), (&change["title"], &change["description"]));
    assert!(is_timestamp(&changed["updatedAt"]), "{changed}");
    assert!(changed["updatedAt"].as_str() >= added["updatedAt"].as_str(), "{changed}");
    assert_eq!(api.get(&path).await.expect(200).json(), changed);

    let deleted = api.delete(&path).await.expect(200);
    assert_eq!(deleted.json(), json!({"message": "Movie was deleted successfully."}));
    for answer in [api.get(&path).await, api.put(&path, &change).await, api.delete(&path).await] {
        assert_eq!(answer.expect(404).json()["code"], "not_found");
    }
}

pub async fn fields_that_are_absent_stay_as_they_are(stack: &Stack) {
    let api = stack.api();
    let added = add(&api, &unique("Stalker")).await;
    let path = format!("/api/movies/{}", added["id"]);
    let described = api.put(&path, &json!({"description": "The Zone."})).await.expect(200).json();
    assert_eq!((&described["title"], &described["description"]), (&added["title"], &json!("The Zone.")));
    let title = unique("Сталкер");
    let change = json!({"title": title, "id": 1, "createdAt": "1999-01-01T00:00:00.000Z", "rating": 5});
    let renamed = api.put(&path, &change).await.expect(200).json();
    assert_eq!((&renamed["id"], &renamed["createdAt"]), (&added["id"], &added["createdAt"]));
    assert_eq!((&renamed["title"], &renamed["description"]), (&json!(title), &json!("The Zone.")));
}

pub async fn a_title_is_searched_literally_and_whatever_its_case(stack: &Stack) {
    let api = stack.api();
    let word = unique("w");
    let titles = [
        format!("{word} 100% Wolf"),
        format!("{word} 1000 Wolf"),
        format!("{word} snake_case"),
        format!("{word} snakeXcase"),
        format!("{word} O'Brien \\ \"Ångström\""),
        format!("{word} ΟΔΟΣ Straße"),
    ];
    for title in &titles {
        add(&api, title).await;
    }
    let found = async |part: &str| -> Vec<String> {
        let answer = api.get(&format!("/api/movies?title={}", encoded(part))).await.expect(200);
        column(&answer, "title").iter().map(|title| title.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&word).await, titles);
    assert_eq!(found(&word.to_uppercase()).await, titles);
    for (part, title) in [
        ("100%", 0),
        ("% w", 0),
        ("E_C", 2),
        ("o'b", 4),
        ("\\", 4),
        ("\"ÅNGSTRÖM\"", 4),
        ("οδοσ", 5),
        ("straße", 5),
        ("ΟΔΟΣ S", 5),
    ] {
        let with_word = found(part).await.into_iter().filter(|title| title.starts_with(&word));
        assert_eq!(with_word.collect::<Vec<_>>(), [titles[title].as_str()], "{part}");
    }
    assert_eq!(found(&format!("{word}%")).await, Vec::<String>::new());
    assert_eq!(found(&format!("{word}_")).await, Vec::<String>::new());
    // A plus is a space, as browsers and HTTP libraries write it.
    let answer = api.get(&format!("/api/movies?title={word}+snake_")).await.expect(200);
    assert_eq!(column(&answer, "title"), [titles[2].as_str()]);
}

pub async fn pages_follow_one_another_without_gaps(stack: &Stack) {
    let api = stack.api();
    let word = unique("page & more");
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(add(&api, &format!("{word} {number}")).await["id"].clone());
    }
    let mut found = Vec::new();
    let mut page = Some(format!("/api/movies?title={}&limit=2", encoded(&word)));
    let mut sizes = Vec::new();
    while let Some(path) = page {
        let answer = api.get(&path).await.expect(200);
        let rows = column(&answer, "id");
        sizes.push(rows.len());
        found.extend(rows);
        page = next_page(&answer);
    }
    assert_eq!((found, sizes), (ids.clone(), vec![2, 2, 1]));
    let answer = api.get(&format!("/api/movies?limit=1&after={}", ids[1])).await.expect(200);
    assert!(column(&answer, "id")[0].as_i64() > ids[1].as_i64());
    let answer = api.get(&format!("/api/movies?after={}", i64::MAX)).await.expect(200);
    assert_eq!((answer.json(), next_page(&answer)), (json!([]), None));
    api.get("/api/movies?limit=1000").await.expect(200);
    // An empty filter is no filter.
    let all = api.get("/api/movies?title=&limit=5").await.expect(200);
    assert_eq!(column(&all, "id").len(), 5);
}

pub async fn text_is_kept_as_it_was_written(stack: &Stack) {
    let api = stack.api();
    let longest = "🎬".repeat(255);
    let description = format!("  two\nlines\t{}  ", "é".repeat(9_980));
    for title in
        ["🎬 Фильм 映画 e\u{301}", "\u{200f}סרט فيلم", "in\u{200b}visible", "<b>&amp;'\"</b>", &longest]
    {
        let added = api.post("/api/movies", &json!({"title": title, "description": description})).await;
        let added = added.expect(201).json();
        let read = api.get(&format!("/api/movies/{}", added["id"])).await.expect(200).json();
        assert_eq!((&read["title"], &read["description"]), (&json!(title), &json!(description)));
        assert_eq!(read, added);
    }
    let trimmed = add(&api, " \t Mirror \u{3000}\n").await;
    assert_eq!(trimmed["title"], "Mirror");
}

pub async fn movies_added_at_the_same_time_are_all_there(stack: &Stack) {
    let api = stack.api();
    let word = unique("crowd");
    let titles: Vec<_> = (0..40).map(|number| format!("{word} {number}")).collect();
    let added = join_all(titles.iter().map(async |title| {
        // A machine that is too busy refuses some of them at first, as it should: nothing may come of those.
        eventually("a movie is added", Duration::from_secs(30), async || {
            let answer = api.post("/api/movies", &json!({"title": title, "description": ""})).await;
            if answer.status == 503 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                return None;
            }
            Some(answer.expect(201).json())
        })
        .await
    }))
    .await;
    let ids: HashSet<_> = added.iter().map(|movie| movie["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), titles.len());
    let answer = api.get(&format!("/api/movies?title={word}")).await.expect(200);
    let found = column(&answer, "id");
    assert_eq!(found.len(), titles.len());
    assert!(found.is_sorted_by_key(Value::as_i64));
}

pub async fn all_movies_are_deleted_and_a_page_has_100(stack: &Stack) {
    let api = stack.api();
    let mut added = Vec::new();
    for number in 0..101 {
        added.push(add(&api, &format!("Movie {number}")).await["id"].as_i64());
    }
    let first = api.get("/api/movies").await.expect(200);
    assert_eq!(column(&first, "id").len(), 100);
    let rest = api.get(&next_page(&first).expect("there is one more")).await.expect(200);
    assert_eq!((column(&rest, "id").len(), next_page(&rest)), (1, None));

    let cleared = |count: u32| json!({"message": format!("{count} movies were deleted successfully.")});
    assert_eq!(api.delete("/api/movies").await.expect(200).json(), cleared(101));
    assert_eq!(api.get("/api/movies").await.expect(200).json(), json!([]));
    assert_eq!(api.delete("/api/movies").await.expect(200).json(), cleared(0));
    // An id is never given twice.
    let next = add(&api, "The next one").await["id"].as_i64();
    assert!(added.iter().all(|id| *id < next));
}
