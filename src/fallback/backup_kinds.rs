//! The backups that come with the crate.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use tower_service::Service;

use super::backup::{Backup, PrimaryFailure};
use crate::service::Oneshot;

/// Another service. See [`FallbackLayer::new`](super::FallbackLayer::new).
#[derive(Debug, Clone)]
pub struct ServiceBackup<S>(pub(super) S);

#[diagnostic::do_not_recommend]
impl<S, Req, Err> Backup<Req, S::Response, Err> for ServiceBackup<S>
where
    S: Service<Req, Error: 'static>,
    Req: Clone,
{
    type Stored = Req;
    type Error = S::Error;
    type Future = Oneshot<S, S::Future, Req>;

    fn store(&self, request: &Req) -> Req {
        request.clone()
    }

    fn answer(self, request: Req, _: PrimaryFailure<'_, S::Response, Err>) -> Self::Future {
        Oneshot::new(self.0, request)
    }
}

/// A value. See [`FallbackLayer::value`](super::FallbackLayer::value).
///
/// The value is behind an `Arc`, so cloning the backup for a call doesn't clone the value.
#[derive(Debug)]
pub struct Value<T>(pub(super) Arc<T>);

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, Req, Res, Err> Backup<Req, Res, Err> for Value<T>
where
    T: Clone + FallbackValue<Res>,
{
    type Stored = ();
    type Error = Infallible;
    type Future = Ready<Result<Res, Infallible>>;

    fn store(&self, _: &Req) {}

    fn answer(self, (): (), _: PrimaryFailure<'_, Res, Err>) -> Self::Future {
        ready(Ok(Arc::unwrap_or_clone(self.0).into_response()))
    }
}

/// A value of the service's response type: every type is one of itself.
///
/// Without this trait, `Value<Res>` would be a backup only for responses `Res`. If the value had
/// another type, the compiler would infer the response type from the value, and report that the
/// service returns the wrong type.
#[diagnostic::on_unimplemented(
    message = "the fallback value is of type `{Self}`, but the service responds with `{Res}`",
    label = "the value isn't a response of this service",
    note = "make the value a `{Res}`, for example by `FallbackLayer::value(value.into())`"
)]
pub trait FallbackValue<Res> {
    fn into_response(self) -> Res;
}

impl<Res> FallbackValue<Res> for Res {
    fn into_response(self) -> Res {
        self
    }
}

/// A function of the failure. See [`FallbackLayer::from_fn`](super::FallbackLayer::from_fn).
#[derive(Clone)]
pub struct BackupFn<F>(pub(super) F);

impl<F, Fut, Req, Res, Err, BackupErr> Backup<Req, Res, Err> for BackupFn<F>
where
    F: FnOnce(PrimaryFailure<'_, Res, Err>) -> Fut,
    Fut: Future<Output = Result<Res, BackupErr>>,
    BackupErr: 'static,
{
    type Stored = ();
    type Error = BackupErr;
    type Future = Fut;

    fn store(&self, _: &Req) {}

    fn answer(self, (): (), failed: PrimaryFailure<'_, Res, Err>) -> Fut {
        (self.0)(failed)
    }
}

impl<F> fmt::Debug for BackupFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupFn(..)")
    }
}

/// A function of the request and the failure. See
/// [`FallbackLayer::with_request`](super::FallbackLayer::with_request).
#[derive(Clone)]
pub struct WithRequest<F>(pub(super) F);

impl<F, Fut, Req, Res, Err, BackupErr> Backup<Req, Res, Err> for WithRequest<F>
where
    F: FnOnce(Req, PrimaryFailure<'_, Res, Err>) -> Fut,
    Fut: Future<Output = Result<Res, BackupErr>>,
    BackupErr: 'static,
    Req: Clone,
{
    type Stored = Req;
    type Error = BackupErr;
    type Future = Fut;

    fn store(&self, request: &Req) -> Req {
        request.clone()
    }

    fn answer(self, request: Req, failed: PrimaryFailure<'_, Res, Err>) -> Fut {
        (self.0)(request, failed)
    }
}

impl<F> fmt::Debug for WithRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithRequest(..)")
    }
}
