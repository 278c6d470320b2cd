use std::time::{Duration, Instant};

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::losses::{QueueRole, QueueView};
use crate::connection::{Broker, ManagementError};

const NAME: &str = "broker policies";
/// How long the management API has for both queues.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long an answer counts. The API is not made to be asked every two seconds by every replica.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Says whether a policy in the broker makes it lose messages of the queue or of its dead letters.
pub struct PolicyProbe {
    broker: Broker,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl PolicyProbe {
    /// Makes the probe; there is none where `broker.management_url` is empty.
    pub fn of(broker: &Broker) -> Option<Self> {
        broker.has_management().then(|| Self { broker: broker.clone(), last: Mutex::default() })
    }

    /// What an operator is told who has named no address to ask.
    pub fn not_asked(management_url: &str) -> Option<(&'static str, String)> {
        let note =
            "not looked at, as broker.management_url is empty: a policy may make the broker lose orders";
        management_url.is_empty().then(|| (NAME, note.to_owned()))
    }

    async fn ask(&self) -> Result<(), String> {
        let topology = self.broker.topology();
        let mut losses = Vec::new();
        for (queue, role) in
            [(&topology.queue, QueueRole::Orders), (&topology.dead_queue, QueueRole::DeadLetters)]
        {
            losses.extend(self.look(queue, role).await?);
        }
        if losses.is_empty() { Ok(()) } else { Err(losses.join("; ")) }
    }

    async fn look(&self, queue: &str, role: QueueRole) -> Result<Option<String>, String> {
        let told = match timeout(PATIENCE / 2, self.broker.described(queue)).await {
            Ok(told) => told.map_err(|wrong| wrong.to_string())?,
            Err(_) => Err(ManagementError::Failed("no answer in time".to_owned())),
        };
        let view = match told {
            Ok(json) => serde_json::from_slice::<QueueView>(&json)
                .map_err(|error| format!("the management API cannot be read: {error}"))?,
            // The probe of the broker tells that.
            Err(ManagementError::NoQueue) => return Ok(None),
            Err(error) => return Err(format!("the management API tells nothing: {error}")),
        };
        let losses = view.losses(role);
        Ok((!losses.is_empty()).then(|| {
            format!("orders can be lost from `{queue}` by {}: {}", view.policies(), losses.join(", "))
        }))
    }
}

#[async_trait]
impl Probe for PolicyProbe {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn check(&self) -> PortResult<()> {
        let mut last = self.last.lock().await;
        let outcome = match &*last {
            Some((asked, outcome)) if asked.elapsed() < ASK_AGAIN => outcome.clone(),
            _ => {
                let outcome = self.ask().await;
                *last = Some((Instant::now(), outcome.clone()));
                outcome
            }
        };
        outcome.map_err(|cause| PortError::unavailable(NAME, cause))
    }
}
