//! What policies do to our queues. AMQP says nothing of them: a declaration compares arguments only, and RabbitMQ lets a
//! policy's `overflow` go before a queue's own. So the broker's management API is asked.

mod losses;
mod probe;

pub use probe::PolicyProbe;
