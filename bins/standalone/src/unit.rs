use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgMatches, Command};
use keeper_billing::{Book, Intake, Operations, Processor};
use keeper_bootstrap::{
    Context, Dependency, JournalFile, OpenDeadLetters, Parts, StartError, Unit, UuidOrderIds, WrongSetting,
    register_pool,
};
use keeper_edge::{Edge, EdgeSettings, keys};
use keeper_http_server::{
    Dependencies, Document, IntakeMetrics, auth, browser, docs, movies, operations, order_book, order_intake,
    site,
};
use keeper_inventory::Inventory;
use keeper_sqlite::{
    Directory, DirectoryProbe, SqliteConsumer, SqliteDeadLetters, SqliteMovies, SqliteOrders, SqliteProbe,
    SqliteQueue, Storage,
};
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_telemetry::traced::{
    Messaging, TracedDatabase, TracedDeadLetters, TracedLedger, TracedMovies, TracedQueue,
};
use serde::Deserialize;

use crate::greeting::greeting;
use crate::storage_settings::StorageSettings;

pub(crate) struct StandaloneUnit;

#[derive(Deserialize)]
pub(crate) struct StandaloneSettings {
    #[serde(flatten)]
    edge: EdgeSettings,
    storage: StorageSettings,
    dead_letters: JournalFile,
}

impl Unit for StandaloneUnit {
    type Settings = StandaloneSettings;
    const NAME: &'static str = "standalone";
    const ABOUT: &'static str = "The whole system in one process, with its data in SQLite files";
    const DEFAULTS: &'static str = include_str!("../default.toml");
    const DOCUMENT: Document = Document::Gateway;
    const MIGRATES: bool = false;
    const HAS_DEAD_LETTERS: bool = true;
    const HAS_BACKUP: bool = true;

    fn commands() -> Vec<Command> {
        vec![keys::command()]
    }

    fn command(settings: StandaloneSettings, matches: &ArgMatches) -> Result<(), StartError> {
        keys::run(&settings.edge.auth, matches)
    }

    fn check(settings: &StandaloneSettings) -> Result<(), WrongSetting> {
        settings.edge.check()?;
        settings.storage.check()
    }

    async fn assemble(settings: StandaloneSettings, context: &Context) -> Result<Parts, StartError> {
        let StorageSettings { directory, create_missing } = settings.storage;
        let directory = Directory::new(directory).map_err(StartError::part)?;
        let storage = Storage::open(&directory, create_missing).await.map_err(StartError::part)?;
        let (inventory, billing) = (storage.inventory().clone(), storage.billing().clone());
        register_pool(&context.registry, storage.connections())?;
        let (clock, queue) = (&context.clock, SqliteQueue::new(billing.clone()));
        let metrics = ProcessingMetrics::register(&context.registry)?;
        let consumer = SqliteConsumer::new(queue.clone(), Arc::clone(clock), metrics);
        let ledger = Arc::new(SqliteOrders::new(billing.clone()));
        let ledger = Arc::new(TracedLedger::new(TracedDatabase::sqlite("billing.db"), ledger));
        let processor = Arc::new(Processor::new(ledger.clone(), Arc::clone(clock)));
        let movies_store = SqliteMovies::new(inventory.clone());
        let movies_store = TracedMovies::new(TracedDatabase::sqlite("inventory.db"), Arc::new(movies_store));
        let catalog = Inventory::new(Arc::new(movies_store), Arc::clone(clock));
        let book = Arc::new(Book::new(ledger));
        let letters = Arc::new(SqliteDeadLetters::new(queue.clone()));
        let letters = TracedDeadLetters::new(&Messaging::sqlite(), letters);
        let dead_letters = Arc::new(Operations::new(Arc::new(letters), Arc::new(settings.dead_letters)));
        let queue = TracedQueue::new(Messaging::sqlite(), Arc::new(queue));
        let intake = Intake::new(Arc::new(queue), book.clone(), Arc::new(UuidOrderIds), Arc::clone(clock));
        let edge = Edge::new(&settings.edge, context)?;
        let api = context
            .api()
            .attach(auth::stage(edge.control))
            .attach(browser::stage(edge.browser))
            .attach(movies(Arc::new(catalog)))
            .attach(order_intake(Arc::new(intake), IntakeMetrics::register(&context.registry)?))
            .attach(order_book(book))
            .attach(operations(dead_letters))
            .attach(docs::stage(Document::Gateway))
            .attach(site::stage());
        let stop = context.stop.tasks.clone();
        let mut tasks = edge.tasks;
        tasks.push(Box::pin(async move {
            consumer.run(processor, stop).await;
            // The last order in hand is settled, and the API has ended before: nobody uses the files any more.
            storage.close().await;
        }));
        Ok(Parts {
            api,
            dependencies: Dependencies {
                required: vec![Arc::new(SqliteProbe::new(inventory)), Arc::new(SqliteProbe::new(billing))],
                helpful: Vec::new(),
            },
            tasks,
            greeting: Some(greeting(context.http, directory.path(), &settings.edge.auth)),
        })
    }

    async fn dependencies(settings: StandaloneSettings) -> Result<Vec<Dependency>, StartError> {
        let probe = Arc::new(DirectoryProbe::new(settings.storage.directory));
        Ok(vec![Dependency { section: "storage", probe }])
    }

    async fn back_up(settings: StandaloneSettings, to: PathBuf) -> Result<(), StartError> {
        let directory = Directory::existing(settings.storage.directory).map_err(StartError::part)?;
        directory.back_up(&to).await.map_err(StartError::part)
    }

    async fn dead_letters(settings: StandaloneSettings) -> Result<OpenDeadLetters, StartError> {
        let directory = Directory::existing(settings.storage.directory).map_err(StartError::part)?;
        let billing = directory.billing().await.map_err(StartError::part)?;
        let letters = SqliteDeadLetters::new(SqliteQueue::new(billing.clone()));
        let letters = Arc::new(Operations::new(Arc::new(letters), Arc::new(settings.dead_letters)));
        let close = Box::pin(async move { billing.close_or_tell().await });
        Ok(OpenDeadLetters { letters, close })
    }
}
