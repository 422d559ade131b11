//! A boundary between stacks of this crate's layers: [`BoundaryLayer`], [`boundary`].
//!
//! The layers of this crate attach a report to each result (a [`CallReport`](crate::CallReport):
//! the attempts made, why a retry stopped, which fallback answered), which the next layer out
//! reads. Within one stack that is what you want. But a handler can call a stack of its own, and
//! then return a result of its own in the same poll. The layers around the handler would take the
//! inner stack's report for a report on the handler's result. Wrap such a handler in a boundary: it
//! removes the report.
//!
//! ```
//! use std::io;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{Cause, RetryConfig, RetryLayer, report::ReportLayer, boundary::BoundaryLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let handler = service_fn(|_: ()| async {
//!     let client = RetryLayer::new(RetryConfig::default().idempotent().retries(2));
//!     let _ = client.run(|_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) }).await;
//!     Err::<(), _>(io::Error::other("for a reason of its own"))
//! });
//! let mut service = ServiceBuilder::new().layer(ReportLayer).layer(BoundaryLayer).service(handler);
//!
//! let failed = service.ready().await.unwrap().call(()).await.unwrap_err();
//! assert_eq!((failed.report.attempts(), failed.report.cause()), (1, Some(Cause::Failure)));
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! The boundary doesn't change the result. An error with a breaker's rejection in its source chain
//! is still a rejection. So is a response that a breaker has marked as one ([the
//! list](crate::classify#rejections)).
//!
//! # When not to use it
//!
//! Don't use it between the layers of one stack: the outer layers would lose the reports of the
//! inner layers.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

use crate::call_context::result_note;

/// Removes the report that inner layers have attached to a result. See the [module](self).
#[derive(Debug, Clone, Copy, Default)]
pub struct BoundaryLayer;

/// A service inside a boundary. Made by [`BoundaryLayer`].
#[derive(Debug, Clone)]
pub struct Boundary<S> {
    inner: S,
}

impl<S> Layer<S> for BoundaryLayer {
    type Service = Boundary<S>;

    fn layer(&self, inner: S) -> Boundary<S> {
        Boundary { inner }
    }
}

crate::service::call_methods!(Boundary<S>);

impl<S: Service<Req>, Req> Service<Req> for Boundary<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoundaryFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        boundary(self.inner.call(request))
    }
}

/// Wraps a future in a boundary, for example a part of a handler.
pub fn boundary<Fut: Future>(future: Fut) -> BoundaryFuture<Fut> {
    BoundaryFuture { future: SyncWrapper::new(future) }
}

/// Runs a blocking function inside a boundary.
pub fn boundary_blocking<T>(function: impl FnOnce() -> T) -> T {
    let returned = function();
    result_note::reset();
    returned
}

pin_project! {
    /// The future of [`boundary`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BoundaryFuture<Fut> {
        #[pin]
        future: SyncWrapper<Fut>,
    }
}

impl<Fut: Future> Future for BoundaryFuture<Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let polled = self.project().future.get_pin_mut().poll(cx);
        result_note::reset();
        polled
    }
}
