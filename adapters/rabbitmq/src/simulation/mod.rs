//! The real intake, processing and consumer over a simulated broker and ledger. Time is the paused clock's and chance is
//! one seed's, so that a run takes milliseconds and can be repeated.

mod broker;
mod bug;
mod clients;
mod ledger;
mod oracle;
mod publishing;
mod random;
mod session;
mod tests;
mod unit;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keeper_billing::{Book, Intake, Processor};
use keeper_domain::{OrderId, Timestamp};
use keeper_ports::Clock;
use keeper_ports::billing::OrderIds;
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_telemetry::traced::Messaging;
use prometheus::Registry;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::broker::{QUEUE, SimulatedBroker};
use self::bug::Bug;
use self::clients::Clients;
use self::ledger::SimulatedLedger;
use self::random::Random;
use self::unit::Unit;
use crate::connection::{ConnectionState, UnidentifiedMessages};
use crate::consumer::MessageHandler;
use crate::orders::{OrderMessages, RabbitQueue};

/// How long everything may take after the last fault.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(10);

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    /// What must not be; empty if all is well.
    wrong: Vec<String>,
    /// Differs where anything went another way.
    history: u64,
    recorded: usize,
    dead: usize,
}

/// Runs the whole once.
fn run(seed: u64, bug: Option<Bug>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(story(Random::new(seed), bug))
}

async fn story(random: Random, bug: Option<Bug>) -> Report {
    let broker = SimulatedBroker::new(random.clone(), bug);
    let ledger = SimulatedLedger::new(&broker);
    let ids: Arc<dyn OrderIds> = Arc::new(SimulatedIds::default());
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock(Instant::now()));
    let handler: Arc<dyn MessageHandler> = Arc::new(OrderMessages {
        messaging: Messaging::rabbitmq("billing_queue"),
        handler: Arc::new(Processor::new(Arc::clone(&ledger) as _, Arc::clone(&clock))),
        ids: Arc::clone(&ids),
        clock: Arc::clone(&clock),
        metrics: ProcessingMetrics::register(&Registry::new()).unwrap(),
        unidentified: if random.percent(50) {
            UnidentifiedMessages::Assign
        } else {
            UnidentifiedMessages::DeadLetter
        },
    });
    let (units, mut ends) =
        (0..=random.below(3)).map(|_| Unit::start(&broker, &handler, &clock)).unzip::<_, _, Vec<_>, Vec<_>>();
    let publisher = publishing::publisher(&broker, bug == Some(Bug::ConfirmIgnored));
    let queue = RabbitQueue::over(publisher, "simulated", QUEUE);
    let book = Book::new(Arc::clone(&ledger) as _);
    let intake = Intake::new(Arc::new(queue), Arc::new(book), ids, clock);
    let clients = Arc::new(Clients { broker: Arc::clone(&broker), intake, account: Mutex::default() });
    let mut coming = JoinSet::new();
    for number in 0..=random.below(30) {
        coming.spawn(Arc::clone(&clients).client(number));
    }
    trouble(&broker, &ledger, &units).await;
    let drained = drained(&broker, coming).await;
    for (unit, end) in units.iter().zip(&mut ends) {
        unit.retired.cancel();
        end.await.unwrap();
    }
    let (dead, mut wrong, history) = broker.end();
    if !drained || !broker.is_drained() {
        wrong.push("messages or clients are left".to_owned());
    }
    let rows = ledger.rows();
    wrong.extend(oracle::verdict(&clients.account.lock().unwrap(), &rows, &dead));
    Report { wrong, history, recorded: rows.len(), dead: dead.len() }
}

/// Faults for a while; then all is well again.
async fn trouble(broker: &SimulatedBroker, ledger: &SimulatedLedger, units: &[Arc<Unit>]) {
    let random = &broker.random;
    for _ in 0..random.below(15) {
        sleep(random.millis(3_000)).await;
        match random.below(12) {
            0..=1 => broker.lose_any(),
            2 => units[random.below(units.len())].kill(),
            3 => units[random.below(units.len())].stop(),
            4 => broker.stop(),
            5 => drop(broker.state.send_replace(ConnectionState::Blocked("simulated".into()))),
            6 => drop(broker.full.send_replace(true)),
            7 => drop(ledger.down.send_replace(true)),
            8 => broker.end_subscription(),
            9 => drop(broker.state.send_replace(ConnectionState::Up)),
            10 => drop(broker.full.send_replace(false)),
            _ => drop(ledger.down.send_replace(false)),
        }
    }
    broker.faulty.send_replace(false);
    broker.full.send_replace(false);
    ledger.down.send_replace(false);
    broker.state.send_replace(ConnectionState::Up);
}

/// Waits until every client has its answer and the queue is empty, and stays so.
async fn drained(broker: &SimulatedBroker, coming: JoinSet<()>) -> bool {
    let until = Instant::now() + DRAIN_TIMEOUT;
    coming.join_all().await;
    let mut quiet = 0;
    while Instant::now() < until {
        // A message may be on its way for some seconds.
        sleep(Duration::from_secs(5)).await;
        quiet = if broker.is_drained() { quiet + 1 } else { 0 };
        if quiet == 3 {
            return true;
        }
    }
    false
}

/// Identities in a row.
#[derive(Default)]
struct SimulatedIds(AtomicU64);

impl OrderIds for SimulatedIds {
    fn next(&self) -> OrderId {
        OrderId::new(Uuid::from_u64_pair(7, self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

/// The paused clock.
struct SimulatedClock(Instant);

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}
