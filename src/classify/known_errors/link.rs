use std::{error::Error, sync::Arc};

use super::{finding::Finding, io};
#[cfg(feature = "http")]
use crate::Delivery;
use crate::{
    Verdict,
    classify::links::{downcast, is},
};

/// What one link shows, without its sources; `None` if its type isn't known.
pub(in crate::classify) fn examine_link<'a>(link: &'a (dyn Error + 'static)) -> Option<Finding<'a>> {
    if let Some(io) = downcast(link) {
        return io::examine(io);
    }
    if is::<tokio::time::error::Elapsed>(link) || is::<crate::Elapsed>(link) {
        return Some(Finding::Verdict(Verdict::timed_out()));
    }
    #[cfg(feature = "http")]
    if is::<crate::body_elapsed::BodyElapsed>(link) {
        return Some(Finding::Verdict(Verdict::timed_out().delivery(Delivery::Sent)));
    }
    #[cfg(feature = "breaker")]
    if let Some(rejection) = downcast::<crate::Rejection>(link) {
        return Some(Finding::Verdict(Verdict::rejected(rejection.retry_in())));
    }
    examine_other_crates(link)
}

/// The types of other crates, each with its feature.
fn examine_other_crates<'a>(link: &'a (dyn Error + 'static)) -> Option<Finding<'a>> {
    #[cfg(feature = "tower")]
    if let Some(verdict) = super::tower::verdict_of(link) {
        return Some(Finding::Verdict(verdict));
    }
    #[cfg(feature = "hyper")]
    if let Some(finding) = super::hyper::examine(link) {
        return Some(finding);
    }
    #[cfg(feature = "h2")]
    if let Some(h2) = downcast(link) {
        return Some(super::h2::examine(h2));
    }
    #[cfg(feature = "tonic")]
    if is::<tonic::TimeoutExpired>(link) {
        return Some(Finding::Verdict(Verdict::timed_out()));
    }
    #[cfg(feature = "tonic")]
    if is::<tonic::transport::Error>(link) || is::<tonic::Status>(link) {
        let error = link.source()?;
        return Some(Finding::Inside { error, one_call: true, otherwise: None, sent: None });
    }
    #[cfg(feature = "reqwest")]
    if let Some(reqwest) = downcast(link) {
        return Some(super::reqwest::examine(reqwest));
    }
    let _ = link;
    None
}

/// Whether this link, which has no verdict, is the error of a client that makes one call per
/// request. Then what its source proves about that call also holds for the request.
pub(in crate::classify) fn makes_one_call(link: &(dyn Error + 'static)) -> bool {
    is_plain::<std::io::Error>(link) || link.is::<Arc<dyn Error + Send + Sync>>() || is_client_of_other_crates(link)
}

/// The types of other crates, each with its feature.
fn is_client_of_other_crates(link: &(dyn Error + 'static)) -> bool {
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
    // It has no verdict of its own, and states nothing about the error inside it.
    #[cfg(feature = "reqwest")]
    if is_plain::<crate::reqwest_error::Error>(link) {
        return true;
    }
    let _ = link;
    false
}

/// Whether the link is an `E`, or the error of a breaker around a service with that error type.
fn is_plain<E: Error + 'static>(link: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "breaker")]
    if is::<crate::BreakerError<E>>(link)
        || is::<crate::BreakerError<Box<E>>>(link)
        || is::<crate::BreakerError<Arc<E>>>(link)
    {
        return true;
    }
    is::<E>(link)
}
