use std::fmt;

use super::{BreakerError, Rejection};

/// How a breaker answers a call that its circuit rejects: [`RejectWithError`], [`KeepError`],
/// [`RejectWithResponse`] or [`NotReady`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't answer a rejected call of a service with outcomes `Result<{Res}, {Err}>`",
    label = "can't make this result",
    note = "`keep_error` needs an error type that a rejection converts into: implement `From<tower_recourse::Rejection>` for `{Err}`; `BoxError` and `io::Error` have it",
    note = "`Unavailable` needs a response whose body it can make: from a `&'static str` for HTTP, by `Default` for gRPC",
    note = "`http::ResponseBodyLayer` inside the breaker gives responses such a body",
    note = "`respond_when_open` takes a closure that makes the response: `|rejection: &Rejection| -> {Res} {{ … }}`"
)]
pub trait OnRejection<Res, Err> {
    /// The error type of the service with the breaker.
    type Error;

    /// Whether `poll_ready` returns `Pending` while the circuit rejects, so that the service gets
    /// no calls to reject. A keyed breaker can't wait, because it doesn't know the circuit before
    /// the request.
    const WAITS: bool = false;

    /// Makes the result of a rejected call.
    fn reject(&self, rejection: Rejection) -> Result<Res, Self::Error>;

    /// Converts an error of the inner service into the error type of the breaker.
    fn pass(error: Err) -> Self::Error;
}

/// Fails with [`BreakerError::Rejected`]. This is the default, because callers then see why the
/// call failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RejectWithError;

impl<Res, Err> OnRejection<Res, Err> for RejectWithError {
    type Error = BreakerError<Err>;

    fn reject(&self, rejection: Rejection) -> Result<Res, Self::Error> {
        Err(BreakerError::Rejected(rejection))
    }

    fn pass(error: Err) -> Self::Error {
        BreakerError::Inner(error)
    }
}

/// Fails with the service's own error type, made from the [`Rejection`]. The error type stays that
/// of the service.
///
/// The error type has to implement `From<Rejection>`, as `BoxError`, `io::Error`, and this crate's
/// `reqwest::Error` do.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepError;

#[diagnostic::do_not_recommend]
impl<Res, Err: From<Rejection>> OnRejection<Res, Err> for KeepError {
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Res, Err> {
        Err(rejection.into())
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Answers rejected calls with the response that a function returns. The error type stays that of
/// the service.
#[derive(Clone, Copy)]
pub struct RejectWithResponse<Function>(pub(crate) Function);

impl<Function, Res, Err> OnRejection<Res, Err> for RejectWithResponse<Function>
where
    Function: Fn(&Rejection) -> Res,
{
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Res, Err> {
        Ok((self.0)(&rejection))
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Isn't ready while the circuit rejects, so that a load balancer uses another service. The error
/// type stays that of the service.
///
/// A ready service holds a permit until a call uses it or the service is dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotReady;

impl<Res, Err> OnRejection<Res, Err> for NotReady {
    type Error = Err;

    const WAITS: bool = true;

    fn reject(&self, _: Rejection) -> Result<Res, Err> {
        panic!("`call` before `poll_ready` returned ready")
    }

    fn pass(error: Err) -> Err {
        error
    }
}

impl<Function> fmt::Debug for RejectWithResponse<Function> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Respond(..)")
    }
}
