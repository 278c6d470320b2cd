use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use lapin::BasicProperties;
use lapin::message::Delivery;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep;

use super::bug::Bug;
use super::random::Random;
use crate::connection::{ConnectionState, Incident, SessionEnd, Topology};
use crate::consumer::Ack;
use crate::publisher::Outgoing;

/// The name of the only queue.
pub(super) const QUEUE: &str = "orders";
const PREFETCH: usize = 8;

/// How often a message may come back before it goes to the dead letters, as the real queue has it.
const DELIVERY_LIMIT: u32 = 20;

/// A message in the broker.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    returns: u32,
}

pub(super) type Sent = Result<Delivery, SessionEnd>;

/// What a consumer has sent and the broker has not read yet.
pub(super) enum Command {
    Acknowledge(Ack),
    Requeue(u64),
    Subscribe(oneshot::Sender<mpsc::UnboundedReceiver<Sent>>),
    Cancel(oneshot::Sender<()>),
}

/// A session as the broker knows it.
struct Open {
    unacknowledged: BTreeMap<u64, Stored>,
    next_tag: u64,
    deliveries: Option<mpsc::UnboundedSender<Sent>>,
    incidents: mpsc::UnboundedSender<Incident>,
    commands: VecDeque<Command>,
}

/// What is in the broker.
#[derive(Default)]
struct Contents {
    ready: VecDeque<Stored>,
    dead: Vec<Stored>,
    sessions: BTreeMap<u64, Open>,
    next_session: u64,
    violations: Vec<String>,
    history: DefaultHasher,
}

/// A broker with one queue and its dead letters, which does everything that a broker may do, as the seed says.
pub(super) struct SimulatedBroker {
    contents: Mutex<Contents>,
    pub(super) random: Random,
    pub(super) bug: Option<Bug>,
    pub(super) topology: Topology,
    /// As publishers see it.
    pub(super) state: watch::Sender<ConnectionState>,
    /// Faults happen.
    pub(super) faulty: watch::Sender<bool>,
    /// The queue takes no more.
    pub(super) full: watch::Sender<bool>,
    work: Notify,
}

impl SimulatedBroker {
    pub(super) fn new(random: Random, bug: Option<Bug>) -> Arc<Self> {
        let broker = Arc::new(Self {
            contents: Mutex::default(),
            random,
            bug,
            topology: Topology::new(QUEUE),
            state: watch::Sender::new(ConnectionState::Up),
            faulty: watch::Sender::new(true),
            full: watch::Sender::new(false),
            work: Notify::new(),
        });
        let running = Arc::clone(&broker);
        tokio::spawn(async move {
            loop {
                running.work.notified().await;
                sleep(running.latency()).await;
                if running.turn() {
                    running.work.notify_one();
                }
            }
        });
        broker
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    /// So many of a hundred, while faults happen.
    pub(super) fn fault(&self, percent: usize) -> bool {
        *self.faulty.borrow() && self.random.percent(percent)
    }

    /// How long the broker takes for one step.
    pub(super) fn latency(&self) -> Duration {
        if self.fault(3) { self.random.millis(2_000) } else { self.random.millis(8) }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(*self.state.borrow(), ConnectionState::Down(_))
    }

    pub(super) fn note(&self, what: &str, which: &str) {
        (what, which).hash(&mut self.contents().history);
    }

    /// Takes responsibility for a message.
    pub(super) fn store(&self, message: &Outgoing) {
        let Outgoing { routing_key, properties, body, .. } = message;
        self.note("stored", routing_key);
        let stored = Stored { properties: properties.clone(), body: body.clone(), returns: 0 };
        let mut contents = self.contents();
        if *routing_key == self.topology.dead_queue {
            contents.dead.push(stored);
        } else if self.fault(10) {
            let place = self.random.below(contents.ready.len() + 1);
            contents.ready.insert(place, stored);
        } else {
            contents.ready.push_back(stored);
        }
        drop(contents);
        self.work.notify_one();
    }

    pub(super) fn open(&self) -> Option<(u64, mpsc::UnboundedReceiver<Incident>)> {
        if self.is_down() {
            return None;
        }
        let mut contents = self.contents();
        let id = contents.next_session;
        contents.next_session += 1;
        let (incidents, happened) = mpsc::unbounded_channel();
        let (unacknowledged, commands) = (BTreeMap::new(), VecDeque::new());
        contents
            .sessions
            .insert(id, Open { unacknowledged, next_tag: 1, deliveries: None, incidents, commands });
        Some((id, happened))
    }

    pub(super) fn command(&self, session: u64, command: Command) -> Result<(), SessionEnd> {
        let mut contents = self.contents();
        let lost = || SessionEnd::Lost("simulated".to_owned());
        contents.sessions.get_mut(&session).ok_or_else(lost)?.commands.push_back(command);
        drop(contents);
        self.work.notify_one();
        Ok(())
    }

    /// Ends a session: what it has not acknowledged goes back, and what it has said and was not read is lost.
    pub(super) fn lose(&self, session: u64) {
        let mut contents = self.contents();
        let Some(open) = contents.sessions.remove(&session) else { return };
        // Who has gone hears nothing.
        let _ = open.incidents.send(Incident::Lost("simulated".to_owned()));
        for stored in open.unacknowledged.into_values().rev() {
            contents.give_back(stored);
        }
        drop(contents);
        self.note("lost", "");
        self.work.notify_one();
    }

    /// Ends a session of those that are open.
    pub(super) fn lose_any(&self) {
        let sessions: Vec<u64> = self.contents().sessions.keys().copied().collect();
        if !sessions.is_empty() {
            self.lose(sessions[self.random.below(sessions.len())]);
        }
    }

    /// Ends all sessions, and the publishers' connections.
    pub(super) fn stop(&self) {
        self.state.send_replace(ConnectionState::Down("simulated".into()));
        let sessions: Vec<u64> = self.contents().sessions.keys().copied().collect();
        for session in sessions {
            self.lose(session);
        }
    }

    /// Ends a subscription, as a broker does when the queue goes.
    pub(super) fn end_subscription(&self) {
        if let Some(open) = self.contents().sessions.values_mut().next() {
            open.deliveries = None;
        }
    }

    pub(super) fn is_drained(&self) -> bool {
        let contents = self.contents();
        contents.ready.is_empty() && contents.sessions.values().all(|open| open.unacknowledged.is_empty())
    }

    pub(super) fn end(&self) -> (Vec<Stored>, Vec<String>, u64) {
        let contents = self.contents();
        (contents.dead.clone(), contents.violations.clone(), contents.history.finish())
    }

    /// Reads commands and sends messages; says whether there is more to do.
    fn turn(&self) -> bool {
        let mut contents = self.contents();
        let sessions: Vec<u64> = contents.sessions.keys().copied().collect();
        let mut unread = false;
        for session in sessions {
            while let Some(command) = contents.next_command(session) {
                contents.obey(session, command, self.bug);
                if self.fault(10) {
                    break;
                }
            }
            unread |= contents.sessions[&session].commands.front().is_some();
        }
        while !contents.ready.is_empty() {
            let takers: Vec<u64> = contents.takers();
            if takers.is_empty() {
                break;
            }
            let taker = takers[self.random.below(takers.len())];
            let first = if self.fault(10) { self.random.below(contents.ready.len()) } else { 0 };
            contents.deliver(taker, first, self.bug);
            if self.fault(10) {
                return true;
            }
        }
        unread
    }
}

impl Contents {
    fn next_command(&mut self, session: u64) -> Option<Command> {
        self.sessions.get_mut(&session)?.commands.pop_front()
    }

