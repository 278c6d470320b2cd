//! Orders: how they are taken, queued, recorded and read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{
    DeadLetter, DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken, IdempotencyKey, Order,
    OrderDraft, OrderId, Page, RecordedOrder, Recording, Slice, Timestamp, UserId,
};

use crate::PortResult;

/// What became of an order that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// It will be processed even if everything restarts now.
    Accepted(Order),
    /// Nothing was done: under its key another order is recorded.
    KeyReused,
}

/// Takes orders (driving, on the gateway's side).
///
/// Sending the same order twice is safe with a key:
///
/// ```
/// # use keeper_domain::{IdempotencyKey, OrderDraft};
/// # use keeper_ports::PortResult;
/// # use keeper_ports::billing::{OrderIntake, Submission};
/// async fn sent_twice(intake: &dyn OrderIntake, draft: OrderDraft, key: IdempotencyKey) -> PortResult<()> {
///     let first = intake.submit(draft.clone(), Some(key.clone())).await?;
///     let again = intake.submit(draft, Some(key)).await?;
///     if let (Submission::Accepted(first), Submission::Accepted(again)) = (first, again) {
///         assert_eq!(first.id, again.id);
///     }
///     Ok(())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderIntake: Send + Sync + 'static {
    /// Accepts an order, unless it is known at once that its key names another one.
    ///
    /// The same key of the same user gives the same order id, for ever. Who cannot say what a key names MUST NOT hold the order
    /// up for it.
    ///
    /// # Errors
    /// The order was not accepted. After a timeout it may be processed all the same.
    async fn submit(&self, draft: OrderDraft, key: Option<IdempotencyKey>) -> PortResult<Submission>;
}

/// Processes orders from a queue (driving, on the billing side).
///
/// A consumer hands a batch over, and acknowledges what needs no dead letter:
///
/// ```
/// # use keeper_domain::{Order, OrderId, Recording};
/// # use keeper_ports::{PortResult, billing::OrderHandler};
/// async fn settled(handler: &dyn OrderHandler, batch: Vec<Order>) -> PortResult<Vec<OrderId>> {
///     let ids: Vec<_> = batch.iter().map(|order| order.id).collect();
///     let outcomes = handler.handle(batch).await?;
///     let done = ids.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.refusal().is_none());
///     Ok(done.map(|(id, _)| id).collect())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderHandler: Send + Sync + 'static {
    /// Handles a batch and says what became of each order, in the batch's order. Queues deliver at least once: an
    /// order may come again, in the same batch too. An empty batch is no work.
    ///
    /// # Errors
    /// Nothing is known of any order of the batch: hand it over again later. Never an order's own fault, which is
    /// [`Recording::Conflict`] or [`Recording::Rejected`].
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>>;
}

/// Reads recorded orders (driving): implemented by the use case, and by the gateway's client.
///
/// ```
/// # use std::time::Duration;
/// # use keeper_domain::OrderId;
/// # use keeper_ports::{PortResult, billing::OrderBook};
/// async fn is_recorded_soon(book: &dyn OrderBook, id: OrderId) -> PortResult<bool> {
///     Ok(book.find(id, Duration::from_secs(5)).await?.is_some())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderBook: Send + Sync + 'static {
    /// Finds a recorded order; when it is not there yet, waits for it for up to `wait`: whole seconds, 30 at most.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>>;

    /// Lists a user's orders in the order in which they were recorded.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>>;
}

/// The queue between intake and processing (driven). Its consuming side is a driving adapter: it hands orders to an
/// [`OrderHandler`] in the order in which they were enqueued, as long as none of them has to come again.
///
/// A queue that keeps nothing must not say that it does:
///
/// ```
/// # use async_trait::async_trait;
/// # use keeper_domain::Order;
/// # use keeper_ports::{PortError, PortResult, billing::OrderQueue};
/// struct NoQueue;
///
/// #[async_trait]
/// impl OrderQueue for NoQueue {
///     async fn enqueue(&self, _order: Order) -> PortResult<()> {
///         Err(PortError::unavailable("order queue", "there is none"))
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderQueue: Send + Sync + 'static {
    /// Hands an order to the queue. It MUST NOT return `Ok` before the queue has taken responsibility: the broker's
    /// confirm is there, or the row is committed.
    ///
    /// # Errors
    /// The queue did not take the order, or did not say in time whether it did.
    async fn enqueue(&self, order: Order) -> PortResult<()>;
}

