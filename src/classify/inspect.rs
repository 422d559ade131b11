use std::{any::Any, error::Error, io, sync::Arc};

/// The error as a `dyn Error`, if its type is one of those that this crate knows.
///
/// Compiled per error type, so the compiler removes the downcasts that can't match: three failing
/// attempts of a retry took 188 ns instead of 264.
#[inline]
pub(crate) fn inspect<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    boxed(error)
        .or_else(|| plain::<io::Error>(error))
        .or_else(|| plain::<crate::Elapsed>(error))
        .or_else(|| plain::<tokio::time::error::Elapsed>(error))
        .or_else(|| of_other_crates(error))
}

#[inline]
fn boxed<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    inspect_as::<Box<dyn Error + Send + Sync>>(error, |boxed| &**boxed)
        .or_else(|| inspect_as::<Box<dyn Error + Send>>(error, |boxed| &**boxed))
        .or_else(|| inspect_as::<Box<dyn Error>>(error, |boxed| &**boxed))
        .or_else(|| inspect_as::<Arc<dyn Error + Send + Sync>>(error, |shared| &**shared))
}

/// The types of other crates, each with its feature.
#[inline]
fn of_other_crates<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
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
    #[cfg(feature = "reqwest")]
    if let Some(known) = plain::<crate::reqwest_error::Error>(error).or_else(|| plain::<reqwest::Error>(error)) {
        return Some(known);
    }
    let _ = error;
    None
}

/// An `E`, or an `Arc<E>`.
#[inline]
fn plain<E: Error + 'static>(error: &impl Any) -> Option<&(dyn Error + 'static)> {
    inspect_as::<E>(error, |error| error).or_else(|| inspect_as::<Arc<E>>(error, |shared| &**shared))
}

/// An `E`, or the error of a breaker around a service with that error type.
#[inline]
fn inspect_as<E: 'static>(
    error: &impl Any,
    as_error: fn(&E) -> &(dyn Error + 'static),
) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    #[cfg(feature = "breaker")]
    match error.downcast_ref::<crate::BreakerError<E>>() {
        Some(crate::BreakerError::Inner(inner)) => return Some(as_error(inner)),
        Some(crate::BreakerError::Rejected(rejection)) => return Some(rejection),
        None => {}
    }
    error.downcast_ref().map(as_error)
}
