//! The service's own error, in the error of a layer around the service.

/// An error that may contain the service's own error `Err`: `Err` itself, or the error of a
/// breaker around the service (`BreakerError<Err>`).
///
/// A closure over `Err` is thus also a closure over `BreakerError<Err>`.
#[diagnostic::on_unimplemented(
    message = "the closure takes an error `{Err}`, but the error of the service is `{Self}`",
    label = "not an error of this service",
    note = "a closure over `E` is also called for the errors in a `BreakerError<E>`"
)]
pub trait ServiceError<Err> {
    /// The service's own error. `None` for a breaker's rejection.
    fn service_error(&self) -> Option<&Err>;
}

impl<Err> ServiceError<Err> for Err {
    fn service_error(&self) -> Option<&Err> {
        Some(self)
    }
}

#[cfg(feature = "breaker")]
impl<Err> ServiceError<Err> for crate::BreakerError<Err> {
    fn service_error(&self) -> Option<&Err> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(_) => None,
        }
    }
}
