//! What the fault suites share: a site whose parts can be broken, load that knows what it was told, and the account
//! that must balance afterwards: **accepted = recorded ∪ dead, nothing twice, nothing else**.

mod account;
mod balancer;
mod load;
mod poison;
mod proxy;
mod random;
mod site;

pub use account::{Account, ListedDeadLetter, Row, letters};
pub use balancer::Balancer;
pub use load::{Load, Outcome, Sent, new_client, place};
pub use poison::broken_messages;
pub use proxy::{Pace, Proxy};
pub use random::Random;
pub use site::{PATIENCE, Site, Standalone, publish};
