use std::error::Error;

use hyper_util::client::legacy;

use super::{as_known, begins_with};
use crate::{Sent, Verdict, classify::walk::Walk};

pub(super) fn judge(link: &(dyn Error + 'static), walk: &mut Walk) -> Option<Verdict> {
    if let Some(client) = as_known::<legacy::Error>(link) {
        return judge_client(client, walk);
    }
    as_known::<hyper::Error>(link).map(|hyper| judge_connection(hyper, walk))
}

/// Kinds that the client has no method for are known by their text: `client error (UserAbsoluteUriRequired)`.
fn judge_client(client: &legacy::Error, walk: &mut Walk) -> Option<Verdict> {
    if client.is_connect() {
        // The connector takes no such URI: another scheme, or no host.
        if client.source().is_some_and(|source| begins_with(source, "invalid URL")) {
            return Some(Verdict::Neutral);
        }
        return Some(from_source(client, walk).sent(Sent::No));
    }
    // Any other kind than these says no more than its source.
    begins_with(client, "client error (User").then_some(Verdict::Neutral)
}

fn judge_connection(hyper: &hyper::Error, walk: &mut Walk) -> Verdict {
    // The connection ended with the request still in hyper's hands, or had ended before.
    if hyper.is_canceled() || hyper.is_closed() {
        return Verdict::transient().sent(Sent::No);
    }
    if hyper.is_user() {
        // The task that drives the connection was dropped, or panicked: a lost connection. All else that is the user's is the
        // caller's: the request's own body broke off, or the request isn't valid. Another attempt would end in the same way.
        return if begins_with(hyper, "dispatch task is gone") { Verdict::transient() } else { Verdict::Neutral };
    }
    #[cfg(feature = "h2")]
    if let Some(h2) = hyper.source().and_then(as_known::<h2::Error>) {
        let verdict = super::h2::judge(h2, walk);
        // hyper asks once more whether the connection takes requests when it has just given it one: a `GOAWAY` that comes in between
        // is told of that request, which is on its way, and may be below the last stream.
        return if h2.is_go_away() { verdict.sent(Sent::Unknown) } else { verdict };
    }
    // From here on there was a connection. A source that tells of a refused one is from elsewhere.
    from_source(hyper, walk).sent(Sent::Unknown)
}

fn from_source(error: &dyn Error, walk: &mut Walk) -> Verdict {
    error.source().and_then(|source| walk.judge(source)).unwrap_or(Verdict::transient())
}
