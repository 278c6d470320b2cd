use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A table that a file must have.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The number of the migration that makes it.
    pub(crate) made_by: i64,
    /// Its primary key, of one column. A virtual table has none.
    pub(crate) key: Option<&'static str>,
    /// Its other columns, those of all migrations.
    pub(crate) columns: &'static [&'static str],
}

/// The names of a file's tables.
pub(crate) const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table'";

/// The columns of all tables of a file, for [`Table::lacks`].
pub(crate) const COLUMNS: &str = "SELECT tables.name, columns.name, columns.pk
    FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";

impl Table {
    /// Says what a file with these columns has lost of the table, if anything.
    pub(crate) fn lacks(&self, columns: &[SqliteRow]) -> Option<String> {
        let is_text =
            |row: &SqliteRow, at, text: &str| row.try_get::<&str, _>(at).is_ok_and(|found| found == text);
        let own: Vec<_> = columns.iter().filter(|row| is_text(row, 0, self.name)).collect();
        if own.is_empty() {
            return Some(format!("the table {}", self.name));
        }
        let has = |column: &str| own.iter().find(|row| is_text(row, 1, column));
        let is_key =
            |column: &str| has(column).is_some_and(|row| row.try_get(2).is_ok_and(|place: i64| place == 1));
        if let Some(key) = self.key.filter(|key| !is_key(key)) {
            return Some(format!("the primary key {key} of the table {}", self.name));
        }
        let lost = self.columns.iter().find(|column| has(column).is_none())?;
        Some(format!("the column {lost} of the table {}", self.name))
    }
}
