use std::fmt;

use super::{BreakerError, Rejection};

/// What a breaker does about a call that its circuit rejects: [`Fail`], [`Respond`] or [`Wait`].
pub trait OnRejection<Res, Err> {
    /// The error of the service behind the breaker.
    type Error;

    /// Whether the service stays not-ready instead, so that no call comes that must be rejected. A
    /// keyed breaker can't: only the request names its circuit.
    const WAITS: bool = false;

    /// What the caller gets instead of an answer of the service.
    fn reject(&self, rejection: Rejection) -> Result<Res, Self::Error>;

    /// The service's own error.
    fn pass(error: Err) -> Self::Error;
}

/// Answers with [`BreakerError::Rejected`]. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fail;

impl<Res, Err> OnRejection<Res, Err> for Fail {
    type Error = BreakerError<Err>;

    fn reject(&self, rejection: Rejection) -> Result<Res, Self::Error> {
        Err(BreakerError::Rejected(rejection))
    }

    fn pass(error: Err) -> Self::Error {
        BreakerError::Inner(error)
    }
}

/// Answers with a response made by a function; the error type stays the service's own.
#[derive(Clone, Copy)]
pub struct Respond<F>(pub(crate) F);

impl<F, Res, Err> OnRejection<Res, Err> for Respond<F>
where
    F: Fn(&Rejection) -> Res,
{
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Res, Err> {
        Ok((self.0)(&rejection))
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Isn't ready while the circuit rejects, so that a load balancer goes elsewhere; the error type stays the service's own.
///
/// Readiness is a permit, kept until it is used by a call or given up with the service.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wait;

impl<Res, Err> OnRejection<Res, Err> for Wait {
    type Error = Err;

    const WAITS: bool = true;

    fn reject(&self, _: Rejection) -> Result<Res, Err> {
        panic!("called without having been ready")
    }

    fn pass(error: Err) -> Err {
        error
    }
}

impl<F> fmt::Debug for Respond<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a response made by a function")
    }
}
