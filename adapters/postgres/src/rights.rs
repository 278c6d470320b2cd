use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::shape::shape;
use crate::{PgDatabase, Schema};

/// What the unit's statements need. A right to a part of the columns counts: which ones, the statements will tell. Sequences are
/// found as the statements find them.
const INVENTORY: &str = concat!(
    "SELECT CASE WHEN to_regclass('movies') IS NULL THEN 'movies' END, concat_ws(', ',
    CASE WHEN NOT has_any_column_privilege(to_regclass('movies'), 'SELECT') THEN 'SELECT ON movies' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('movies'), 'INSERT') THEN 'INSERT ON movies' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('movies'), 'UPDATE') THEN 'UPDATE ON movies' END,
    CASE WHEN NOT has_table_privilege(to_regclass('movies'), 'DELETE') THEN 'DELETE ON movies' END,
    CASE WHEN to_regclass('movies') IS NOT NULL
        AND NOT has_sequence_privilege(pg_get_serial_sequence('movies', 'id'), 'USAGE, UPDATE')
        THEN 'USAGE ON SEQUENCE ' || pg_get_serial_sequence('movies', 'id') END), ",
    shape!(
        "('movies', 'id', 'bigint', true, true), ('movies', 'title', 'text', false, false),
         ('movies', 'title_folded', 'text', false, false), ('movies', 'folding', 'smallint', false, false),
         ('movies', 'description', 'text', false, false), ('movies', 'created_at', 'timestamptz', false, false),
         ('movies', 'updated_at', 'timestamptz', false, false)"
    )
);

const BILLING: &str = concat!(
    "SELECT CASE WHEN to_regclass('orders') IS NULL THEN 'orders'
        WHEN to_regclass('conflicts') IS NULL THEN 'conflicts' END, concat_ws(', ',
    CASE WHEN NOT has_any_column_privilege(to_regclass('orders'), 'SELECT') THEN 'SELECT ON orders' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('orders'), 'INSERT') THEN 'INSERT ON orders' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('conflicts'), 'SELECT') THEN 'SELECT ON conflicts' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('conflicts'), 'INSERT') THEN 'INSERT ON conflicts' END,
    CASE WHEN NOT has_any_column_privilege(to_regclass('conflicts'), 'UPDATE') THEN 'UPDATE ON conflicts' END), ",
    shape!(
        "('orders', 'order_id', 'uuid', false, true), ('orders', 'seq', 'bigint', true, false),
         ('orders', 'user_id', 'text', false, false), ('orders', 'number_of_items', 'integer', false, false),
         ('orders', 'total_minor', 'bigint', false, false), ('orders', 'created_at', 'timestamptz', false, false),
         ('orders', 'recorded_at', 'timestamptz', false, false),
         ('conflicts', 'order_id', 'uuid', false, true), ('conflicts', 'user_id', 'text', false, false),
         ('conflicts', 'number_of_items', 'integer', false, false),
         ('conflicts', 'total_minor', 'bigint', false, false),
         ('conflicts', 'created_at', 'timestamptz', false, false),
         ('conflicts', 'first_seen', 'timestamptz', false, false), ('conflicts', 'times', 'bigint', false, false)"
    )
);

/// Whether the table of the migrations is there, and may be read.
const MIGRATIONS: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL,
    coalesce(has_table_privilege(to_regclass('_sqlx_migrations'), 'SELECT'), false)";

/// The schemas of the search path that have such a table and are hidden from the role.
const HIDDEN: &str = "SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace
    WHERE (nspname = current_user OR strpos(current_setting('search_path'), nspname) > 0)
    AND NOT has_schema_privilege(oid, 'USAGE')
    AND EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_namespace.oid AND relname = '_sqlx_migrations')";

/// The unit's tables, what they are, and what its role may do with them.
#[derive(Debug)]
pub(crate) struct Rights {
    /// A table that is not there.
    missing: Option<String>,
    /// The rights that the role lacks; empty when it lacks none.
    lacking: String,
    /// What is not as the statements need it.
    misshapen: Option<String>,
}

impl Rights {
    pub(crate) async fn ask(database: &PgDatabase) -> PortResult<Self> {
        let question = match database.schema() {
            Schema::Inventory => INVENTORY,
            Schema::Billing => BILLING,
        };
        let answer = database.read(|| sqlx::query(question)).await?;
        let of = |answer: &PgRow| {
            Ok(Self {
                missing: answer.try_get(0)?,
                lacking: answer.try_get(1)?,
                misshapen: answer.try_get(2)?,
            })
        };
        answer.row().and_then(of).map_err(|error| database.meaning(error))
    }

    /// Whether the migrations can be read; not if there are none that this role sees.
    ///
    /// # Errors
    /// `Failed` when they are there and this role may not read them.
    pub(crate) async fn may_read_migrations(database: &PgDatabase) -> PortResult<bool> {
        let answer = database.read(|| sqlx::query(MIGRATIONS)).await?;
        let of = |answer: &PgRow| Ok((answer.try_get(0)?, answer.try_get(1)?));
        match answer.row().and_then(of).map_err(|error| database.meaning(error))? {
            (true, false) => Err(lacks(database, "SELECT ON _sqlx_migrations")),
            (_, may) => Ok(may),
        }
    }

    /// Says whether the tables are there and only hidden from the role.
    ///
    /// # Errors
    /// `Failed` when they are.
    pub(crate) async fn check_schema(database: &PgDatabase) -> PortResult<()> {
        let answer = database.read(|| sqlx::query(HIDDEN)).await?;
        let hidden: Option<String> =
            answer.row().and_then(|row| row.try_get(0)).map_err(|error| database.meaning(error))?;
        hidden.map_or(Ok(()), |schema| Err(lacks(database, &format!("USAGE ON SCHEMA {schema}"))))
    }

    /// Says what is wrong, if anything is.
    ///
    /// # Errors
    /// `Failed`: nothing but an operator changes it.
    pub(crate) fn check(&self, database: &PgDatabase) -> PortResult<()> {
        if let Some(table) = &self.missing {
            let why = format!(
                "the table {table} is not in the database \"{}\" although its migrations were applied: restore it from a backup",
                database.name()
            );
            return Err(PortError::failed(database.dependency(), why));
        }
        if let Some(faults) = &self.misshapen {
            let why = format!(
                "a table in the database \"{}\" is not what its migrations made: {faults}: put it right, or restore it \
                 from a backup",
                database.name()
            );
            return Err(PortError::failed(database.dependency(), why));
        }
        if self.lacking.is_empty() { Ok(()) } else { Err(lacks(database, &self.lacking)) }
    }
}

fn lacks(database: &PgDatabase, rights: &str) -> PortError {
    let role = database.role();
    let why = format!(
        "the role \"{role}\" lacks {rights}: its owner grants it (bins/RUNNING.md, users with few rights)"
    );
    PortError::failed(database.dependency(), why)
}
