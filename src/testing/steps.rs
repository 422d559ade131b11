//! The functions that make steps.

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use super::step::{Action, Step};

/// The call succeeds with this response. The response is cloned for each call.
pub fn succeed<Res, Err>(response: Res) -> Step<Res, Err>
where
    Res: Clone + Send + Sync + 'static,
{
    succeed_with(move || response.clone())
}

/// The call succeeds with a response that a function makes, for responses that can't be cloned.
pub fn succeed_with<Res, Err>(response: impl Fn() -> Res + Send + Sync + 'static) -> Step<Res, Err> {
    respond_with(move || Ok(response()))
}

/// The call fails with this error. The error is cloned for each call.
pub fn fail<Res, Err>(error: Err) -> Step<Res, Err>
where
    Err: Clone + Send + Sync + 'static,
{
    fail_with(move || error.clone())
}

/// The call fails with an error that a function makes, for errors that can't be cloned.
pub fn fail_with<Res, Err>(error: impl Fn() -> Err + Send + Sync + 'static) -> Step<Res, Err> {
    respond_with(move || Err(error()))
}

/// The call fails with an I/O error of this kind, such as `ConnectionRefused`, which proves that
/// the request wasn't sent, or `ConnectionReset`, which doesn't. For another error type, use
/// [`fail_with`]: `fail_with(|| BoxError::from(io::Error::other("broken")))`.
pub fn fail_io<Res>(kind: io::ErrorKind) -> Step<Res, io::Error> {
    fail_with(move || kind.into())
}

/// The call has the result that a function makes.
pub fn respond_with<Res, Err>(result: impl Fn() -> Result<Res, Err> + Send + Sync + 'static) -> Step<Res, Err> {
    Step::new(Action::Respond(Arc::new(result)))
}

/// The service accepts the call and never responds.
pub const fn hang<Res, Err>() -> Step<Res, Err> {
    Step::new(Action::Hang)
}

/// The call panics with this message when its future is polled.
pub fn panic<Res, Err>(message: impl Into<Cow<'static, str>>) -> Step<Res, Err> {
    Step::new(Action::Panic(message.into()))
}

/// The service isn't ready until the test changes the script
/// ([`Script::replace`](super::Script::replace)).
pub const fn not_ready<Res, Err>() -> Step<Res, Err> {
    Step::new(Action::NotReady)
}

/// The service isn't ready for this long, counted from the first poll. Then it is ready for the
/// next step.
pub const fn not_ready_for<Res, Err>(delay: Duration) -> Step<Res, Err> {
    let mut step = Step::new(Action::Busy);
    step.delay = delay;
    step
}

/// The service fails to become ready, with this error.
pub fn readiness_error<Res, Err>(error: Err) -> Step<Res, Err>
where
    Err: Clone + Send + Sync + 'static,
{
    Step::new(Action::ReadinessError(Arc::new(move || error.clone())))
}
