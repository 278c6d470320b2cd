/// A bug that is put in on purpose: the simulation must find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// A delivery is acknowledged before the ledger has committed it.
    AcknowledgedBeforeCommit,
    /// An order counts as published, whatever the broker says.
    ConfirmIgnored,
    /// A message that goes on to another place is acknowledged before it is confirmed there.
    ForwardedBeforeConfirm,
}
