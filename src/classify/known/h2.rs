use h2::{Error, Reason};

use super::begins_with;
use crate::{Sent, Verdict, classify::walk::Walk};

pub(super) fn judge(h2: &Error, walk: &mut Walk) -> Verdict {
    if let Some(io) = h2.get_io() {
        // There was a connection, whatever its end looks like.
        return super::io::judge(io, walk).unwrap_or(Verdict::transient()).sent(Sent::Unknown);
    }
    match h2.reason() {
        Some(reason) if h2.is_remote() => by_peer(reason, h2.is_reset()),
        // Reset by who sends: the request's own body broke off.
        Some(_) if h2.is_reset() && !h2.is_library() => Verdict::Neutral,
        None if begins_with(h2, "user error: ") => by_caller(h2),
        _ => Verdict::transient(),
    }
}

/// What h2 calls an error of its user: most are requests that aren't valid, but two are the connection's state.
fn by_caller(h2: &Error) -> Verdict {
    let is = |kind| begins_with(h2, kind);
    // No stream could be opened, as the connection has no number left, or the handle's last stream still waits to be opened.
    if is("user error: stream ID overflowed") || is("user error: rejected") {
        return Verdict::transient().sent(Sent::No);
    }
    // The stream had ended already.
    if is("user error: inactive stream") { Verdict::transient() } else { Verdict::Neutral }
}

/// `reset` is of one stream, otherwise it is the connection's `GOAWAY`.
fn by_peer(reason: Reason, reset: bool) -> Verdict {
    match reason {
        Reason::REFUSED_STREAM if reset => Verdict::transient().sent(Sent::No),
        // h2 has it for streams above the peer's last one, and for those that it didn't open any more.
        Reason::NO_ERROR if !reset => Verdict::transient().sent(Sent::No),
        Reason::ENHANCE_YOUR_CALM => Verdict::throttled(),
        Reason::HTTP_1_1_REQUIRED | Reason::INADEQUATE_SECURITY => Verdict::permanent(),
        _ if reset => Verdict::transient().sent(Sent::Yes),
        _ => Verdict::transient(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that may have been worked on isn't sent twice on the strength of a word that says so of another frame.
    #[test]
    fn only_a_refused_stream_and_a_graceful_goaway_prove_that_nothing_was_sent() {
        let (refused, graceful) = (Reason::REFUSED_STREAM, Reason::NO_ERROR);
        let not_sent = Verdict::transient().sent(Sent::No);
        assert_eq!((by_peer(refused, true), by_peer(graceful, false)), (not_sent, not_sent));
        assert_eq!(by_peer(refused, false), Verdict::transient());
        assert_eq!(by_peer(graceful, true), Verdict::transient().sent(Sent::Yes));
    }
}
