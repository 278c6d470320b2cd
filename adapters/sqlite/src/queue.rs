use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Order;
use keeper_ports::PortResult;
use keeper_ports::billing::OrderQueue;
use keeper_telemetry::context::RequestContext;
use keeper_wire::OrderMessage;
use sqlx::SqliteConnection;
use tokio::sync::Notify;

use crate::SqliteDatabase;
use crate::writer::Write;

/// The order queue on SQLite: a table, and a bell for the consumer of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    pub(crate) database: SqliteDatabase,
    pub(crate) bell: Arc<Notify>,
}

impl SqliteQueue {
    /// Makes the queue over [`crate::Directory::billing`].
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database, bell: Arc::default() }
    }
}

#[async_trait]
impl OrderQueue for SqliteQueue {
    async fn enqueue(&self, order: Order) -> PortResult<()> {
        let context = RequestContext::current();
        let body = OrderMessage::encode(&order);
        self.database.write(Enqueue { message_id: order.id.to_string(), body, context }).await?;
        self.bell.notify_one();
        Ok(())
    }
}

struct Enqueue {
    message_id: String,
    body: Vec<u8>,
    context: Option<RequestContext>,
}

#[async_trait]
impl Write for Enqueue {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let context = self.context.as_ref();
        sqlx::query(
            "INSERT INTO order_queue (message_id, request_id, traceparent, body, tracestate)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(self.message_id.as_str())
        .bind(context.map(|context| context.request_id.as_str()))
        .bind(context.and_then(|context| context.traceparent.as_deref()))
        .bind(self.body.as_slice())
        .bind(context.and_then(|context| context.tracestate.as_deref()))
        .execute(connection)
        .await?;
        Ok(())
    }
}
