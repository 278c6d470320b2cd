//! The instruments that more than one adapter uses. Their names are a contract with dashboards and alerts.

use keeper_domain::{DeadLetterReason, Order, Recording, Timestamp};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, Result};

use crate::context::RequestContext;

/// How long an order may take to be recorded, in milliseconds: the objective of order freshness.
const LATE_MILLIS: i64 = 5_000;

/// What the processing of orders counts.
#[derive(Debug, Clone)]
pub struct ProcessingMetrics {
    recorded: IntCounterVec,
    dead_lettered: IntCounterVec,
    queue_to_ledger: Histogram,
    late: IntCounter,
    queue_depth: IntGauge,
    dead_letters: IntGauge,
}

impl ProcessingMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> Result<Self> {
        let recorded = Opts::new("orders_recorded_total", "Orders that billing settled, by outcome.");
        let recorded = IntCounterVec::new(recorded, &["outcome"])?;
        let (rejected, given_up) = (Recording::Rejected(String::new()), Recording::GivenUp(String::new()));
        for outcome in [
            &Recording::Recorded,
            &Recording::AlreadyRecorded,
            &Recording::Conflict,
            &Recording::FurtherConflict,
            &rejected,
            &given_up,
        ] {
            recorded.with_label_values(&[outcome_label(outcome)]);
        }
        let dead_lettered =
            Opts::new("orders_dead_lettered_total", "Messages moved to the dead letters, by reason.");
        let dead_lettered = IntCounterVec::new(dead_lettered, &["reason"])?;
        for reason in DeadLetterReason::ALL {
            dead_lettered.with_label_values(&[reason.as_str()]);
        }
        let queue_to_ledger = HistogramOpts::new(
            "order_queue_to_ledger_seconds",
            "Time from an order's acceptance to its record.",
        )
        .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0]);
        let queue_to_ledger = Histogram::with_opts(queue_to_ledger)?;
        // For monitors that read no histograms, as CloudWatch's agent.
        let late = IntCounter::new(
            "orders_recorded_late_total",
            "Orders recorded over five seconds after acceptance.",
        )?;
        let queue_depth =
            IntGauge::new("billing_queue_depth", "Messages ready in the order queue, as billing measures.")?;
        let dead_letters =
            IntGauge::new("billing_dead_letters", "Messages in the dead letters, as billing measures.")?;
        registry.register(Box::new(recorded.clone()))?;
        registry.register(Box::new(dead_lettered.clone()))?;
        registry.register(Box::new(queue_to_ledger.clone()))?;
        registry.register(Box::new(late.clone()))?;
        registry.register(Box::new(queue_depth.clone()))?;
        registry.register(Box::new(dead_letters.clone()))?;
        Ok(Self { recorded, dead_lettered, queue_to_ledger, late, queue_depth, dead_letters })
    }

    /// An order was settled at `now`. How long it took counts for those that this settled for the first time. One that is kept
    /// nowhere is named in the log, with the request that sent it; only then is `sender` asked.
    pub fn settled(
        &self,
        order: &Order,
        outcome: &Recording,
        now: Timestamp,
        sender: impl FnOnce() -> Option<RequestContext>,
    ) {
        self.recorded.with_label_values(&[outcome_label(outcome)]).inc();
        if *outcome == Recording::FurtherConflict {
            log_further_conflict(order, sender().as_ref());
        }
        if *outcome == Recording::Recorded {
            let millis = (now.as_millis() - order.created_at.as_millis()).max(0);
            if millis > LATE_MILLIS {
                self.late.inc();
            }
            #[expect(clippy::cast_precision_loss, reason = "a metric; 2^53 ms are 285,000 years")]
            self.queue_to_ledger.observe(millis as f64 / 1000.0);
        }
    }

    /// A message was moved to the dead letters.
    pub fn dead_lettered(&self, reason: DeadLetterReason) {
        self.dead_lettered.with_label_values(&[reason.as_str()]).inc();
    }

    /// So many messages wait in the order queue.
    pub fn set_queue_depth(&self, messages: u64) {
        self.queue_depth.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// So many messages are in the dead letters.
    pub fn set_dead_letters(&self, messages: u64) {
        self.dead_letters.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }
}

fn log_further_conflict(order: &Order, sender: Option<&RequestContext>) {
    let (order_id, request_id) = (order.id.to_string(), sender.map(|sender| sender.request_id.as_str()));
    let (trace_id, span_id) =
        (sender.and_then(RequestContext::trace_id), sender.and_then(RequestContext::span_id));
    let says = "an order contradicts a recorded one once more: it is counted and not kept";
    tracing::warn!(order_id, request_id, trace_id, span_id, "{says}");
}

fn outcome_label(outcome: &Recording) -> &'static str {
    match outcome {
        Recording::Recorded => "recorded",
        Recording::AlreadyRecorded => "already_recorded",
        Recording::Conflict => "conflict",
        Recording::FurtherConflict => "further_conflict",
        Recording::Rejected(_) => "rejected",
        Recording::GivenUp(_) => "given_up",
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{ItemCount, Money, OrderDraft, OrderId, UserId};

    use super::*;

    #[test]
    fn an_order_is_late_after_five_seconds() {
        let registry = Registry::new();
        let metrics = ProcessingMetrics::register(&registry).unwrap();
        let draft = OrderDraft {
            user: UserId::new("20").unwrap(),
            items: ItemCount::new(9).unwrap(),
            total: Money::from_minor("total_amount", 18_000).unwrap(),
        };
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let order = Order {
            id: OrderId::parse("order_id", "018f3c3e-0000-7000-8000-000000000001").unwrap(),
            draft,
            created_at: at(1_000),
        };
        metrics.settled(&order, &Recording::Recorded, at(6_000), || None);
        assert_eq!(metrics.late.get(), 0);
        metrics.settled(&order, &Recording::AlreadyRecorded, at(6_001), || None);
        assert_eq!(metrics.late.get(), 0);
        metrics.settled(&order, &Recording::Recorded, at(6_001), || None);
        assert_eq!(metrics.late.get(), 1);
    }
}
