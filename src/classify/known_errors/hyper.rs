use std::error::Error;

use hyper_util::client::legacy;

use super::{finding::Finding, text_prefix::starts_with};
use crate::{Delivery, Verdict, classify::links::downcast};

pub(super) fn examine<'a>(link: &'a (dyn Error + 'static)) -> Option<Finding<'a>> {
    if let Some(client) = downcast::<legacy::Error>(link) {
        return examine_client(client);
    }
    downcast::<hyper::Error>(link).map(examine_connection)
}

/// The error of hyper-util's pooled client. The client has no methods for some kinds of error, so
/// those are recognised by their text: `client error (UserAbsoluteUriRequired)`.
fn examine_client(client: &legacy::Error) -> Option<Finding<'_>> {
    if client.is_connect() {
        // The connector doesn't accept the URI: it has another scheme, or no host.
        if client.source().is_some_and(|source| starts_with(source, "invalid URL")) {
            return Some(Finding::Verdict(Verdict::Neutral));
        }
        return Some(Finding::source_of(client).with_sent(Delivery::NotSent));
    }
    // `User…`: a mistake of the caller. For any other kind, the source decides.
    starts_with(client, "client error (User").then_some(Finding::Verdict(Verdict::Neutral))
}

fn examine_connection(hyper: &hyper::Error) -> Finding<'_> {
    // The connection had ended before hyper wrote the request to it.
    if hyper.is_canceled() || hyper.is_closed() {
        return Finding::Verdict(Verdict::transient().delivery(Delivery::NotSent));
    }
    if hyper.is_user() {
        // hyper attributes a dropped or panicked connection task to the user; it is a lost
        // connection. The other user errors are the caller's: the request's body failed, or the
        // request is invalid. Another attempt would fail in the same way.
        let is_lost = starts_with(hyper, "dispatch task is gone");
        return Finding::Verdict(if is_lost { Verdict::transient() } else { Verdict::Neutral });
    }
    #[cfg(feature = "h2")]
    if let Some(h2) = hyper.source().and_then(downcast::<h2::Error>) {
        let finding = super::h2::examine(h2);
        // After hyper has passed a request to the connection, it polls the connection's readiness
        // once more. If a `GOAWAY` arrives in between, hyper reports it for that request, which is
        // already on its way and may be below the last stream that the peer processes.
        return if h2.is_go_away() { finding.with_sent(Delivery::Unknown) } else { finding };
    }
    // The connection was established. A source that reports a refused one is about another
    // connection.
    Finding::source_of(hyper).with_sent(Delivery::Unknown)
}
