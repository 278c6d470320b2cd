use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use crate::account::{Accepted, Account};
use crate::answer::Answer;
use crate::call::Call;
use crate::options::Options;
use crate::output;
use crate::report::Report;
use crate::visit::Visit;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// So many movies and orders are remembered, to come back to.
const MEMORY: usize = 1_000;
/// So many people order.
const USERS: u32 = 50;

const ADJECTIVES: [&str; 12] = [
    "Silent", "Golden", "Last", "Hidden", "Broken", "Endless", "Burning", "Distant", "Frozen", "Secret",
    "Wild", "Lonely",
];
const NOUNS: [&str; 12] = [
    "Harbour", "River", "Winter", "Garden", "Train", "Mountain", "Mirror", "Island", "Letter", "Summer",
    "Bridge", "Orchard",
];

/// Why there is no load.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("cannot read the key: {0}")]
    Key(std::io::Error),
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("{url} does not list movies: {why}")]
    Unreachable { url: Url, why: String },
}

/// The shop as its customers know it.
pub(crate) struct Shop {
    client: Client,
    url: Url,
    key: Option<String>,
    /// Tells this run's movies, users and orders from those of others.
    run: String,
    patience: Duration,
    most_movies: usize,
    known: Mutex<Known>,
    report: Arc<Report>,
    /// What became of the orders.
    pub(crate) orders: Account,
}

#[derive(Default)]
struct Known {
    movies: Vec<i64>,
    orders: Vec<String>,
    added: Vec<i64>,
    /// Movies that are being added.
    adding: usize,
    ordered: u64,
}

