use std::sync::Arc;

use keeper_billing::{Book, Operations, Processor};
use keeper_bootstrap::{
    Context, Dependency, JournalFile, OpenDeadLetters, Parts, StartError, Unit, UuidOrderIds, WrongSetting,
    migrate_when_there, register_pool,
};
use keeper_http_server::{Dependencies, Document, docs, operations, order_book};
use keeper_postgres::{DatabaseProbe, PgDatabase, PgOrders, PgSettings, Schema};
use keeper_rabbitmq::{
    Broker, BrokerMetrics, ConnectProbe, ConsumerSettings, PolicyProbe, RabbitDeadLetters, order_consumer,
};
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_telemetry::traced::{Messaging, TracedDatabase, TracedDeadLetters, TracedLedger};
use serde::Deserialize;

pub(crate) struct BillingUnit;

#[derive(Deserialize)]
pub(crate) struct BillingSettings {
    database: PgSettings,
    broker: ConsumerSettings,
    dead_letters: JournalFile,
}

impl Unit for BillingUnit {
    type Settings = BillingSettings;
    const NAME: &'static str = "billing";
    const ABOUT: &'static str = "Records orders from RabbitMQ in PostgreSQL, and reads them";
    const DEFAULTS: &'static str = include_str!("../default.toml");
    const DOCUMENT: Document = Document::Billing;
    const MIGRATES: bool = true;
    const HAS_DEAD_LETTERS: bool = true;

    fn check(settings: &BillingSettings) -> Result<(), WrongSetting> {
        settings.database.check()?;
        settings.broker.check()
    }

    async fn assemble(settings: BillingSettings, context: &Context) -> Result<Parts, StartError> {
        let migrate = settings.database.migrate;
        let clock = &context.clock;
        let database = PgDatabase::new(&settings.database, Schema::Billing).map_err(StartError::part)?;
        let pool = database.clone();
        register_pool(&context.registry, move || pool.connections())?;
        let broker_metrics = BrokerMetrics::register(&context.registry)?;
        let broker = Broker::new(&settings.broker.connection(), Self::NAME, &broker_metrics)
            .map_err(StartError::part)?;
        let ledger = Arc::new(PgOrders::new(database.clone()));
        let PgSettings { host, port, name, .. } = &settings.database;
        let traced = TracedDatabase::postgresql(host, *port, name);
        let traced = Arc::new(TracedLedger::new(traced, ledger.clone()));
        let processor = Arc::new(Processor::new(traced.clone(), Arc::clone(clock)));
        let metrics = ProcessingMetrics::register(&context.registry)?;
        let ids = Arc::new(UuidOrderIds);
        let consumer =
            order_consumer(&broker, settings.broker.options(), processor, ids, Arc::clone(clock), metrics);
        let dependencies = Dependencies {
            required: vec![Arc::new(DatabaseProbe::new(database.clone())), consumer.probe()],
            helpful: PolicyProbe::of(&broker).into_iter().map(|probe| Arc::new(probe) as _).collect(),
        };
        let book = Arc::new(Book::new(traced));
        let queue = Messaging::rabbitmq(&settings.broker.connection().queue);
        let dead_letters = TracedDeadLetters::new(&queue, Arc::new(RabbitDeadLetters::new(&broker)));
        let dead_letters = Operations::new(Arc::new(dead_letters), Arc::new(settings.dead_letters));
        let stop = context.stop.tasks.clone();
        let consuming = Box::pin(consumer.run(stop.clone()));
        let listening = stop.clone();
        let listening = Box::pin(async move {
            listening.run_until_cancelled(ledger.listen()).await;
        });
        let migrating =
            Box::pin(async move { migrate_when_there(migrate, || database.migrate(), stop).await });
        Ok(Parts {
            api: context
                .api()
                .attach(order_book(book))
                .attach(operations(Arc::new(dead_letters)))
                .attach(docs::stage(Document::Billing)),
            dependencies,
            tasks: vec![consuming, listening, migrating],
            greeting: None,
        })
    }

    fn not_asked(settings: &Self::Settings) -> Vec<(&'static str, String)> {
        PolicyProbe::not_asked(&settings.broker.management_url).into_iter().collect()
    }

    async fn dependencies(settings: BillingSettings) -> Result<Vec<Dependency>, StartError> {
        let database = PgDatabase::new(&settings.database, Schema::Billing).map_err(StartError::part)?;
        let probe = Arc::new(DatabaseProbe::before_start(database, settings.database.migrate));
        let metrics = BrokerMetrics::unregistered()?;
        let broker = Broker::new(&settings.broker.connection(), "billing doctor", &metrics)
            .map_err(StartError::part)?;
        let policies = PolicyProbe::of(&broker).map(|probe| Dependency::new("broker", probe));
        let broker = Dependency::new("broker", ConnectProbe::of_consumer(broker));
        Ok([Dependency { section: "database", probe }, broker].into_iter().chain(policies).collect())
    }

    async fn migrate(settings: BillingSettings) -> Result<(), StartError> {
        let database = PgDatabase::new(&settings.database, Schema::Billing).map_err(StartError::part)?;
        database.migrate().await.map_err(StartError::part)
    }

    async fn dead_letters(settings: BillingSettings) -> Result<OpenDeadLetters, StartError> {
        let metrics = BrokerMetrics::unregistered()?;
        let broker = Broker::new(&settings.broker.connection(), "billing dead-letters", &metrics)
            .map_err(StartError::part)?;
        // Each call has a connection of its own, and closes it.
        let letters = Arc::new(RabbitDeadLetters::new(&broker));
        let letters = Arc::new(Operations::new(letters, Arc::new(settings.dead_letters)));
        Ok(OpenDeadLetters { letters, close: Box::pin(async {}) })
    }
}
