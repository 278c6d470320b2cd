//! The load generator, as a client of its own.

use std::process::{Command, Output};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Kind, Stack, binary, free_port};

/// Runs it to its end. Of an option that is there twice, the later one counts.
fn load(url: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("load"));
    command.args(["--url", url, "--rate", "60", "--seconds", "3", "--every", "1"]).args(options);
    let Output { status, stdout, stderr } =
        tokio::task::block_in_place(|| command.output()).expect("the binary starts");
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).expect("it prints text"))
}

/// What stands in the report's line of a call: how many were good, and how many failed.
fn counted(said: &str, call: &str) -> (u64, u64) {
    let line = said.lines().find(|line| line.starts_with(call)).unwrap_or_else(|| panic!("{call}: {said}"));
    let mut numbers =
        line[call.len()..].split_whitespace().map(|number| number.parse().expect("it is a number"));
    (numbers.next().expect("the good ones"), numbers.next().expect("the failed ones"))
}

pub async fn customers_come_and_every_order_is_accounted_for(stack: &Stack) {
    let (url, api) = (stack.front().url(), stack.api());
    let kept = json!({"title": "A movie of somebody else", "description": "It stays."});
    api.post("/api/movies", &kept).await.expect(201);

    let (code, said) = load(&url, &["--mix", "browse=5,search=2,add=2,order=5,read-back=2"]);
    assert_eq!(code, Some(0), "{said}");
    for call in ["list movies", "read movie", "search movies", "add movie", "place order", "read order"] {
        let (good, failed) = counted(&said, call);
        assert!(good > 0 && failed == 0, "{call}: {said}");
    }
    let (ordered, _) = counted(&said, "place order");
    let balance = format!("orders: {ordered} accepted = {ordered} recorded + 0 dead letters\n");
    assert!(said.ends_with(&balance), "{said}");
    // What it added is gone, what others added is not.
    let movies = api.get("/api/movies").await.expect(200).json();
    let titles: Vec<_> = movies.as_array().expect("a list").iter().map(|movie| &movie["title"]).collect();
    assert_eq!(titles, [&kept["title"]]);

    // Customers who are not known may browse.
    let (code, said) = load(&url, &["--mix", "browse=1", "--seconds", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("orders: 0 accepted = 0 recorded + 0 dead letters\n"), "{said}");

    if stack.kind() == Kind::Distributed {
        what_is_not_recorded_in_time_is_told(stack);
    }
}

fn what_is_not_recorded_in_time_is_told(stack: &Stack) {
    stack.recorder().signal("STOP");
    let (code, said) = load(&stack.front().url(), &["--mix", "order=1", "--rate", "10", "--patience", "1"]);
    stack.recorder().signal("CONT");
    assert!(code == Some(1) && said.contains("that were NOT FOUND"), "{code:?} {said}");
}

pub async fn without_a_shop_there_is_no_load(stack: &Stack) {
    let (code, said) = load(&format!("http://127.0.0.1:{}", free_port()), &[]);
    assert!(code == Some(2) && said.contains("does not list movies: no connection"), "{said}");
    let (code, said) = load(&format!("{}/nothing", stack.front().url()), &[]);
    assert!(code == Some(2) && said.contains("404 not_found"), "{said}");
    let (code, said) = load(&stack.front().url(), &["--key-file", "/nowhere"]);
    assert!(code == Some(2) && said.contains("cannot read the key"), "{said}");
    let movies = stack.api().request(Method::GET, "/api/movies");
    Answer::of(movies).await.expect(200);
}
