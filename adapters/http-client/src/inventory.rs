use async_trait::async_trait;
use keeper_domain::{Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice};
use keeper_ports::inventory::MovieCatalog;
use keeper_ports::{PortError, PortResult};
use keeper_wire::{MessageBody, MovieBody, MovieChangeFields, MovieFields};
use reqwest::{Method, Response};

use crate::Service;
use crate::service::{found, has_next_page};

const MOVIES: &str = "/api/movies";

/// The catalogue of an inventory service.
pub struct InventoryClient {
    service: Service,
}

impl InventoryClient {
    /// Speaks to a service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    async fn movie(&self, response: Response) -> PortResult<Movie> {
        let body: MovieBody = self.service.body(response).await?;
        self.checked(body)
    }

    fn checked(&self, body: MovieBody) -> PortResult<Movie> {
        Movie::try_from(body).map_err(|invalid| PortError::failed(self.service.what(), invalid))
    }
}

fn path(id: MovieId) -> String {
    format!("{MOVIES}/{id}")
}

#[async_trait]
impl MovieCatalog for InventoryClient {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        let request = self.service.request(Method::POST, MOVIES).json(&MovieFields::from(movie));
        let response = self.service.send(request).await?;
        self.movie(response).await
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let mut request = self.service.request(Method::GET, MOVIES).query(&[("limit", page.limit.get())]);
        if let Some(after) = page.after {
            request = request.query(&[("after", after.get())]);
        }
        if let Some(title) = query.title {
            request = request.query(&[("title", title.as_str())]);
        }
        let response = self.service.read(request).await?;
        let more = has_next_page(&response);
        let bodies: Vec<MovieBody> = self.service.body(response).await?;
        let items = bodies.into_iter().map(|body| self.checked(body)).collect::<PortResult<_>>()?;
        Ok(Slice { items, more })
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        let response = self.service.read(self.service.request(Method::GET, &path(id))).await;
        match found(response)? {
            Some(response) => self.movie(response).await.map(Some),
            None => Ok(None),
        }
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        let request = self.service.request(Method::PUT, &path(id)).json(&MovieChangeFields::from(change));
        match found(self.service.send(request).await)? {
            Some(response) => self.movie(response).await.map(Some),
            None => Ok(None),
        }
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        let response = self.service.send(self.service.request(Method::DELETE, &path(id))).await;
        Ok(found(response)?.is_some())
    }

    async fn clear(&self) -> PortResult<u64> {
        let response = self.service.send(self.service.request(Method::DELETE, MOVIES)).await?;
        let body: MessageBody = self.service.body(response).await?;
        let nonsense = || PortError::failed(self.service.what(), "it did not say how many movies it deleted");
        body.cleared_movies().ok_or_else(nonsense)
    }
}
