//! Maps transport errors to gRPC status codes.

use std::error::Error;

use super::Code;
use crate::{
    Delivery, FailureKind, Verdict,
    classify::{ErrorClassifier, inspect},
};

/// A transport error, with the code that a gRPC library would return for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransportError {
    pub(super) code: Code,
    /// How [`ErrorClassifier`] classifies the error.
    pub(super) verdict: Verdict,
    /// The server provably didn't process the call, and the call didn't cause the error: the server
    /// refused the HTTP/2 stream, or the connection ended before the request was sent on it.
    pub(super) is_unprocessed: bool,
}

impl TransportError {
    pub(super) fn of<E: 'static>(error: &E) -> Self {
        let verdict = ErrorClassifier::judge(error);
        let Verdict::Failure(failure) = verdict else {
            return Self { code: Code::Unknown, verdict, is_unprocessed: false };
        };
        let (code, connection_failed) = inspect(error).map_or((None, false), search_chain);
        let by_kind = match failure.kind() {
            FailureKind::TimedOut => Code::DeadlineExceeded,
            FailureKind::Throttled => Code::ResourceExhausted,
            _ => Code::Unavailable,
        };
        let is_unsent = failure.delivery() == Delivery::NotSent;
        Self { code: code.unwrap_or(by_kind), verdict, is_unprocessed: is_unsent && connection_failed }
    }
}

/// Searches the source chain. Returns the code of an HTTP/2 error, if it has a specific one, and
/// whether an existing connection failed.
fn search_chain(error: &(dyn Error + 'static)) -> (Option<Code>, bool) {
    let mut next = Some(error);
    let mut connection_failed = false;
    // Bounded, because a source chain could be a cycle.
    for _ in 0..64 {
        let Some(link) = next else { break };
        if let Some(h2) = link.downcast_ref::<h2::Error>() {
            return (http2_code(h2), true);
        }
        if let Some(hyper) = link.downcast_ref::<hyper::Error>() {
            connection_failed |= hyper.is_canceled() || hyper.is_closed();
        }
        next = link.source();
    }
    (None, connection_failed)
}

/// Maps a stream reset by its reason. A GOAWAY ends the connection, so it maps to UNAVAILABLE,
/// whatever its reason.
fn http2_code(error: &h2::Error) -> Option<Code> {
    if error.is_go_away() {
        return Some(Code::Unavailable);
    }
    error.reason().filter(|_| error.is_reset()).map(reset_code)
}

/// The mapping in the gRPC specification, "gRPC over HTTP2", section "Errors".
fn reset_code(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_reasons_map_to_codes() {
        for (reason, code) in [
            (h2::Reason::REFUSED_STREAM, Code::Unavailable),
            (h2::Reason::CANCEL, Code::Cancelled),
            (h2::Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
            (h2::Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
            (h2::Reason::NO_ERROR, Code::Internal),
            (h2::Reason::PROTOCOL_ERROR, Code::Internal),
            (h2::Reason::from(99), Code::Internal),
        ] {
            assert_eq!(reset_code(reason), code, "{reason:?}");
        }
    }
}
