use async_trait::async_trait;
use futures_util::future::join_all;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
use keeper_ports::{PortError, PortResult};
use prometheus::Registry;
use tokio::time::{Instant, sleep};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Replicas of which one hangs: what is asked for many movies comes to it, and all else to the others, which take a moment.
struct Replicas;

async fn answers<T>(answer: T) -> PortResult<T> {
    sleep(Duration::from_millis(5)).await;
    Ok(answer)
}

#[async_trait]
impl MovieCatalog for Replicas {
    async fn get(&self, _: MovieId) -> PortResult<Option<Movie>> {
        answers(None).await
    }

    async fn get_many(&self, _: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        sleep(TIMEOUT).await;
        Err(PortError::timed_out("inventory", "no answer"))
    }

    async fn list(&self, _: MovieQuery, _: Page<MovieId>) -> PortResult<Slice<Movie>> {
        Err(PortError::failed("inventory", "not asked"))
    }

    async fn add(&self, _: NewMovie) -> PortResult<Movie> {
        Err(PortError::failed("inventory", "not asked"))
    }

    async fn change(&self, _: MovieId, _: MovieChange) -> PortResult<Option<Movie>> {
        answers(None).await
    }

    async fn change_if(&self, _: MovieId, _: Vec<MovieVersion>, _: MovieChange) -> PortResult<Edit<Movie>> {
        answers(Edit::Absent).await
    }

    async fn remove(&self, _: MovieId) -> PortResult<bool> {
        answers(false).await
    }

    async fn remove_if(&self, _: MovieId, _: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        answers(Edit::Absent).await
    }

    async fn clear(&self) -> PortResult<u64> {
        answers(0).await
    }
}

fn catalog(max_calls: usize) -> Arc<dyn MovieCatalog> {
    let breakers = BreakerMetrics::register(&Registry::new()).unwrap();
    shared(Arc::new(Replicas), max_calls, TIMEOUT, &breakers)
}

fn id() -> MovieId {
    MovieId::new("id", 7).unwrap()
}

/// The reads that share a trip stall together: it is one trip that hangs.
#[tokio::test(start_paused = true)]
async fn a_shared_trip_that_hangs_is_one_that_hangs() {
    let catalog = catalog(100);
    let reads = join_all((0..40).map(|_| catalog.get(id())));
    let others = async {
        sleep(Duration::from_millis(1_500)).await;
        let begun = Instant::now();
        assert!(catalog.remove(id()).await.is_ok());
        assert!(catalog.get(id()).await.is_ok());
        assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    };
    let (reads, ()) = tokio::join!(reads, others);
    assert!(reads.iter().all(|read| matches!(read, Err(PortError::TimedOut { .. }))), "{reads:?}");
}

/// Who waits for a shared trip has a place of the upstream, as anybody has.
#[tokio::test(start_paused = true)]
async fn callers_that_share_a_trip_are_counted_one_by_one() {
    let catalog = catalog(10);
    let reads = join_all((0..40).map(|_| catalog.get(id()))).await;
    let refused = reads.iter().filter(|read| matches!(read, Err(PortError::Unavailable { .. })));
    assert_eq!(refused.count(), 30);
}
