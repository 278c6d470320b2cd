use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterReason, Order, Recording, Refusal, Timestamp};
use keeper_ports::billing::OrderHandler;
use keeper_ports::{Backoff, Clock, PortError, PortResult};
use keeper_telemetry::context::RequestContext;
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_telemetry::traced::{MessageTrace, Messaging, ProcessingSpans, kind_of};
use keeper_telemetry::traceparent::{span_id, trace_id};
use keeper_wire::message::QueuedMessage;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tokio_util::sync::CancellationToken;

use crate::SqliteQueue;
use crate::writer::Write;

/// The most orders that are handled together.
const BATCH: u16 = 256;
/// How often the queue is looked at without a notification: another process may have put dead letters back.
const LOOK: Duration = Duration::from_secs(1);

/// Hands the orders of a queue to a handler, first come first served. One per queue.
pub struct SqliteConsumer {
    queue: SqliteQueue,
    clock: Arc<dyn Clock>,
    metrics: ProcessingMetrics,
    messaging: Messaging,
}

impl SqliteConsumer {
    /// Assembles the consumer.
    pub fn new(queue: SqliteQueue, clock: Arc<dyn Clock>, metrics: ProcessingMetrics) -> Self {
        Self { queue, clock, metrics, messaging: Messaging::sqlite() }
    }

    /// Works until it is stopped; the batch that it works on is finished first.
    ///
    /// A batch leaves the queue after the handler has settled it: after a crash it is handled again.
    pub async fn run(&self, handler: Arc<dyn OrderHandler>, stop: CancellationToken) {
        let mut backoff = Backoff::of_handling();
        while !stop.is_cancelled() {
            let progress = self.work(&*handler).await;
            report(&mut backoff, progress.as_ref().err());
            match progress {
                Ok(Step::Settled) => {}
                Ok(Step::Empty) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.queue.bell.notified() => {}
                    () = self.clock.sleep(LOOK) => {}
                },
                Err(_) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.clock.sleep(backoff.failed()) => {}
                },
            }
        }
    }

    /// Handles a batch, and takes it out of the queue. After an error the batch is in the queue as before.
    async fn work(&self, handler: &dyn OrderHandler) -> PortResult<Step> {
        let messages = self.next().await?;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            self.measure().await?;
            return Ok(Step::Empty);
        };
        let range = (first.position, last.position);
        let received = self.clock.now();
        let decoded: Vec<_> = messages.iter().map(|message| message.decode(received)).collect();
        let orders: Vec<Order> = decoded.iter().filter_map(|order| order.as_ref().ok().cloned()).collect();
        let spans = ProcessingSpans::begin(&self.messaging, || messages.iter().map(Message::trace).collect());
        let outcomes =
            if orders.is_empty() { Ok(Vec::new()) } else { spans.run(handler.handle(orders.clone())).await };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                spans.failed(kind_of(&error));
                return Err(error);
            }
        };
        let now = self.clock.now();
        let mut outcome = outcomes.iter();
        let refusals = decoded.iter().map(|order| match order {
            Ok(_) => outcome.next().and_then(Recording::refusal),
            Err(refusal) => Some(refusal.clone()),
        });
        let refusals: Vec<Option<Refusal>> = refusals.collect();
        spans.end(refusals.iter().map(|refusal| refusal.as_ref().map(|refusal| refusal.reason.as_str())));
        let dead: Vec<Dead> = messages
            .iter()
            .zip(refusals)
            .filter_map(|(message, refusal)| refusal.map(|refusal| Dead::new(message, refusal, now)))
            .collect();
        let reasons: Vec<_> = dead.iter().map(|dead| dead.reason).collect();
        self.queue.database.write(Settle { range, dead }).await?;
        let of_orders = messages.iter().zip(&decoded).filter(|(_, order)| order.is_ok());
        for ((message, _), (order, outcome)) in of_orders.zip(orders.iter().zip(&outcomes)) {
            self.metrics.settled(order, outcome, now, || message.context());
        }
        for reason in reasons {
            self.metrics.dead_lettered(reason);
        }
        self.measure().await?;
        Ok(Step::Settled)
    }

    async fn next(&self) -> PortResult<Vec<Message>> {
        let database = &self.queue.database;
        let statement = sqlx::query(
            "SELECT position, message_id, request_id, body, first_seen, traceparent, tracestate
             FROM order_queue ORDER BY position LIMIT ?1",
        )
        .bind(BATCH);
        let messages: sqlx::Result<_> = database.rows(statement).await?.iter().map(Message::read).collect();
        messages.map_err(|error| database.broken(error.into()))
    }

    async fn measure(&self) -> PortResult<()> {
        let database = &self.queue.database;
        // The positions have no gaps: they are given in the order of the commits, and taken away from the front.
        let statement = sqlx::query(
            "SELECT coalesce((SELECT max(position) FROM order_queue) - (SELECT min(position) FROM order_queue) + 1, 0),
                    (SELECT count(*) FROM dead_letters)",
        );
        if let Some(row) = database.row(statement).await? {
            let count = |column| row.try_get::<i64, _>(column).map_err(|error| database.broken(error.into()));
            self.metrics.set_queue_depth(count(0)?.unsigned_abs());
            self.metrics.set_dead_letters(count(1)?.unsigned_abs());
        }
        Ok(())
    }
}