    fn takers(&self) -> Vec<u64> {
        let takes = |open: &Open| open.deliveries.is_some() && open.unacknowledged.len() < PREFETCH;
        self.sessions.iter().filter(|(_, open)| takes(open)).map(|(id, _)| *id).collect()
    }

    fn obey(&mut self, session: u64, command: Command, bug: Option<Bug>) {
        let Some(open) = self.sessions.get_mut(&session) else { return };
        match command {
            Command::Acknowledge(Ack { tag, multiple }) => {
                ("acknowledged", session, tag).hash(&mut self.history);
                let known = open.unacknowledged.contains_key(&tag);
                if !known && bug != Some(Bug::AcknowledgedBeforeCommit) {
                    self.violations.push(format!("delivery {tag} is acknowledged twice"));
                }
                open.unacknowledged.retain(|other, _| *other != tag && !(multiple && *other < tag));
            }
            Command::Requeue(tag) => match open.unacknowledged.remove(&tag) {
                Some(stored) => self.give_back(stored),
                None if bug == Some(Bug::AcknowledgedBeforeCommit) => {}
                None => self.violations.push(format!("delivery {tag} is requeued and settled")),
            },
            Command::Subscribe(answer) => {
                let (deliveries, received) = mpsc::unbounded_channel();
                open.deliveries = Some(deliveries);
                let _ = answer.send(received);
            }
            Command::Cancel(answer) => {
                open.deliveries = None;
                let _ = answer.send(());
            }
        }
    }

    fn deliver(&mut self, session: u64, place: usize, bug: Option<Bug>) {
        let (Some(stored), Some(open)) = (self.ready.remove(place), self.sessions.get_mut(&session)) else {
            return;
        };
        let tag = open.next_tag;
        open.next_tag += 1;
        ("delivered", session, tag).hash(&mut self.history);
        let redelivered = stored.returns > 0;
        let mut delivery = Delivery::mock(tag, "".into(), QUEUE.into(), redelivered, stored.body.clone());
        delivery.properties = stored.properties.clone();
        if bug != Some(Bug::AcknowledgedBeforeCommit) {
            open.unacknowledged.insert(tag, stored);
        }
        if let Some(deliveries) = &open.deliveries {
            // To one who has gone it is not acknowledged, and comes back with the session's end.
            let _ = deliveries.send(Ok(delivery));
        }
    }

    fn give_back(&mut self, mut stored: Stored) {
        stored.returns += 1;
        if stored.returns > DELIVERY_LIMIT { self.dead.push(stored) } else { self.ready.push_front(stored) }
    }
}
