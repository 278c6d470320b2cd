use keeper_domain::{ItemCount, Money, Timestamp, UserId};
use keeper_ports::billing::{MockOrderBook, MockOrderIds, MockOrderQueue};
use keeper_ports::{MockClock, PortError};

use super::*;

const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

fn draft(total: &str) -> OrderDraft {
    OrderDraft {
        user: UserId::new("20").unwrap(),
        items: ItemCount::new(99).unwrap(),
        total: Money::parse("total_amount", total).unwrap(),
    }
}

fn key() -> IdempotencyKey {
    IdempotencyKey::new("key", "k").unwrap()
}

fn intake(queue: MockOrderQueue, book: impl OrderBook) -> Intake {
    let mut ids = MockOrderIds::new();
    ids.expect_next().returning(|| OrderId::parse("order_id", ID).unwrap());
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| Timestamp::from_millis(7).unwrap());
    clock.expect_sleep().withf(|duration| *duration == PATIENCE).returning(|_| ());
    Intake::new(Arc::new(queue), Arc::new(book), Arc::new(ids), Arc::new(clock))
}

/// A queue that takes so many orders.
fn queue(times: usize) -> MockOrderQueue {
    let mut queue = MockOrderQueue::new();
    queue.expect_enqueue().times(times).returning(|_| Ok(()));
    queue
}

/// A book with one order under the key.
fn book(total: &'static str) -> MockOrderBook {
    let mut book = MockOrderBook::new();
    book.expect_find().withf(|_, wait| wait.is_zero()).returning(|id, _| {
        let at = Timestamp::from_millis(1).unwrap();
        Ok(Some(RecordedOrder { order: Order { id, draft: draft(total), created_at: at }, recorded_at: at }))
    });
    book
}

async fn accepted(intake: &Intake, key: Option<IdempotencyKey>) -> Order {
    match intake.submit(draft("250"), key).await.unwrap() {
        Submission::Accepted(order) => order,
        Submission::KeyReused => panic!("the key is not reused"),
    }
}

#[tokio::test]
async fn an_order_gets_an_id_and_a_time_and_is_queued_as_it_is_answered() {
    let mut queue = MockOrderQueue::new();
    queue
        .expect_enqueue()
        .withf(|order| {
            order.id.to_string() == ID && order.draft == draft("250") && order.created_at.as_millis() == 7
        })
        .once()
        .returning(|_| Ok(()));
    // Nobody looks into the book for an order without a key.
    let order = accepted(&intake(queue, MockOrderBook::new()), None).await;
    assert_eq!((order.id.to_string().as_str(), order.draft), (ID, draft("250")));
}

#[tokio::test]
async fn a_key_decides_the_id_and_is_queued_each_time() {
    let intake = intake(queue(2), book("250"));
    let first = accepted(&intake, Some(key())).await;
    let again = accepted(&intake, Some(key())).await;
    assert_eq!(first.id, again.id);
    assert_ne!(first.id.to_string(), ID);
}

/// The version 0.1 took users as they were written, and gave their orders other ids.
#[tokio::test]
async fn an_order_that_was_recorded_before_keeps_its_id() {
    let draft = OrderDraft { user: UserId::new("Ame\u{301}lie").unwrap(), ..draft("250") };
    let before = OrderId::derive_as_written(&draft.user, &key()).unwrap();
    let book_of = |ids: Vec<OrderId>, recorded: OrderDraft| {
        let mut book = MockOrderBook::new();
        book.expect_find().returning(move |id, _| {
            let at = Timestamp::from_millis(1).unwrap();
            let order = Order { id, draft: recorded.clone(), created_at: at };
            Ok(ids.contains(&id).then_some(RecordedOrder { order, recorded_at: at }))
        });
        book
    };
    let submit = async |ids, times, recorded: &OrderDraft| {
        intake(queue(times), book_of(ids, recorded.clone())).submit(draft.clone(), Some(key())).await.unwrap()
    };
    match submit(vec![before], 1, &draft).await {
        Submission::Accepted(again) => assert_eq!(again.id, before),
        Submission::KeyReused => panic!("it is the same order"),
    }
    let other = OrderDraft { total: Money::parse("total_amount", "251").unwrap(), ..draft.clone() };
    assert_eq!(submit(vec![before], 0, &other).await, Submission::KeyReused);
    match submit(vec![], 1, &draft).await {
        Submission::Accepted(new) => assert_eq!(new.id, OrderId::derive(&draft.user, &key())),
        Submission::KeyReused => panic!("nothing is recorded"),
    }
}

#[tokio::test]
async fn a_key_of_another_order_is_refused_and_nothing_is_queued() {
    let submitted = intake(queue(0), book("251")).submit(draft("250"), Some(key())).await;
    assert_eq!(submitted.unwrap(), Submission::KeyReused);
}

#[tokio::test]
async fn a_book_that_does_not_answer_holds_no_order_up() {
    let mut away = MockOrderBook::new();
    away.expect_find().returning(|_, _| Err(PortError::unavailable("billing", "gone")));
    accepted(&intake(queue(1), away), Some(key())).await;
    accepted(&intake(queue(1), Hanging), Some(key())).await;
}

struct Hanging;

#[async_trait]
impl OrderBook for Hanging {
    async fn find(&self, _: OrderId, _: Duration) -> PortResult<Option<RecordedOrder>> {
        std::future::pending().await
    }

    async fn list(
        &self,
        _: UserId,
        _: keeper_domain::Page<OrderId>,
    ) -> PortResult<keeper_domain::Slice<RecordedOrder>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_order_that_the_queue_did_not_take_is_not_accepted() {
    let mut queue = MockOrderQueue::new();
    queue.expect_enqueue().returning(|_| Err(PortError::unavailable("broker", "nack")));
    let submitted = intake(queue, MockOrderBook::new()).submit(draft("250"), None).await;
    assert!(matches!(submitted, Err(PortError::Unavailable { .. })));
}
