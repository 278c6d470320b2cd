use async_trait::async_trait;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
use keeper_ports::inventory::MovieCatalog;
use keeper_ports::{PortError, PortResult};
use keeper_wire::{DELETED_COUNT, MessageBody, MovieBody, MovieChangeFields, MovieFields};
use reqwest::header::IF_MATCH;
use reqwest::{Method, RequestBuilder};

use crate::Service;
use crate::service::{Answer, edited, found};

const MOVIES: &str = "/api/movies";

/// Many movies by their ids.
const MOVIES_BY_ID: &str = "/internal/movies";

/// The catalogue of an inventory service.
pub struct InventoryClient {
    service: Service,
}

impl InventoryClient {
    /// Speaks to a service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    fn movie_of(&self, answer: &Answer) -> PortResult<Movie> {
        self.movie(self.service.body(answer)?)
    }

    fn movies_of(&self, answer: &Answer) -> PortResult<Vec<Movie>> {
        let bodies: Vec<MovieBody> = self.service.body(answer)?;
        bodies.into_iter().map(|body| self.movie(body)).collect()
    }

    fn movie(&self, body: MovieBody) -> PortResult<Movie> {
        Movie::try_from(body).map_err(|invalid| PortError::failed(self.service.dependency(), invalid))
    }
}

fn path(id: MovieId) -> String {
    format!("{MOVIES}/{id}")
}

/// The request, for these versions only (RFC 9110, 13.1.1). Without one it is for none.
fn only_for(request: RequestBuilder, versions: &[MovieVersion]) -> RequestBuilder {
    let tags: Vec<String> = versions.iter().map(|version| format!("\"{version}\"")).collect();
    request.header(IF_MATCH, if tags.is_empty() { "\"\"".to_owned() } else { tags.join(", ") })
}

#[async_trait]
impl MovieCatalog for InventoryClient {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        let request = self.service.request(Method::POST, MOVIES).json(&MovieFields::from(movie));
        self.movie_of(&self.service.send(request).await?)
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
        Ok(Slice { items: self.movies_of(&answer)?, more: answer.has_next_page() })
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        match found(self.service.read(self.service.request(Method::GET, &path(id))).await)? {
            Some(answer) => self.movie_of(&answer).map(Some),
            None => Ok(None),
        }
    }

    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let request = self.service.request(Method::GET, &format!("{MOVIES_BY_ID}?ids={}", ids.join(",")));
        self.movies_of(&self.service.read(request).await?)
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        let request = self.service.request(Method::PUT, &path(id)).json(&MovieChangeFields::from(change));
        match found(self.service.send(request).await)? {
            Some(answer) => self.movie_of(&answer).map(Some),
            None => Ok(None),
        }
    }

    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>> {
        let request = self.service.request(Method::PUT, &path(id)).json(&MovieChangeFields::from(change));
        match edited(self.service.send(only_for(request, &versions)).await)? {
            Edit::Done(answer) => self.movie_of(&answer).map(Edit::Done),
            Edit::Absent => Ok(Edit::Absent),
            Edit::Outdated => Ok(Edit::Outdated),
        }
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        let answer = self.service.send(self.service.request(Method::DELETE, &path(id))).await;
        Ok(found(answer)?.is_some())
    }

    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        let request = self.service.request(Method::DELETE, &path(id));
        Ok(edited(self.service.send(only_for(request, &versions)).await)?.map(drop))
    }

    async fn clear(&self) -> PortResult<u64> {
        let answer = self.service.send(self.service.request(Method::DELETE, MOVIES)).await?;
        if let Some(count) = answer.number(DELETED_COUNT) {
            return Ok(count);
        }
        // An inventory of the version before, while a roll-out goes on.
        let body: MessageBody = self.service.body(&answer)?;
        let unclear =
            || PortError::failed(self.service.dependency(), "it did not say how many movies it deleted");
        body.cleared_movies().ok_or_else(unclear)
    }
}