impl Shop {
    /// Looks whether the shop is there.
    ///
    /// # Errors
    /// The key cannot be read, or the shop does not answer.
    pub(crate) async fn open(options: &Options, report: Arc<Report>) -> Result<Self, OpenError> {
        let read = |file| std::fs::read_to_string(file).map(|key| key.trim().to_owned());
        let shop = Self {
            client: Client::builder().timeout(TIMEOUT).no_proxy().build()?,
            url: options.url.clone(),
            key: options.key_file.as_ref().map(read).transpose().map_err(OpenError::Key)?,
            run: format!("{:08x}", fastrand::u32(..)),
            patience: options.patience(),
            most_movies: usize::try_from(options.movies).unwrap_or(usize::MAX),
            known: Mutex::default(),
            report,
            orders: Account::default(),
        };
        match Answer::of(shop.request(Method::GET, "/api/movies?limit=20")).await {
            Answer::Good(page, _) => shop.remember(&page),
            other => {
                let why = other.failure().unwrap_or_default();
                return Err(OpenError::Unreachable { url: shop.url, why });
            }
        }
        Ok(shop)
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Comes for something. The first request was due at this time.
    pub(crate) async fn visit(&self, visit: Visit, due: Instant) {
        match visit {
            Visit::Browse => self.browse(due).await,
            Visit::Search => {
                let word = choose(if fastrand::bool() { &ADJECTIVES } else { &NOUNS });
                let path = format!("/api/movies?limit=20&title={word}");
                self.call(Call::SearchMovies, self.request(Method::GET, &path), due).await;
            }
            Visit::Add => self.add(due).await,
            Visit::Order => self.order(due).await,
            Visit::ReadBack => {
                let id = choose_of(&self.known().orders);
                if let Some(id) = id {
                    let path = format!("/api/billing/orders/{id}");
                    self.call(Call::ReadOrder, self.request(Method::GET, &path), due).await;
                }
            }
        }
    }

    async fn browse(&self, due: Instant) {
        let page = self.call(Call::ListMovies, self.request(Method::GET, "/api/movies?limit=20"), due).await;
        let Answer::Good(page, next) = page else { return };
        self.remember(&page);
        if let Some(next) =
            next.and_then(|next| self.at("/api/movies").join(&next).ok()).filter(|_| fastrand::bool())
        {
            let next = self.with_key(self.client.get(next));
            if let Answer::Good(page, _) = self.call(Call::ListMovies, next, Instant::now()).await {
                self.remember(&page);
            }
        }
        let movie = choose_of(&self.known().movies);
        if let Some(id) = movie {
            let movie = self.request(Method::GET, &format!("/api/movies/{id}"));
            // Somebody may have deleted it.
            self.call_or_gone(Call::ReadMovie, movie, Instant::now()).await;
        }
    }

    async fn add(&self, due: Instant) {
        {
            let mut known = self.known();
            if known.added.len() + known.adding >= self.most_movies {
                return;
            }
            known.adding += 1;
        }
        let title = format!("The {} {} ({})", choose(&ADJECTIVES), choose(&NOUNS), self.run);
        let movie = json!({"title": title, "description": "Added by the load generator, which deletes it at the end."});
        let answer =
            self.call(Call::AddMovie, self.request(Method::POST, "/api/movies").json(&movie), due).await;
        let mut known = self.known();
        known.adding -= 1;
        if let Answer::Good(movie, _) = answer {
            known.added.extend(movie["id"].as_i64());
        }
    }

    /// Orders. As long as it is not clear whether the order was accepted, it is sent again with the same key.
    async fn order(&self, due: Instant) {
        if !self.orders.has_room() {
            self.report.not_made();
            return;
        }
        let number = {
            let mut known = self.known();
            known.ordered += 1;
            known.ordered
        };
        let order = json!({
            "user_id": format!("load-{}-{}", self.run, fastrand::u32(..USERS)),
            "number_of_items": fastrand::u32(1..=5),
            "total_amount": format!("{}.{:02}", fastrand::u32(1..=200), fastrand::u32(..100)),
        });
        let (mut due, mut pause) = (due, Duration::from_millis(100));
        let give_up = Instant::now() + self.patience;
        loop {
            let request = self.request(Method::POST, "/api/billing").json(&order);
            let request = request.header("Idempotency-Key", format!("load-{}-{number}", self.run));
            let answer = self.call(Call::PlaceOrder, request, due).await;
            if let Answer::Good(accepted, _) = &answer {
                self.orders.accepted(accepted["order_id"].as_str().unwrap_or_default().to_owned());
                return;
            }
            if !answer.may_be_tried_again() {
                return;
            }
            if Instant::now() + pause > give_up {
                self.orders.unclear();
                return;
            }
            tokio::time::sleep(pause).await;
            due = Instant::now();
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Looks for an accepted order in the ledger, for as many seconds. `None`: it could not be looked for.
    pub(crate) async fn is_recorded(&self, order: &Accepted, wait: u64) -> Option<bool> {
        let path = format!("/api/billing/orders/{}?wait={wait}", order.id);
        match Answer::of(self.request(Method::GET, &path)).await {
            Answer::Good(..) => {
                self.report.took(Call::OrderRecorded, order.at.elapsed());
                remember(&mut self.known().orders, order.id.clone());
                Some(true)
            }
            Answer::Refused(status, _) if status.as_u16() == 404 => Some(false),
            Answer::Refused(..) | Answer::None(_) => None,
        }
    }

    /// Looks for the orders that were not seen in the ledger: there once more, then among the dead letters.
    pub(crate) async fn look_for_unseen(&self) {
        let mut unseen = Vec::new();
        let mut recorded = 0;
        for order in self.orders.take_unseen() {
            match self.is_recorded(&order, 0).await {
                Some(true) => recorded += 1,
                Some(false) | None => unseen.push(order.id),
            }
        }
        let dead = if unseen.is_empty() { 0 } else { self.dead_among(&unseen).await };
        self.orders.found(recorded, dead);
    }

    async fn dead_among(&self, ids: &[String]) -> u64 {
        match Answer::of(self.request(Method::GET, "/api/operations/dead-letters?limit=100")).await {
            Answer::Good(list, _) => {
                let dead = list["dead_letters"].as_array().into_iter().flatten();
                let ours = dead
                    .filter_map(|dead| dead["order_id"].as_str())
                    .filter(|id| ids.iter().any(|our| our == id));
                ours.count() as u64
            }
            other => {
                let why = other.failure().unwrap_or_default();
                output::tell(format_args!("the dead letters could not be looked at: {why}"));
                0
            }
        }
    }

    /// Deletes the movies that this run added.
    pub(crate) async fn delete_added(&self) {
        let added = std::mem::take(&mut self.known().added);
        for id in added {
            let movie = self.request(Method::DELETE, &format!("/api/movies/{id}"));
            self.call_or_gone(Call::DeleteMovie, movie, Instant::now()).await;
        }
    }

    async fn call(&self, call: Call, request: RequestBuilder, due: Instant) -> Answer {
        let answer = Answer::of(request).await;
        self.report.count(call, due.elapsed(), &answer);
        answer
    }

    /// A call of what somebody else may have deleted, which is no failure.
    async fn call_or_gone(&self, call: Call, request: RequestBuilder, due: Instant) {
        let answer = match Answer::of(request).await {
            Answer::Refused(status, _) if status.as_u16() == 404 => Answer::Good(Value::Null, None),
            other => other,
        };
        self.report.count(call, due.elapsed(), &answer);
    }

    fn remember(&self, page: &Value) {
        let mut known = self.known();
        for id in page.as_array().into_iter().flatten().filter_map(|movie| movie["id"].as_i64()) {
            remember(&mut known.movies, id);
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.with_key(self.client.request(method, self.at(path)))
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.header("X-Api-Key", key),
            None => request,
        }
    }

    /// The address of a path, which may have a query.
    fn at(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        // What is before it may be a prefix.
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn choose(words: &[&'static str]) -> &'static str {
    words[fastrand::usize(..words.len())]
}

fn choose_of<T: Clone>(known: &[T]) -> Option<T> {
    (!known.is_empty()).then(|| known[fastrand::usize(..known.len())].clone())
}

/// Keeps it, in the place of another one where there are many.
fn remember<T: PartialEq>(known: &mut Vec<T>, new: T) {
    if known.len() < MEMORY {
        if !known.contains(&new) {
            known.push(new);
        }
    } else {
        known[fastrand::usize(..MEMORY)] = new;
    }
}