/// The record of what was billed (driven).
///
/// What was not inserted was there before, with the same content or another:
///
/// ```
/// # use keeper_domain::{Order, RecordedOrder, Timestamp};
/// # use keeper_ports::{PortResult, billing::OrderLedger};
/// async fn there_before(
///     ledger: &dyn OrderLedger,
///     batch: Vec<Order>,
///     now: Timestamp,
/// ) -> PortResult<Vec<RecordedOrder>> {
///     let ids: Vec<_> = batch.iter().map(|order| order.id).collect();
///     let inserted = ledger.insert(batch, now).await?;
///     ledger.find_many(ids.into_iter().filter(|id| !inserted.contains(id)).collect()).await
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderLedger: Send + Sync + 'static {
    /// Inserts those orders of a batch whose id is not there yet, in one transaction, and gives their ids. Where a batch
    /// has an id more than once, its first order counts. An empty batch is no work.
    ///
    /// An id MUST be inserted at most once, also when batches that share it come at the same time. What is inserted MUST
    /// be durable before `Ok`, and MUST NOT change afterwards. An order that was not inserted MUST be found by
    /// [`find_many`](Self::find_many) afterwards. Whether it is the same order is not for the ledger to say.
    ///
    /// # Errors
    /// Nothing of the batch was inserted, unless the error is `TimedOut`: then all or nothing was. `Failed` means that
    /// the store refuses some order of the batch.
    async fn insert(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<HashSet<OrderId>>;

    /// Finds the orders of these ids, in any order. An id that is not there is left out.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn find_many(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>>;

    /// Takes orders that contradict what is recorded under their ids, and gives for each id the first order that ever did. The
    /// others are counted, at least once each.
    ///
    /// For an id, MUST always give the same order, also when calls come at the same time, and MUST have made it durable
    /// before `Ok`.
    ///
    /// # Errors
    /// It is not known whether the orders were taken.
    async fn contradicted(&self, orders: Vec<Order>, now: Timestamp) -> PortResult<Vec<Order>>;

    /// Finds an order.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn find(&self, id: OrderId) -> PortResult<Option<RecordedOrder>>;

    /// Finds an order; when it is not there yet, waits until it is recorded, by this process or another, for up to `wait`.
    ///
    /// Thousands may wait at once: a call that waits MUST NOT hold a connection to the store, and MUST NOT ask the store
    /// again and again by itself. A call that is dropped MUST leave nothing behind.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn wait_for(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>>;

    /// Lists a user's orders in the order in which they were recorded. An `after` that the user has no order of
    /// gives an empty page. The work MUST NOT grow with the number of orders before the page. An order that breaks a rule of
    /// the domain, as somebody else may have written it, MUST be left out, and the log MUST say which it is.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>>;
}

/// New identities of orders (driven), so that tests decide them.
///
/// ```
/// # use keeper_domain::OrderId;
/// # use keeper_ports::billing::OrderIds;
/// /// The id that a test foresees, for the one order that it makes.
/// struct Known(OrderId);
///
/// impl OrderIds for Known {
///     fn next(&self) -> OrderId {
///         self.0
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait OrderIds: Send + Sync + 'static {
    /// Makes an id that no order has: a UUID of version 7.
    fn next(&self) -> OrderId;
}

/// Keeps a copy of a dead letter that is about to be discarded; it is safe before `Ok`.
pub type Keep = Arc<dyn Fn(&DeadLetter) -> PortResult<()> + Send + Sync>;

