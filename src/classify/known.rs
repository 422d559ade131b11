//! What is known of single errors, whatever they are the source of. The tables are those of [`Errors`](super::Errors).

#[cfg(feature = "h2")]
mod h2;
#[cfg(feature = "hyper")]
mod hyper;
mod io;
#[cfg(any(feature = "hyper", feature = "h2"))]
mod text;
#[cfg(feature = "tower")]
mod tower;

use std::{error::Error, sync::Arc};

#[cfg(any(feature = "hyper", feature = "h2"))]
use self::text::begins_with;
use super::walk::Walk;
#[cfg(feature = "http")]
use crate::Sent;
use crate::Verdict;

/// The verdict on one link. `walk` is for those that say more of what is inside them than that it is their source.
pub(super) fn judge(link: &(dyn Error + 'static), walk: &mut Walk) -> Option<Verdict> {
    if let Some(io) = as_known(link) {
        return io::judge(io, walk);
    }
    if is_known::<tokio::time::error::Elapsed>(link) || is_known::<crate::Elapsed>(link) {
        return Some(Verdict::timed_out());
    }
    #[cfg(feature = "http")]
    if is_known::<crate::body_elapsed::BodyElapsed>(link) {
        return Some(Verdict::timed_out().sent(Sent::Yes));
    }
    #[cfg(feature = "breaker")]
    if let Some(rejection) = as_known::<crate::Rejection>(link) {
        return Some(Verdict::rejected(rejection.retry_in()));
    }
    by_others(link, walk)
}

/// Those of other crates, by their features.
fn by_others(link: &(dyn Error + 'static), walk: &mut Walk) -> Option<Verdict> {
    #[cfg(feature = "tower")]
    if let Some(verdict) = tower::judge(link) {
        return Some(verdict);
    }
    #[cfg(feature = "hyper")]
    if let Some(verdict) = hyper::judge(link, walk) {
        return Some(verdict);
    }
    #[cfg(feature = "h2")]
    if let Some(h2) = as_known(link) {
        return Some(h2::judge(h2, walk));
    }
    #[cfg(feature = "tonic")]
    if is_known::<tonic::TimeoutExpired>(link) {
        return Some(Verdict::timed_out());
    }
    #[cfg(feature = "tonic")]
    if is_known::<tonic::transport::Error>(link) || is_known::<tonic::Status>(link) {
        return walk.judge_sources_of_one_call(link);
    }
    let _ = (link, walk);
    None
}

/// Whether this link, of which nothing else is known, belongs to a client that makes one call per request: then what its
/// source proves about that call holds for the request.
pub(super) fn makes_one_call(link: &(dyn Error + 'static)) -> bool {
    is_plain::<std::io::Error>(link) || link.is::<Arc<dyn Error + Send + Sync>>() || is_of_other_crates(link)
}

/// Those of other crates, by their features.
fn is_of_other_crates(link: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "hyper")]
    if is_plain::<hyper_util::client::legacy::Error>(link) || is_plain::<::hyper::Error>(link) {
        return true;
    }
    #[cfg(feature = "h2")]
    if is_plain::<::h2::Error>(link) {
        return true;
    }
    #[cfg(feature = "tonic")]
    if is_plain::<tonic::transport::Error>(link) || is_plain::<tonic::Status>(link) {
        return true;
    }
    let _ = link;
    false
}

/// If it is an `E`, or that of a breaker around it.
fn is_plain<E: Error + 'static>(link: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "breaker")]
    if is_known::<crate::BreakerError<E>>(link)
        || is_known::<crate::BreakerError<Box<E>>>(link)
        || is_known::<crate::BreakerError<Arc<E>>>(link)
    {
        return true;
    }
    is_known::<E>(link)
}

/// If it is an `E`, or one in a box or shared, which is what a source often is.
pub(super) fn as_known<'a, E: Error + 'static>(link: &'a (dyn Error + 'static)) -> Option<&'a E> {
    link.downcast_ref::<E>()
        .or_else(|| link.downcast_ref::<Box<E>>().map(|boxed| &**boxed))
        .or_else(|| link.downcast_ref::<Arc<E>>().map(|shared| &**shared))
}

fn is_known<E: Error + 'static>(link: &(dyn Error + 'static)) -> bool {
    as_known::<E>(link).is_some()
}
