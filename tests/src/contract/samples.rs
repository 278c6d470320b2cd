//! Movies and orders for the suites, the ugly ones included.

use keeper_domain::{
    Description, ItemCount, Money, MovieId, NewMovie, Order, OrderDraft, OrderId, Page, PageLimit, Timestamp,
    Title, TitlePart, UserId,
};
use uuid::Uuid;

/// Titles that stores have trouble with: wildcards, escapes, quotes, query languages, other scripts and directions,
/// characters outside the basic plane, case that changes its length.
pub const UGLY_TITLES: [&str; 20] = [
    "100% Wolf",
    "_underscore_",
    r"back\slash",
    r"\%",
    "O'Brien''s \"quoted\"",
    "NEAR(a b) AND NOT c* OR ^d {e}: f",
    "'; DROP TABLE movies; --",
    "Amélie – Le Fabuleux Destin",
    "ÉCOLE",
    "Straße",
    "İstanbul'da",
    "ΟΔΟΣ ΟΝΕΙΡΩΝ",
    "Солярис",
    "千と千尋の神隠し",
    "שלום עולם",
    "مرحبا \u{200f}إلى\u{200e} الوراء",
    "🎬🍿 emoji 👩‍👩‍👧‍👦",
    "e\u{301} combining",
    "two  spaces\u{a0}and a hard one",
    "in\u{200b}visible\u{ad}",
];

/// A time, in milliseconds since the epoch.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// A movie with an empty description.
pub fn movie(title: &str) -> NewMovie {
    described(title, "")
}

/// A movie.
pub fn described(title: &str, description: &str) -> NewMovie {
    NewMovie { title: Title::new(title).unwrap(), description: Description::new(description).unwrap() }
}

/// A part of a title.
pub fn part(text: &str) -> Option<TitlePart> {
    TitlePart::new(text).unwrap()
}

/// The id of a movie.
pub fn movie_id(id: i64) -> MovieId {
    MovieId::new("id", id).unwrap()
}

/// A page.
pub fn page<Id>(after: Option<Id>, limit: u16) -> Page<Id> {
    Page { after, limit: PageLimit::parse(&limit.to_string()).unwrap() }
}

/// A user.
pub fn user(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

/// A new order of the user, one item for 1.50.
pub fn order(of: &str) -> Order {
    let draft = OrderDraft {
        user: user(of),
        items: ItemCount::new(1).unwrap(),
        total: Money::from_minor("total_amount", 150).unwrap(),
    };
    Order { id: OrderId::new(Uuid::now_v7()), draft, created_at: at(1_700_000_000_123) }
}

/// The order with other content under the same id.
pub fn contradiction(of: &Order) -> Order {
    let mut other = of.clone();
    other.draft.total = Money::from_minor("total_amount", of.draft.total.as_minor() + 1).unwrap();
    other
}
