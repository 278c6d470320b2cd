use keeper_domain::{Description, Movie, MovieId, Title};
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgDatabase;
use crate::moment::Moment;
use crate::statement::RowError;

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
pub(crate) fn movie(database: &PgDatabase, row: &PgRow) -> PortResult<Movie> {
    let movie = || -> Result<Movie, RowError> {
        let id: i64 = row.try_get(0)?;
        read(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
    };
    movie().map_err(|cause| PortError::failed(database.dependency(), cause))
}

/// The movies of a statement's rows. A row that breaks a rule is left out, so that it does not take the others with it.
pub(crate) fn readable(database: &PgDatabase, rows: &[PgRow]) -> impl Iterator<Item = Movie> {
    rows.iter().filter_map(|row| {
        let left_out = |broken: &PortError| tracing::error!(cause = broken.chain(), "a movie is left out");
        movie(database, row).inspect_err(left_out).ok()
    })
}

fn read(id: i64, row: &PgRow) -> Result<Movie, RowError> {
    Ok(Movie {
        id: MovieId::new("id", id)?,
        title: Title::from_store(row.try_get(1)?)?,
        description: Description::from_store(row.try_get::<&str, _>(2)?),
        created_at: row.try_get::<Moment, _>(3)?.get(),
        updated_at: row.try_get::<Moment, _>(4)?.get(),
    })
}
