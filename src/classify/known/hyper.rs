use std::error::Error;

use hyper_util::client::legacy;

use super::as_known;
use crate::{Sent, Verdict, classify::walk::Walk};

pub(super) fn judge(link: &(dyn Error + 'static), walk: &mut Walk) -> Option<Verdict> {
    if let Some(client) = as_known::<legacy::Error>(link) {
        // Any other kind than this says no more than its source.
        return client.is_connect().then(|| from_source(client, walk).sent(Sent::No));
    }
    as_known::<hyper::Error>(link).map(|hyper| judge_connection(hyper, walk))
}

fn judge_connection(hyper: &hyper::Error, walk: &mut Walk) -> Verdict {
    // The connection ended with the request still in hyper's hands, or had ended before.
    if hyper.is_canceled() || hyper.is_closed() {
        return Verdict::transient().sent(Sent::No);
    }
    // The request's own body broke off, or the request is none: that says nothing of the other side, and would be so again.
    if hyper.is_user() {
        return Verdict::Neutral;
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
