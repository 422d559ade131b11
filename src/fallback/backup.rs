use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use tower_service::Service;

use super::future::ReadyCall;
use crate::Cause;

/// What happened to the primary, told to the backup.
#[derive(Debug)]
pub struct Failed<'a, Res, Err> {
    /// Why the backup is asked.
    pub cause: Cause,
    /// What the primary came back with: an error, or a response that was judged a failure.
    pub outcome: Result<&'a Res, &'a Err>,
}

/// Answers when the primary has failed: another service, a value, a function.
///
/// A call takes a clone of it, and uses it if the primary fails; so callers never wait for each other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't stand in for a service that answers `{Req}` with `{Res}`",
    note = "a backup service takes the same request, which must be `Clone`, and gives the same response",
    note = "a request whose body is a stream becomes `Clone` by `http::Replay::share` (feature `http`)",
    note = "`FallbackLayer::value` and `FallbackLayer::from_fn` need no copy of the request"
)]
pub trait Backup<Req, Res, Err> {
    /// What is kept of a request while the primary has it. `()` where the answer doesn't depend on it.
    type Kept;
    /// Why there is no answer from here either.
    type Error;
    /// The answer.
    type Future: Future<Output = Result<Res, Self::Error>>;

    /// Keeps what is needed, before the primary is called.
    fn keep(&self, request: &Req) -> Self::Kept;

    /// Answers.
    fn answer(self, kept: Self::Kept, failed: Failed<'_, Res, Err>) -> Self::Future;
}

/// Another service. See [`FallbackLayer::new`](super::FallbackLayer::new).
#[derive(Debug, Clone)]
pub struct ServiceBackup<B>(pub(super) B);

#[diagnostic::do_not_recommend]
impl<B, Req, Err> Backup<Req, B::Response, Err> for ServiceBackup<B>
where
    B: Service<Req>,
    Req: Clone,
{
    type Kept = Req;
    type Error = B::Error;
    type Future = ReadyCall<B, Req, B::Future>;

    fn keep(&self, request: &Req) -> Req {
        request.clone()
    }

    fn answer(self, request: Req, _: Failed<'_, B::Response, Err>) -> Self::Future {
        ReadyCall::new(self.0, request)
    }
}

/// A value. See [`FallbackLayer::value`](super::FallbackLayer::value).
///
/// Shared, so that a call which doesn't need it doesn't clone it.
#[derive(Debug)]
pub struct Value<T>(pub(super) Arc<T>);

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req, Res: Clone, Err> Backup<Req, Res, Err> for Value<Res> {
    type Kept = ();
    type Error = Infallible;
    type Future = Ready<Result<Res, Infallible>>;

    fn keep(&self, _: &Req) {}

    fn answer(self, (): (), _: Failed<'_, Res, Err>) -> Self::Future {
        ready(Ok(Arc::unwrap_or_clone(self.0)))
    }
}

/// A function of what went wrong. See [`FallbackLayer::from_fn`](super::FallbackLayer::from_fn).
#[derive(Clone)]
pub struct FromFn<F>(pub(super) F);

impl<F, Fut, Req, Res, Err, E> Backup<Req, Res, Err> for FromFn<F>
where
    F: FnOnce(Failed<'_, Res, Err>) -> Fut,
    Fut: Future<Output = Result<Res, E>>,
{
    type Kept = ();
    type Error = E;
    type Future = Fut;

    fn keep(&self, _: &Req) {}

    fn answer(self, (): (), failed: Failed<'_, Res, Err>) -> Fut {
        (self.0)(failed)
    }
}

/// A function of the request and what went wrong. See [`FallbackLayer::with_request`](super::FallbackLayer::with_request).
#[derive(Clone)]
pub struct WithRequest<F>(pub(super) F);

impl<F, Fut, Req, Res, Err, E> Backup<Req, Res, Err> for WithRequest<F>
where
    F: FnOnce(Req, Failed<'_, Res, Err>) -> Fut,
    Fut: Future<Output = Result<Res, E>>,
    Req: Clone,
{
    type Kept = Req;
    type Error = E;
    type Future = Fut;

    fn keep(&self, request: &Req) -> Req {
        request.clone()
    }

    fn answer(self, request: Req, failed: Failed<'_, Res, Err>) -> Fut {
        (self.0)(request, failed)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

impl<F> fmt::Debug for WithRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function of the request")
    }
}
