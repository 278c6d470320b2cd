use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::follower;
use crate::options::Options;
use crate::output::{self, NotPrinted};
use crate::report::Progress;
use crate::shop::Shop;

/// Makes visits for as long as the options say, waits for the orders, and clears away the movies. The first signal ends the
/// visits, the second one the waiting.
///
/// # Errors
/// Its lines cannot be printed: that ends the visits, too.
pub(crate) async fn run(options: &Options, shop: &Arc<Shop>) -> Result<(), NotPrinted> {
    let (ended, leave) = (CancellationToken::new(), CancellationToken::new());
    tokio::spawn(listen(ended.clone(), leave.clone()));
    if let Some(time) = options.time() {
        let ended = ended.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            ended.cancel();
        });
    }
    let followers = follower::start(shop);
    let (visits, printed) = make_visits(options, shop, &ended).await;
    let ending = async {
        visits.join_all().await;
        shop.orders.settled().await;
        drop(followers);
        shop.look_for_unseen().await;
        shop.delete_added().await;
    };
    tokio::select! {
        () = ending => {}
        () = leave.cancelled() => output::tell("left without waiting"),
    }
    printed
}

/// A visit is made when it is due, whether or not those before it have ended: a shop that gets slow has as many customers.
async fn make_visits(
    options: &Options,
    shop: &Arc<Shop>,
    ended: &CancellationToken,
) -> (JoinSet<()>, Result<(), NotPrinted>) {
    let places = Arc::new(Semaphore::new(usize::from(options.at_once)));
    let mut random = fastrand::Rng::new();
    let mut visits = JoinSet::new();
    let mut clock = interval(options.pause());
    // What is late is made up for, and its latency counts from when it was due.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut lines = interval(options.every());
    lines.tick().await;
    let mut before = Progress::default();
    loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => return (visits, Ok(())),
            _ = lines.tick() => match tell(shop, before) {
                Ok(now) => before = now,
                Err(error) => return (visits, Err(error)),
            },
            due = clock.tick() => {
                while visits.try_join_next().is_some() {}
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    shop.report().not_made();
                    continue;
                };
                let (shop, visit) = (Arc::clone(shop), options.mix.draw(&mut random));
                visits.spawn(async move {
                    shop.visit(visit, due).await;
                    drop(place);
                });
            }
        }
    }
}

/// Prints a line of what came since the one before.
fn tell(shop: &Shop, before: Progress) -> Result<Progress, NotPrinted> {
    let now = shop.report().progress();
    let balance = shop.orders.balance();
    output::say(format_args!(
        "{} requests, {} failed, {} visits not made; orders so far: {} accepted, {} recorded",
        now.requests - before.requests,
        now.failed - before.failed,
        now.not_made - before.not_made,
        balance.accepted,
        balance.recorded,
    ))?;
    Ok(now)
}

async fn listen(ended: CancellationToken, leave: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for token in [ended, leave] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        token.cancel();
    }
}
