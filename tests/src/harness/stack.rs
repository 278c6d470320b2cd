use super::{Api, Database, Postgres, RabbitMq, Unit, Version, Vhost};

/// Which stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One process on SQLite files.
    Standalone,
    /// Gateway, inventory and billing on PostgreSQL and RabbitMQ.
    Distributed,
}

/// The whole system behind one API.
#[derive(Debug)]
pub struct Stack {
    kind: Kind,
    /// The front one first, then, in the distributed stack, inventory and billing.
    units: Vec<Unit>,
    backing: Option<Backing>,
}

/// Discarded dead letters are kept in the unit's folder.
fn journal() -> (String, String) {
    ("KEEPER_DEAD_LETTERS__JOURNAL".into(), "discarded.jsonl".into())
}

/// What the distributed stack keeps its data in.
#[derive(Debug, Clone)]
pub struct Backing {
    /// The database of the catalogue.
    pub inventory: Database,
    /// The database of the orders.
    pub billing: Database,
    /// Where the queue is.
    pub vhost: Vhost,
}

impl Stack {
    /// Prepares a stack with data of its own; nothing is started yet.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Standalone => {
                Self { kind, units: vec![Unit::new("standalone", [journal()])], backing: None }
            }
            Kind::Distributed => Self::distributed(Backing {
                inventory: Postgres::shared().database(),
                billing: Postgres::shared().database(),
                vhost: RabbitMq::shared().vhost(),
            }),
        }
    }

    /// Prepares a distributed stack on given databases and a given virtual host.
    pub fn distributed(backing: Backing) -> Self {
        let inventory = Unit::new("inventory", backing.inventory.settings());
        let settings = backing.billing.settings().into_iter().chain(backing.vhost.settings());
        let billing = Unit::new("billing", settings.chain([journal()]));
        let neighbours = [("INVENTORY", inventory.url()), ("BILLING", billing.url())]
            .map(|(section, url)| (format!("KEEPER_{section}__URL"), url));
        let gateway = Unit::new("gateway", neighbours.into_iter().chain(backing.vhost.settings()));
        let units = vec![gateway, inventory, billing];
        Self { kind: Kind::Distributed, units, backing: Some(backing) }
    }

    /// Adds a setting of the unit that has the API, or changes one.
    #[must_use]
    pub fn with_front(mut self, key: &str, value: &str) -> Self {
        let front = self.units.remove(0).with(key, value);
        self.units.insert(0, front);
        self
    }

    /// Adds a setting of one unit, or changes one.
    #[must_use]
    pub fn with(mut self, unit: &str, key: &str, value: &str) -> Self {
        for unit in self.units.iter_mut().filter(|one| one.name() == unit) {
            unit.set(key, value);
        }
        self
    }

    /// Adds a setting of all units, or changes one.
    #[must_use]
    pub fn with_all(mut self, key: &str, value: &str) -> Self {
        self.units = self.units.into_iter().map(|unit| unit.with(key, value)).collect();
        self
    }

    /// Runs another version's programs from the next start on.
    pub fn install(&mut self, version: Version) {
        self.units.iter_mut().for_each(|unit| unit.install(version));
    }

    /// Starts all units and waits until they are ready.
    pub async fn start(&self) {
        self.units.iter().for_each(Unit::start);
        self.ready().await;
    }

    /// Prepares and starts a stack with data of its own.
    pub async fn started(kind: Kind) -> Self {
        let stack = Self::new(kind);
        stack.start().await;
        stack
    }

    /// Waits until all units are ready.
    pub async fn ready(&self) {
        for unit in &self.units {
            unit.ready().await;
        }
    }

    /// Which stack it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The API, as a client sees it.
    pub fn api(&self) -> Api {
        self.front().api()
    }

    /// The unit that has the API: gateway or standalone.
    pub fn front(&self) -> &Unit {
        &self.units[0]
    }

    /// The unit that records orders: billing or standalone.
    pub fn recorder(&self) -> &Unit {
        &self.units[self.units.len() - 1]
    }

    /// A unit by its name.
    pub fn unit(&self, name: &str) -> &Unit {
        self.units.iter().find(|unit| unit.name() == name).unwrap_or_else(|| panic!("no unit {name}"))
    }

    /// All units.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// What the distributed stack keeps its data in.
    pub fn backing(&self) -> &Backing {
        self.backing.as_ref().expect("only the distributed stack has servers")
    }
}
