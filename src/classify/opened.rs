use std::{any::Any, error::Error, io, sync::Arc};

/// The error as one that can be looked into, where its type is one of those that are known to be. All of this is compiled for the very type, so
/// that what it isn't is known then, and nothing is left to be asked when one fails.
#[inline]
pub(crate) fn opened<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    boxed(error)
        .or_else(|| plain::<io::Error>(error))
        .or_else(|| plain::<crate::Elapsed>(error))
        .or_else(|| plain::<tokio::time::error::Elapsed>(error))
        .or_else(|| foreign(error))
}

#[inline]
fn boxed<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    open_as::<Box<dyn Error + Send + Sync>>(error, |boxed| &**boxed)
        .or_else(|| open_as::<Box<dyn Error + Send>>(error, |boxed| &**boxed))
        .or_else(|| open_as::<Box<dyn Error>>(error, |boxed| &**boxed))
        .or_else(|| open_as::<Arc<dyn Error + Send + Sync>>(error, |shared| &**shared))
}

/// Those of other crates, by their features.
#[inline]
fn foreign<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    #[cfg(feature = "tower")]
    if let Some(known) =
        plain::<tower::timeout::error::Elapsed>(error).or_else(|| plain::<tower::load_shed::error::Overloaded>(error))
    {
        return Some(known);
    }
    #[cfg(feature = "hyper")]
    if let Some(known) = plain::<hyper_util::client::legacy::Error>(error).or_else(|| plain::<hyper::Error>(error)) {
        return Some(known);
    }
    #[cfg(feature = "h2")]
    if let Some(known) = plain::<h2::Error>(error) {
        return Some(known);
    }
    #[cfg(feature = "tonic")]
    if let Some(known) = plain::<tonic::transport::Error>(error).or_else(|| plain::<tonic::Status>(error)) {
        return Some(known);
    }
    let _ = error;
    None
}

#[inline]
fn plain<E: Error + 'static>(error: &impl Any) -> Option<&(dyn Error + 'static)> {
    open_as::<E>(error, |error| error).or_else(|| open_as::<Arc<E>>(error, |shared| &**shared))
}

/// If it is an `E`, or that of a breaker around it: what is known of an error is still known outside.
#[inline]
fn open_as<E: 'static>(error: &impl Any, open: fn(&E) -> &(dyn Error + 'static)) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    #[cfg(feature = "breaker")]
    match error.downcast_ref::<crate::BreakerError<E>>() {
        Some(crate::BreakerError::Inner(inner)) => return Some(open(inner)),
        Some(crate::BreakerError::Rejected(rejection)) => return Some(rejection),
        None => {}
    }
    error.downcast_ref().map(open)
}
