use std::sync::Arc;

use clap::{ArgMatches, Command};
use keeper_billing::Intake;
use keeper_bootstrap::{Context, Dependency, Parts, StartError, Unit, UuidOrderIds, WrongSetting};
use keeper_breaker::{BreakerMetrics, GuardedBook, GuardedOperations, GuardedQueue, Upstream};
use keeper_edge::{Edge, EdgeSettings, keys};
use keeper_http_client::{
    BillingClient, ClientSettings, DeadLetterClient, HttpProbe, InventoryClient, Service,
};
use keeper_http_server::{
    Dependencies, Document, IntakeMetrics, auth, browser, docs, movies, operations, order_book, order_intake,
    site,
};
use keeper_rabbitmq::{Broker, BrokerMetrics, BrokerSettings, ConnectProbe, PolicyProbe, RabbitQueue};
use keeper_telemetry::traced::{Messaging, TracedQueue};
use serde::Deserialize;

use crate::catalog::shared;

pub(crate) struct GatewayUnit;

#[derive(Deserialize)]
pub(crate) struct GatewaySettings {
    #[serde(flatten)]
    edge: EdgeSettings,
    broker: BrokerSettings,
    inventory: ClientSettings,
    billing: ClientSettings,
}

impl Unit for GatewayUnit {
    type Settings = GatewaySettings;
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str = "The public API over inventory, billing and RabbitMQ";
    const DEFAULTS: &'static str = include_str!("../default.toml");
    const DOCUMENT: Document = Document::Gateway;
    const MIGRATES: bool = false;
    const HAS_DEAD_LETTERS: bool = false;

    fn commands() -> Vec<Command> {
        vec![keys::command()]
    }

    fn command(settings: GatewaySettings, matches: &ArgMatches) -> Result<(), StartError> {
        keys::run(&settings.edge.auth, matches)
    }

    fn check(settings: &GatewaySettings) -> Result<(), WrongSetting> {
        settings.edge.check()?;
        settings.broker.check()?;
        settings.inventory.check("inventory")?;
        settings.billing.check("billing")
    }

    async fn assemble(settings: GatewaySettings, context: &Context) -> Result<Parts, StartError> {
        let inventory = Service::new("inventory", &settings.inventory).map_err(StartError::part)?;
        let billing = Service::new("billing", &settings.billing).map_err(StartError::part)?;
        let metrics = BrokerMetrics::register(&context.registry)?;
        let broker = Broker::new(&settings.broker, Self::NAME, &metrics).map_err(StartError::part)?;
        let (queue, publishing) = RabbitQueue::new(&broker);
        let broker_probe = queue.probe();
        let queue = Arc::new(TracedQueue::new(Messaging::rabbitmq(&settings.broker.queue), queue));
        let breakers = BreakerMetrics::register(&context.registry)?;
        let upstream = |name, max_calls| Arc::new(Upstream::new(name, max_calls, &breakers));
        // One that hangs leaves room for the others until its breaker opens.
        let max = context.http.max_in_flight;
        let queue = Arc::new(GuardedQueue::new(upstream("broker", max / 4 * 3), queue));
        let catalog = Arc::new(InventoryClient::new(inventory.clone()));
        let catalog = shared(catalog, max / 2, settings.inventory.timeout(), &breakers);
        let look_up = Arc::new(BillingClient::new(billing.clone()));
        let guard = upstream("billing", max / 4);
        let book = Arc::new(GuardedBook::new(Arc::clone(&guard), look_up.clone()));
        let dead_letters = Arc::new(DeadLetterClient::new(billing.clone()));
        let dead_letters = Arc::new(GuardedOperations::new(guard, dead_letters));
        let (ids, clock) = (Arc::new(UuidOrderIds), Arc::clone(&context.clock));
        // Its look-up gives up by itself after a moment, which says nothing of billing.
        let intake = Intake::new(queue, look_up, ids, clock);
        let edge = Edge::new(&settings.edge, context)?;
        let api = context
            .api()
            .attach(auth::stage(edge.control))
            .attach(browser::stage(edge.browser))
            .attach(movies(catalog))
            .attach(order_intake(Arc::new(intake), IntakeMetrics::register(&context.registry)?))
            .attach(order_book(book))
            .attach(operations(dead_letters))
            .attach(docs::stage(Document::Gateway))
            .attach(site::stage());
        let policies = PolicyProbe::of(&broker).map(|probe| Arc::new(probe) as _);
        let dependencies = Dependencies {
            required: vec![broker_probe, Arc::new(HttpProbe::inventory(inventory))],
            // Orders are taken while billing is away: that is what the queue is for.
            helpful: [Arc::new(HttpProbe::billing(billing)) as _].into_iter().chain(policies).collect(),
        };
        let mut tasks = edge.tasks;
        tasks.push(Box::pin(publishing.run(context.stop.tasks.clone())));
        Ok(Parts { api, dependencies, tasks, greeting: None })
    }

    fn not_asked(settings: &Self::Settings) -> Vec<(&'static str, String)> {
        PolicyProbe::not_asked(&settings.broker.management_url).into_iter().collect()
    }

    async fn dependencies(settings: GatewaySettings) -> Result<Vec<Dependency>, StartError> {
        let inventory = Service::new("inventory", &settings.inventory).map_err(StartError::part)?;
        let billing = Service::new("billing", &settings.billing).map_err(StartError::part)?;
        let metrics = BrokerMetrics::unregistered()?;
        let broker = Broker::new(&settings.broker, "gateway doctor", &metrics).map_err(StartError::part)?;
        let policies = PolicyProbe::of(&broker).map(|probe| Dependency::new("broker", probe));
        let asked = [
            Dependency::new("broker", ConnectProbe::of_publisher(broker)),
            Dependency::new("inventory", HttpProbe::inventory(inventory)),
            Dependency::new("billing", HttpProbe::billing(billing)),
        ];
        Ok(asked.into_iter().chain(policies).collect())
    }
}
