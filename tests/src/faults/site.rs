use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, MutexGuard};

use super::account::{Account, ListedDeadLetter, Row, letters};
use super::{Load, Sent};
use crate::harness::{Database, Postgres, RabbitMq, Unit, Vhost, eventually};

/// How long a scenario waits for what must come.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// One scenario at a time: they share the servers, and break them.
static TURN: Mutex<()> = Mutex::const_new(());

/// Gateway and billing on servers that may be broken.
pub struct Site {
    /// The gateway.
    pub gateway: Unit,
    /// The billing service.
    pub billing: Unit,
    /// The database server.
    pub postgres: &'static Postgres,
    /// The broker.
    pub broker: &'static RabbitMq,
    /// The virtual host.
    pub vhost: Vhost,
    database: Database,
    _turn: MutexGuard<'static, ()>,
}

impl Site {
    /// Prepares a site with data of its own, when it is its turn; nothing is started yet. The broker may be reached
    /// by another port.
    pub async fn prepared(by: impl AsyncFnOnce(u16) -> u16) -> Self {
        let turn = TURN.lock().await;
        let (postgres, broker) = (Postgres::shared(), RabbitMq::shared());
        let (database, vhost) = (postgres.database(), broker.vhost());
        let reached = Vhost { port: by(vhost.port).await, ..vhost.clone() };
        let queue = [
            // Shorter than usual, so that faults are noticed within a test.
            ("KEEPER_BROKER__HEARTBEAT_S", "2"),
            ("KEEPER_BROKER__PUBLISH_TIMEOUT_MS", "2000"),
        ];
        let queue = queue.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let queue: Vec<_> = reached.settings().into_iter().chain(queue).collect();
        let billing = Unit::new("billing", database.settings().into_iter().chain(queue.clone()));
        let reads = ("KEEPER_BILLING__URL".to_owned(), billing.url());
        let gateway = Unit::new("gateway", queue.into_iter().chain([reads]));
        Self { gateway, billing, postgres, broker, vhost, database, _turn: turn }
    }

    /// A site that runs.
    pub async fn new() -> Self {
        let site = Self::prepared(async |port| port).await;
        site.gateway.start();
        site.billing.start();
        site.billing.ready().await;
        site
    }

    /// Another replica of billing, not started yet.
    pub fn replica(&self) -> Unit {
        Unit::new("billing", self.billing.settings())
    }

    /// Starts clients, and waits until their first orders are accepted.
    pub async fn load(&self, clients: usize) -> Load {
        let load = Load::start(&self.gateway.url(), clients);
        load.more(20).await;
        load
    }

    /// Stops the clients, and checks that the account balances.
    pub async fn balance(&self, load: Load) -> Account {
        self.balance_of(&load.stop().await).await
    }

    /// Checks that the account of these orders balances, and that nothing is left in the queue.
    pub async fn balance_of(&self, sent: &[Sent]) -> Account {
        let account = Account::balance(sent, &self.billing, async || self.ledger()).await;
        eventually("the queue is empty", PATIENCE, async || {
            (self.broker.depth(&self.vhost, "billing_queue") == Some(0)).then_some(())
        })
        .await;
        println!("{}", account.summary());
        account
    }

    /// Has the ledger's database take no writes, as the server that is left after a failover, or take them again.
    pub fn set_read_only(&self, read_only: bool) {
        let database = &self.database.name;
        let set = format!("ALTER DATABASE {database} SET default_transaction_read_only = {read_only}");
        self.postgres.psql("postgres", &set);
        let end =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
        self.postgres.psql("postgres", &end);
    }

    /// Runs SQL in the ledger's database, as superuser.
    pub fn sql(&self, sql: &str) -> String {
        self.postgres.psql(&self.database.name, sql)
    }

    /// All recorded orders.
    pub fn ledger(&self) -> Vec<Row> {
        let rows =
            self.postgres.psql(&self.database.name, "SELECT order_id, user_id, total_minor FROM orders");
        let row = |line: &str| {
            let mut columns = line.splitn(3, '|').map(str::to_owned);
            let mut next = || columns.next().expect("a row has three columns");
            (next(), next(), next().parse().expect("cents are a number"))
        };
        rows.lines().map(row).collect()
    }

    /// A client of the broker that is not ours, in confirm mode.
    pub async fn channel(&self) -> (Connection, Channel) {
        let properties = ConnectionProperties::default();
        let connection =
            Connection::connect(&self.vhost.url(), properties).await.expect("the broker is there");
        let channel = connection.create_channel().await.expect("the connection is open");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("the channel is open");
        (connection, channel)
    }

    /// The dead letters.
    pub fn letters(&self) -> Vec<ListedDeadLetter> {
        letters(&self.billing)
    }
}

/// A scenario that fails says what the units and the broker said.
impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = [
                ("gateway", self.gateway.log()),
                ("billing", self.billing.log()),
                ("broker", self.broker.log()),
            ];
            for (name, log) in logs {
                let lines: Vec<_> = log.lines().filter(|line| !line.contains("\"route\"")).collect();
                let last = lines.len().saturating_sub(60);
                println!("--- {name}\n{}", lines[last..].join("\n"));
            }
        }
    }
}

/// Standalone on its files.
pub struct Standalone {
    /// The one process.
    pub unit: Unit,
}

impl Standalone {
    /// Prepares it with a folder of its own; it is not started yet.
    pub fn prepared() -> Self {
        Self { unit: Unit::new("standalone", []) }
    }

    /// Checks that the account balances. It must be running.
    pub async fn balance_of(&self, sent: &[Sent]) -> Account {
        let users: std::collections::BTreeSet<_> = sent.iter().map(|order| order.user.clone()).collect();
        let account = Account::balance(sent, &self.unit, async || {
            let mut rows = Vec::new();
            for user in &users {
                rows.extend(self.orders_of(user).await);
            }
            rows
        })
        .await;
        println!("{}", account.summary());
        account
    }

    async fn orders_of(&self, user: &str) -> Vec<Row> {
        let (api, mut rows) = (self.unit.api(), Vec::new());
        let mut after = String::new();
        loop {
            let path = format!("/api/billing/orders?user_id={user}&limit=1000{after}");
            let page = api.get(&path).await.expect(200).json();
            let page = page.as_array().expect("it is a list");
            rows.extend(page.iter().map(|order| {
                let text = |field: &str| order[field].as_str().expect("it is text").to_owned();
                let cents = text("total_amount").replace('.', "").parse().expect("an amount is a number");
                (text("order_id"), text("user_id"), cents)
            }));
            match page.last() {
                Some(last) if page.len() == 1000 => {
                    after = format!("&after={}", last["order_id"].as_str().expect("it is text"));
                }
                _ => return rows,
            }
        }
    }
}

impl Account {
    fn summary(&self) -> String {
        let Self { accepted, refused, unanswered, recorded, dead } = self;
        let dead = dead.len();
        format!(
            "{accepted} accepted, {refused} refused, {unanswered} unanswered: {recorded} recorded, {dead} dead"
        )
    }
}

/// Publishes a message to the order queue, as anybody may.
pub async fn publish(channel: &Channel, properties: BasicProperties, body: &[u8]) {
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish("".into(), "billing_queue".into(), options, body, properties).await;
    let confirmation = published.expect("the channel is open").await.expect("the broker answers");
    assert!(confirmation.is_ack());
}
