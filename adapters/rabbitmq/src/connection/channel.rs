//! What both consumers ask of a channel.

use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

/// Has the broker send a queue's messages.
pub(crate) async fn subscribe(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(queue.into(), "".into(), options, arguments).await
}

/// Has the broker send no more. What it has sent is still to come, and then the end of the consumer.
pub(crate) async fn cancel(channel: &Channel, consumer: &lapin::Consumer) -> lapin::Result<()> {
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await
}

/// Gives a delivery back to its queue.
pub(crate) async fn requeue(channel: &Channel, tag: u64) -> lapin::Result<()> {
    channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue: true }).await
}

/// Gives back every delivery that is not acknowledged.
pub(crate) async fn requeue_all(channel: &Channel) -> lapin::Result<()> {
    // Tag 0 with `multiple` stands for all of them.
    channel.basic_nack(0, BasicNackOptions { multiple: true, requeue: true }).await
}

/// How many messages wait in a queue that must be there.
pub(crate) async fn depth(channel: &Channel, queue: &str) -> lapin::Result<u64> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
    Ok(u64::from(queue.message_count()))
}
