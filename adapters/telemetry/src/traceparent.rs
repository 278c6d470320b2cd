//! The form of a trace context: W3C Trace Context, version 00.

/// Says whether a text is a trace context of version 00: `00-<trace id>-<span id>-<flags>`, lowercase, no id of zeros only.
pub fn is_sane_traceparent(value: &str) -> bool {
    trace_id(value).is_some()
}

/// The trace id of a trace context, if it is one.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = version == "00" && parts.next().is_none();
    (whole && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2)).then_some(trace)
}

/// An id of zeros only means that there is none.
fn is_id(text: &str, len: usize) -> bool {
    is_hex(text, len) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_known_by_its_id() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_id(traceparent), Some("0af7651916cd43dd8448eb211c80319c"));
        assert!(is_sane_traceparent(traceparent));
    }

    #[test]
    fn what_the_standard_calls_invalid_is_no_trace() {
        for value in [
            "",
            "00-x-y-z",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(value), None, "{value:?}");
        }
    }
}
