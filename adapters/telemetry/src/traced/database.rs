use keeper_ports::PortResult;

use super::call::in_span;
use crate::span::{Span, SpanKind};

/// How spans name a database.
#[derive(Debug, Clone)]
pub struct TracedDatabase {
    system: &'static str,
    namespace: String,
    server: Option<(String, u16)>,
}

impl TracedDatabase {
    /// A database of a PostgreSQL server.
    pub fn postgresql(host: &str, port: u16, database: &str) -> Self {
        let server = Some((host.to_owned(), port));
        Self { system: "postgresql", namespace: database.to_owned(), server }
    }

    /// A file of SQLite.
    pub fn sqlite(file: &str) -> Self {
        Self { system: "sqlite", namespace: file.to_owned(), server: None }
    }

    /// Makes a call that is one operation on a table, or, where there are many, `batch` of them at once.
    pub(crate) async fn call<T>(
        &self,
        operation: &Operation,
        batch: Option<usize>,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let describe = |span: &mut Span| self.describe(span, operation, batch);
        in_span(SpanKind::Client, || operation.summary.into(), describe, call).await
    }

    fn describe(&self, span: &mut Span, operation: &Operation, batch: Option<usize>) {
        span.set("db.system.name", self.system);
        span.set("db.namespace", self.namespace.clone());
        span.set("db.operation.name", operation.verb);
        span.set("db.collection.name", operation.table);
        span.set("db.query.summary", operation.summary);
        if let Some((host, port)) = &self.server {
            span.set("server.address", host.clone());
            span.set("server.port", i64::from(*port));
        }
        // Of one, the conventions want no size.
        if let Some(size) = batch.filter(|size| *size != 1) {
            span.set("db.operation.batch.size", i64::try_from(size).unwrap_or(i64::MAX));
        }
    }
}

/// An operation on a table, as a span names it.
pub(crate) struct Operation {
    verb: &'static str,
    table: &'static str,
    summary: &'static str,
}

impl Operation {
    /// `summary` is the verb and the table.
    pub(crate) const fn new(verb: &'static str, table: &'static str, summary: &'static str) -> Self {
        Self { verb, table, summary }
    }
}
