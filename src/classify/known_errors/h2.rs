use h2::{Error, Reason};

use super::{finding::Finding, text_prefix::starts_with};
use crate::{Delivery, Health, Verdict};

pub(super) fn examine(h2: &Error) -> Finding<'_> {
    if let Some(io) = h2.get_io() {
        // The connection was established, so even "connection refused" doesn't show that the
        // request wasn't sent.
        return Finding::inside(io, Some(Verdict::transient())).with_sent(Delivery::Unknown);
    }
    Finding::Verdict(match h2.reason() {
        Some(reason) if h2.is_remote() => of_peer(reason, h2.is_reset()),
        // The sender reset the stream: the request's own body failed.
        Some(_) if h2.is_reset() && !h2.is_library() => Verdict::Neutral,
        None if starts_with(h2, "user error: ") => of_user_error(h2),
        _ => Verdict::transient(),
    })
}

/// h2 reports these as errors of its user. Most are invalid requests, but three report a state of
/// the connection or the stream.
fn of_user_error(h2: &Error) -> Verdict {
    let is = |kind| starts_with(h2, kind);
    // No stream could be opened: the connection has no stream ID left, or the last stream of this
    // handle still waits to be opened.
    if is("user error: stream ID overflowed") || is("user error: rejected") {
        return Verdict::transient().delivery(Delivery::NotSent);
    }
    // The stream had already ended.
    if is("user error: inactive stream") { Verdict::transient() } else { Verdict::Neutral }
}

/// The verdict on an error code that the peer sent: in a stream reset if `reset`, otherwise in a
/// `GOAWAY`.
fn of_peer(reason: Reason, reset: bool) -> Verdict {
    match reason {
        Reason::REFUSED_STREAM if reset => Verdict::transient().delivery(Delivery::NotSent),
        // h2 reports this for streams above the last one that the peer processes, and for streams
        // that it didn't open after the `GOAWAY`.
        Reason::NO_ERROR if !reset => Verdict::transient().delivery(Delivery::NotSent),
        Reason::ENHANCE_YOUR_CALM => Verdict::throttled(),
        // Every request on such a connection fails.
        Reason::HTTP_1_1_REQUIRED | Reason::INADEQUATE_SECURITY => Verdict::permanent().health(Health::Unhealthy),
        _ if reset => Verdict::transient().delivery(Delivery::Sent),
        _ => Verdict::transient(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same code in the other frame doesn't prove that the request wasn't processed.
    #[test]
    fn only_a_refused_stream_and_a_graceful_goaway_are_unsent() {
        let (refused, graceful) = (Reason::REFUSED_STREAM, Reason::NO_ERROR);
        let not_sent = Verdict::transient().delivery(Delivery::NotSent);
        assert_eq!((of_peer(refused, true), of_peer(graceful, false)), (not_sent, not_sent));
        assert_eq!(of_peer(refused, false), Verdict::transient());
        assert_eq!(of_peer(graceful, true), Verdict::transient().delivery(Delivery::Sent));
    }
}