/// How far one look at the queue got.
enum Step {
    /// Nothing waits.
    Empty,
    /// A batch was settled.
    Settled,
}

/// Logs the first failure of a row, and that it is over.
fn report(backoff: &mut Backoff, error: Option<&PortError>) {
    match error {
        Some(error) if !backoff.is_failing() => {
            tracing::warn!(error = error.chain(), "orders cannot be processed; trying again");
        }
        Some(_) => {}
        None => {
            if backoff.is_failing() {
                tracing::info!("orders are processed again");
            }
            backoff.succeeded();
        }
    }
}

/// A message of the queue.
struct Message {
    position: i64,
    order_id: Option<String>,
    request_id: Option<String>,
    body: Vec<u8>,
    first_seen: Option<i64>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Message {
    fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            position: row.try_get(0)?,
            order_id: row.try_get(1)?,
            request_id: row.try_get(2)?,
            body: row.try_get(3)?,
            first_seen: row.try_get(4)?,
            traceparent: row.try_get(5)?,
            tracestate: row.try_get(6)?,
        })
    }

    /// The request that sent it, if it says so.
    fn context(&self) -> Option<RequestContext> {
        Some(RequestContext {
            request_id: self.request_id.clone()?,
            traceparent: self.traceparent.clone(),
            tracestate: self.tracestate.clone(),
            caller: None,
        })
    }

    fn trace(&self) -> Option<MessageTrace> {
        Some(MessageTrace { id: self.order_id.clone(), context: self.context()? })
    }

    /// The trace and the span that sent it, if it says so.
    fn ids(&self) -> (Option<&str>, Option<&str>) {
        let traceparent = self.traceparent.as_deref();
        (traceparent.and_then(trace_id), traceparent.and_then(span_id))
    }

    fn decode(&self, received: Timestamp) -> Result<Order, Refusal> {
        let (message_id, body) = (self.order_id.as_deref(), self.body.as_slice());
        QueuedMessage { message_id, published_at: None, body }.order(received)
    }
}

/// A message on its way to the dead letters.
struct Dead {
    position: i64,
    id: DeadLetterId,
    reason: DeadLetterReason,
    detail: String,
    first_seen: i64,
}

impl Dead {
    fn new(message: &Message, refusal: Refusal, now: Timestamp) -> Self {
        let Refusal { reason, detail } = refusal;
        let (order_id, request_id) = (&message.order_id, &message.request_id);
        let (trace_id, span_id) = message.ids();
        tracing::warn!(
            order_id,
            request_id,
            trace_id,
            span_id,
            reason = reason.as_str(),
            detail,
            "to the dead letters"
        );
        Self {
            position: message.position,
            id: DeadLetterId::derive(message.order_id.as_deref(), &message.body),
            reason,
            detail,
            first_seen: message.first_seen.unwrap_or(now.as_millis()),
        }
    }
}

/// Takes a batch out of the queue, the dead letters among it to their table.
struct Settle {
    /// The first and the last position of the batch, which is without gaps.
    range: (i64, i64),
    dead: Vec<Dead>,
}

#[async_trait]
impl Write for Settle {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        for dead in &self.dead {
            // A message that is there already was moved before: it is one.
            sqlx::query(
                "INSERT INTO dead_letters
                     (id, reason, detail, first_seen, message_id, request_id, traceparent, body, tracestate)
                 SELECT ?2, ?3, ?4, ?5, message_id, request_id, traceparent, body, tracestate
                 FROM order_queue WHERE position = ?1 ON CONFLICT (id) DO NOTHING",
            )
            .bind(dead.position)
            .bind(dead.id.to_string())
            .bind(dead.reason.as_str())
            .bind(dead.detail.as_str())
            .bind(dead.first_seen)
            .execute(&mut *connection)
            .await?;
        }
        sqlx::query("DELETE FROM order_queue WHERE position BETWEEN ?1 AND ?2")
            .bind(self.range.0)
            .bind(self.range.1)
            .execute(connection)
            .await?;
        Ok(())
    }
}
