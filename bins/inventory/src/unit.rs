use std::sync::Arc;

use keeper_batching::BatchedMovies;
use keeper_bootstrap::{
    Context, Dependency, Parts, StartError, Unit, WrongSetting, migrate_when_there, register_pool,
};
use keeper_http_server::{Dependencies, Document, docs, movies, movies_by_id};
use keeper_inventory::Inventory;
use keeper_postgres::{DatabaseProbe, PgDatabase, PgMovies, PgSettings, Schema};
use keeper_telemetry::traced::{TracedDatabase, TracedMovies};
use serde::Deserialize;

pub(crate) struct InventoryUnit;

#[derive(Deserialize)]
pub(crate) struct InventorySettings {
    database: PgSettings,
}

impl Unit for InventoryUnit {
    type Settings = InventorySettings;
    const NAME: &'static str = "inventory";
    const ABOUT: &'static str = "The movie catalogue over PostgreSQL";
    const DEFAULTS: &'static str = include_str!("../default.toml");
    const DOCUMENT: Document = Document::Inventory;
    const MIGRATES: bool = true;
    const HAS_DEAD_LETTERS: bool = false;

    fn check(settings: &InventorySettings) -> Result<(), WrongSetting> {
        settings.database.check()
    }

    async fn assemble(settings: InventorySettings, context: &Context) -> Result<Parts, StartError> {
        let migrate = settings.database.migrate;
        let database = PgDatabase::new(&settings.database, Schema::Inventory).map_err(StartError::part)?;
        let pool = database.clone();
        register_pool(&context.registry, move || pool.connections())?;
        let movies_store = Arc::new(PgMovies::new(database.clone()));
        let PgSettings { host, port, name, .. } = &settings.database;
        let traced = TracedDatabase::postgresql(host, *port, name);
        let traced = Arc::new(TracedMovies::new(traced, movies_store.clone()));
        let batched = Arc::new(BatchedMovies::new("inventory database", traced));
        let catalog = Arc::new(Inventory::new(batched, Arc::clone(&context.clock)));
        let stop = context.stop.tasks.clone();
        let until = stop.clone();
        let folding = Box::pin(async move {
            until.run_until_cancelled_owned(async move { movies_store.keep_folding().await }).await;
        });
        Ok(Parts {
            api: context
                .api()
                .attach(movies(catalog))
                .attach(movies_by_id())
                .attach(docs::stage(Document::Inventory)),
            dependencies: Dependencies {
                required: vec![Arc::new(DatabaseProbe::new(database.clone()))],
                helpful: Vec::new(),
            },
            tasks: vec![
                Box::pin(async move { migrate_when_there(migrate, || database.migrate(), stop).await }),
                folding,
            ],
            greeting: None,
        })
    }

    async fn dependencies(settings: InventorySettings) -> Result<Vec<Dependency>, StartError> {
        let database = PgDatabase::new(&settings.database, Schema::Inventory).map_err(StartError::part)?;
        let probe = Arc::new(DatabaseProbe::before_start(database, settings.database.migrate));
        Ok(vec![Dependency { section: "database", probe }])
    }

    async fn migrate(settings: InventorySettings) -> Result<(), StartError> {
        let database = PgDatabase::new(&settings.database, Schema::Inventory).map_err(StartError::part)?;
        database.migrate().await.map_err(StartError::part)
    }
}
