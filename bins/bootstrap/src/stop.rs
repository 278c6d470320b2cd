use tokio_util::sync::CancellationToken;

/// When to stop, in three steps: first clients are told to leave, then nothing new is accepted, and then, with the last
/// request answered, the tasks that the requests needed end too.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Not ready any more; each answer is the last on its connection.
    pub leaving: CancellationToken,
    /// Accept nothing new; finish what is in flight.
    pub accepting: CancellationToken,
    /// Finish what is in hand and end.
    pub tasks: CancellationToken,
}
