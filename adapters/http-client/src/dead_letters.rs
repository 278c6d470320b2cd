use async_trait::async_trait;
use keeper_domain::{
    Coverage, DeadLetter, DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken,
};
use keeper_ports::billing::DeadLetterOperations;
use keeper_ports::{PortError, PortResult};
use keeper_wire::{DeadLetterBody, DeadLetterListBody, DeadLettersTakenBody, ReplayFields};
use reqwest::{Method, RequestBuilder};

use crate::Service;
use crate::service::{CallError, found};

const DEAD_LETTERS: &str = "/api/operations/dead-letters";

/// The most that a list may be asked for.
const LONGEST_LIST: usize = 100;

/// The dead letters of a billing service.
pub struct DeadLetterClient {
    service: Service,
}

impl DeadLetterClient {
    /// Speaks to a service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    fn replay_request(&self, path: &str, reason: Option<&str>) -> RequestBuilder {
        let fields = ReplayFields { reason: reason.map(str::to_owned) };
        self.service.request(Method::POST, path).json(&fields)
    }

    /// What became of a request that takes dead letters away.
    async fn taken(&self, request: RequestBuilder) -> Result<DeadLettersTaken, CallError> {
        let answer = self.service.send(request).await?;
        let body: DeadLettersTakenBody = self.service.body(&answer)?;
        Ok(body.into())
    }

    /// The same for one dead letter: where it is not there, nothing is taken.
    async fn taken_of_one(&self, request: RequestBuilder) -> PortResult<DeadLettersTaken> {
        Ok(found(self.taken(request).await)?.unwrap_or(NOTHING))
    }
}

/// Billing says that it looked at all there are, and found nothing.
const NOTHING: DeadLettersTaken = DeadLettersTaken { count: 0, coverage: Coverage { seen: 0, total: 0 } };

#[async_trait]
impl DeadLetterOperations for DeadLetterClient {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        let request = self.service.request(Method::GET, DEAD_LETTERS);
        let answer = self.service.read(request.query(&[("limit", limit.min(LONGEST_LIST))])).await?;
        let body: DeadLetterListBody = self.service.body(&answer)?;
        body.try_into().map_err(|invalid| PortError::failed(self.service.dependency(), invalid))
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        let request = self.service.request(Method::GET, &format!("{DEAD_LETTERS}/{id}"));
        let Some(answer) = found(self.service.read(request).await)? else {
            return Ok(DeadLetterList { letters: Vec::new(), coverage: NOTHING.coverage });
        };
        let body: DeadLetterBody = self.service.body(&answer)?;
        let letter = DeadLetter::try_from(body)
            .map_err(|invalid| PortError::failed(self.service.dependency(), invalid))?;
        Ok(DeadLetterList { letters: vec![letter], coverage: Coverage::whole(1) })
    }

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        let all = format!("{DEAD_LETTERS}/replay");
        match selection {
            DeadLetterSelection::All => Ok(self.taken(self.replay_request(&all, None)).await?),
            DeadLetterSelection::Reason(reason) => {
                Ok(self.taken(self.replay_request(&all, Some(reason.as_str()))).await?)
            }
            DeadLetterSelection::Ids(ids) => {
                let mut count = 0;
                let mut coverage = NOTHING.coverage;
                for id in ids {
                    let path = format!("{DEAD_LETTERS}/{id}/replay");
                    let taken = self.taken_of_one(self.replay_request(&path, None)).await?;
                    count += taken.count;
                    coverage = taken.coverage;
                }
                Ok(DeadLettersTaken { count, coverage })
            }
        }
    }

    async fn discard(&self, id: DeadLetterId, because: String) -> PortResult<DeadLettersTaken> {
        let request = self.service.request(Method::DELETE, &format!("{DEAD_LETTERS}/{id}"));
        self.taken_of_one(request.query(&[("reason", because)])).await
    }
}
