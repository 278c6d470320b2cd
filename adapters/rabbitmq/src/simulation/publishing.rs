use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::broker::SimulatedBroker;
use crate::publisher::{Job, Outgoing, PublishError, Publisher};

/// How long a publisher waits for a confirm.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// What the broker says of a message.
#[derive(Clone, Copy)]
enum Answer {
    Confirmed,
    Refused,
    Returned,
    Lost,
    /// Nothing at all.
    Silence,
}

/// A real publisher, whose messages the simulated broker takes. With `careless`, each is confirmed before it is
/// stored: one of the bugs that must be found.
pub(super) fn publisher(broker: &Arc<SimulatedBroker>, careless: bool) -> Publisher {
    let (jobs, mut received) = mpsc::unbounded_channel::<Job<Outgoing>>();
    let publisher = Publisher::simulated(jobs, broker.state.subscribe(), PUBLISH_TIMEOUT);
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        while let Some(job) = received.recv().await {
            if job.is_given_up() {
                continue;
            }
            let (message, job) = job.split();
            let job = if careless {
                job.answer(Ok(()));
                None
            } else {
                Some(job)
            };
            tokio::spawn(take(Arc::clone(&broker), message, job));
        }
    });
    publisher
}

async fn take(broker: Arc<SimulatedBroker>, message: Outgoing, job: Option<Job<()>>) {
    sleep(broker.latency()).await;
    let (stored, answer) = fate(&broker);
    if stored {
        broker.store(&message);
        // A message with an identity may be there twice.
        if message.properties.message_id().is_some() && broker.fault(3) {
            broker.store(&message);
        }
    }
    sleep(broker.latency()).await;
    let said = match answer {
        Answer::Confirmed => Ok(()),
        Answer::Refused => Err(PublishError::Refused),
        Answer::Returned => Err(PublishError::Returned("simulated".to_owned())),
        Answer::Lost => Err(PublishError::Lost("simulated".to_owned())),
        Answer::Silence => {
            sleep(2 * PUBLISH_TIMEOUT).await;
            return;
        }
    };
    if let Some(job) = job {
        job.answer(said);
    }
}

/// Whether a message is stored, and what is said of it.
fn fate(broker: &SimulatedBroker) -> (bool, Answer) {
    if broker.is_down() {
        return (false, Answer::Lost);
    }
    if *broker.full.borrow() || broker.fault(3) {
        return (false, Answer::Refused);
    }
    if broker.fault(3) {
        return (false, Answer::Returned);
    }
    if broker.fault(6) {
        return (broker.random.percent(50), Answer::Lost);
    }
    if broker.fault(3) {
        return (broker.random.percent(50), Answer::Silence);
    }
    (true, Answer::Confirmed)
}
