use chrono::{DateTime, Utc};
use keeper_domain::{Description, Movie, MovieId, Title};
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgDatabase;
use crate::statement::RowError;

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
pub(crate) fn movie(database: &PgDatabase, row: &PgRow) -> PortResult<Movie> {
    let movie = || -> Result<Movie, RowError> {
        let id: i64 = row.try_get(0)?;
        read(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
    };
    movie().map_err(|cause| PortError::failed(database.dependency(), cause))
}

fn read(id: i64, row: &PgRow) -> Result<Movie, RowError> {
    Ok(Movie {
        id: MovieId::new("id", id)?,
        title: Title::from_store(row.try_get(1)?)?,
        description: Description::from_store(row.try_get::<&str, _>(2)?),
        created_at: row.try_get::<DateTime<Utc>, _>(3)?.into(),
        updated_at: row.try_get::<DateTime<Utc>, _>(4)?.into(),
    })
}
