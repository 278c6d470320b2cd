/// One acknowledgement: of a delivery, or of it and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) tag: u64,
    pub(crate) multiple: bool,
}

/// The acknowledgements of deliveries that are settled, given in the order in which they came, where everything that
/// came before the oldest that is still unsettled is settled too.
pub(crate) fn acks(settled: &[u64], oldest_unsettled: Option<u64>) -> Vec<Ack> {
    let prefix = settled.partition_point(|tag| oldest_unsettled.is_none_or(|unsettled| *tag < unsettled));
    let (before, after) = settled.split_at(prefix);
    let multiple = before.last().map(|tag| Ack { tag: *tag, multiple: true });
    multiple.into_iter().chain(after.iter().map(|tag| Ack { tag: *tag, multiple: false })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_prefix_is_one_acknowledgement() {
        let one = |tag, multiple| Ack { tag, multiple };
        assert_eq!(acks(&[4, 5, 6], None), [one(6, true)]);
        assert_eq!(acks(&[4, 6, 7], Some(5)), [one(4, true), one(6, false), one(7, false)]);
        assert_eq!(acks(&[6, 7], Some(2)), [one(6, false), one(7, false)]);
        assert_eq!(acks(&[4, 5], Some(6)), [one(5, true)]);
        assert_eq!(acks(&[], None), []);
    }
}