/// The messages that could not be processed (driven), for operators.
///
/// What a call cannot look at MUST NOT be taken for absent, such as what another process holds: the call fails with
/// `Unavailable`, or says in its [`Coverage`](keeper_domain::Coverage) that it did not look at everything.
///
/// ```
/// # use keeper_domain::{DeadLetterReason, DeadLetterSelection};
/// # use keeper_ports::{PortResult, billing::DeadLetters};
/// /// Puts back the orders of a publisher that gives them no identity, and says whether those were all.
/// async fn put_back(dead_letters: &dyn DeadLetters) -> PortResult<bool> {
///     let selection = DeadLetterSelection::Reason(DeadLetterReason::Unidentified);
///     Ok(dead_letters.replay(selection).await?.coverage.is_whole())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// Lists up to `limit` dead letters, oldest first, and MUST say how many there are in all. They all MUST stay where they
    /// are. What cannot be read MUST NOT take the others with it.
    ///
    /// # Errors
    /// The dead letters could not be read.
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList>;

    /// Finds the dead letters of an id: equal messages have the same. They all MUST stay where they are.
    ///
    /// # Errors
    /// The dead letters could not be read.
    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList>;

    /// Puts the selected ones back into the order queue as they first came, and says how many. Each MUST be safe in the order
    /// queue before it leaves the dead letters: an interruption may leave it in both, never in neither.
    ///
    /// # Errors
    /// The dead letters or the order queue could not be reached; what is not moved stays.
    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken>;

    /// Throws away those of the given ids and says how many they were. Each MUST be kept before it goes, once, and nothing
    /// MUST be kept that is not there; one that cannot be kept MUST stay.
    ///
    /// # Errors
    /// The dead letters could not be reached, or one could not be kept; what is not discarded stays. After a timeout what was
    /// kept may be discarded or not.
    async fn discard(&self, ids: Vec<DeadLetterId>, keep: Keep) -> PortResult<DeadLettersTaken>;
}

/// Looks after the dead letters for an operator (driving): implemented by the use case, and by the gateway's client.
///
/// ```
/// # use keeper_domain::DeadLetterId;
/// # use keeper_ports::{PortResult, billing::DeadLetterOperations};
/// /// Throws a test's message away, and says whether it was there.
/// async fn clean_up(operations: &dyn DeadLetterOperations, id: DeadLetterId) -> PortResult<bool> {
///     Ok(operations.discard(id, "a test".to_owned()).await?.count > 0)
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DeadLetterOperations: Send + Sync + 'static {
    /// Lists up to `limit` dead letters, oldest first, and says how many there are in all.
    ///
    /// # Errors
    /// The dead letters could not be read.
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList>;

    /// Finds the dead letters of an id.
    ///
    /// # Errors
    /// The dead letters could not be read.
    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList>;

    /// Puts the selected ones back into the order queue as they first came.
    ///
    /// # Errors
    /// The dead letters or the order queue could not be reached; what is not moved stays.
    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken>;

    /// Throws away those of an id. Each is kept in the journal, with the reason, before it goes.
    ///
    /// # Errors
    /// The dead letters could not be reached, or one could not be kept; what is not discarded stays.
    async fn discard(&self, id: DeadLetterId, because: String) -> PortResult<DeadLettersTaken>;
}

/// Keeps what operators throw away (driven).
///
/// ```
/// # use keeper_domain::DeadLetter;
/// # use keeper_ports::{PortError, PortResult, billing::Journal};
/// /// A disk that is full: nothing can be discarded.
/// struct Full;
///
/// impl Journal for Full {
///     fn keep(&self, _letter: &DeadLetter, _because: &str) -> PortResult<()> {
///         Err(PortError::failed("journal", "no room"))
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Journal: Send + Sync + 'static {
    /// Keeps a dead letter that is about to be discarded, and why. It MUST be safe before `Ok`.
    ///
    /// # Errors
    /// It is not kept.
    fn keep(&self, letter: &DeadLetter, because: &str) -> PortResult<()>;
}
