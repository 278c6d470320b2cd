use async_trait::async_trait;
use futures_util::future::join_all;
use keeper_batching::{Answers, Coalescer};
use keeper_domain::{Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice};
use keeper_ports::inventory::MovieCatalog;
use keeper_ports::{PortError, PortResult};
use keeper_telemetry::context::{REQUEST_IDS, RequestContext};
use keeper_wire::{MessageBody, MovieBody, MovieChangeFields, MovieFields};
use reqwest::Method;

use crate::Service;
use crate::service::{Answer, found};

const MOVIES: &str = "/api/movies";

const BATCH: &str = "/internal/movies";

/// How many requests for movies by their ids are under way at once: few, so that many reads share one; more than one, so
/// that a replica of inventory that hangs does not hold up all of them.
const MAX_BATCHES: usize = 2;

/// The catalogue of an inventory service. Reads by id that come while others are under way share a request.
pub struct InventoryClient {
    service: Service,
    gets: Coalescer<Get, Option<Movie>>,
}

/// A movie to be read, and the request that it is for.
struct Get {
    id: MovieId,
    context: Option<RequestContext>,
}

impl InventoryClient {
    /// Speaks to a service.
    pub fn new(service: Service) -> Self {
        let getting = service.clone();
        let gets = Coalescer::new(service.what(), MAX_BATCHES, move |gets| get_all(getting.clone(), gets));
        Self { service, gets }
    }
}

fn path(id: MovieId) -> String {
    format!("{MOVIES}/{id}")
}

fn movie_of(service: &Service, answer: &Answer) -> PortResult<Movie> {
    checked(service, service.body(answer)?)
}

fn movies_of(service: &Service, answer: &Answer) -> PortResult<Vec<Movie>> {
    let bodies: Vec<MovieBody> = service.body(answer)?;
    bodies.into_iter().map(|body| checked(service, body)).collect()
}

fn checked(service: &Service, body: MovieBody) -> PortResult<Movie> {
    Movie::try_from(body).map_err(|invalid| PortError::failed(service.what(), invalid))
}

/// Reads movies in one request.
async fn get_all(service: Service, gets: Vec<Get>) -> Answers<Option<Movie>> {
    if let [get] = &gets[..] {
        return Ok(vec![get_one(&service, get).await]);
    }
    match get_batch(&service, &gets).await {
        // One of the movies may be at fault, which alone is to fail; or inventory is older than this request.
        Err(PortError::Failed { .. }) => Ok(join_all(gets.iter().map(|get| get_one(&service, get))).await),
        movies => {
            let movies = movies?;
            let movie = |get: &Get| Ok(movies.iter().find(|movie| movie.id == get.id).cloned());
            Ok(gets.iter().map(movie).collect())
        }
    }
}

async fn get_one(service: &Service, get: &Get) -> PortResult<Option<Movie>> {
    let read = async {
        match found(service.read(service.request(Method::GET, &path(get.id))).await)? {
            Some(answer) => movie_of(service, &answer).map(Some),
            None => Ok(None),
        }
    };
    RequestContext::scope_if_some(get.context.clone(), read).await
}

async fn get_batch(service: &Service, gets: &[Get]) -> PortResult<Vec<Movie>> {
    let ids: Vec<String> = gets.iter().map(|get| get.id.to_string()).collect();
    let contexts = gets.iter().filter_map(|get| get.context.as_ref());
    let request_ids: Vec<&str> = contexts.map(|context| context.request_id.as_str()).collect();
    let read = async {
        let request = service.request(Method::GET, &format!("{BATCH}?ids={}", ids.join(",")));
        movies_of(service, &service.read(request.header(REQUEST_IDS, request_ids.join(","))).await?)
    };
    RequestContext::scope_if_some(gets.first().and_then(|get| get.context.clone()), read).await
}

#[async_trait]
impl MovieCatalog for InventoryClient {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        let request = self.service.request(Method::POST, MOVIES).json(&MovieFields::from(movie));
        movie_of(&self.service, &self.service.send(request).await?)
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let mut request = self.service.request(Method::GET, MOVIES).query(&[("limit", page.limit.get())]);
        if let Some(after) = page.after {
            request = request.query(&[("after", after.get())]);
        }
        if let Some(title) = query.title {
            request = request.query(&[("title", title.as_str())]);
        }
        let answer = self.service.read(request).await?;
        Ok(Slice { items: movies_of(&self.service, &answer)?, more: answer.has_next_page() })
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        let get = Get { id, context: RequestContext::current() };
        self.service.in_time(self.gets.call(get)).await
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        let request = self.service.request(Method::PUT, &path(id)).json(&MovieChangeFields::from(change));
        match found(self.service.send(request).await)? {
            Some(answer) => movie_of(&self.service, &answer).map(Some),
            None => Ok(None),
        }
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        let answer = self.service.send(self.service.request(Method::DELETE, &path(id))).await;
        Ok(found(answer)?.is_some())
    }

    async fn clear(&self) -> PortResult<u64> {
        let answer = self.service.send(self.service.request(Method::DELETE, MOVIES)).await?;
        let body: MessageBody = self.service.body(&answer)?;
        let nonsense = || PortError::failed(self.service.what(), "it did not say how many movies it deleted");
        body.cleared_movies().ok_or_else(nonsense)
    }
}
