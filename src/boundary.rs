//! A boundary for what the layers tell each other: [`BoundaryLayer`], [`boundary`].
//!
//! The layers of this crate write a note beside a result, which the next one around reads: the attempts made, why a retry stopped, which
//! fallback answered (see [`How`](crate::How)). Within one stack that is right. A handler that calls through a stack of its own, and comes to
//! an answer of its own in the same poll, may be taken for that stack: the outer layers then report its attempts and its cause. Put a
//! boundary around the handler, and nothing is noted of what it returns.
//!
//! ```
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{RetryConfig, RetryLayer, answered::AnsweredLayer, boundary::BoundaryLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let handler = service_fn(|_: ()| async {
//!     let client = RetryLayer::new(RetryConfig::default().idempotent().retries(2));
//!     let _ = client.run(|_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) }).await;
//!     Err::<(), _>(io::Error::other("for a reason of its own"))
//! });
//! let mut service = ServiceBuilder::new().layer(AnsweredLayer).layer(BoundaryLayer).service(handler);
//!
//! let failed = service.ready().await.unwrap().call(()).await.unwrap_err();
//! assert_eq!((failed.how.attempts(), failed.how.cause()), (1, None));
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! What the result itself says goes through: an error with a breaker's rejection in its source chain is still a rejection, and so is a
//! response that carries its mark ([the list](crate::classify#rejections)).
//!
//! # When not to use it
//!
//! Between the layers of one stack: they would know less of each other.
//!
//! # Cancel safety
//!
//! Dropped, the call within is dropped.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::call_context::result_note;

/// Keeps from the layers around what the layers within have noted about a result. See the [module](self).
#[derive(Debug, Clone, Copy, Default)]
pub struct BoundaryLayer;

/// A service within a boundary. Made by [`BoundaryLayer`].
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

/// The same around a future: a part of a handler, say.
pub fn boundary<F: Future>(future: F) -> BoundaryFuture<F> {
    BoundaryFuture { future }
}

/// [`boundary`] around a function that blocks.
pub fn boundary_blocking<T>(function: impl FnOnce() -> T) -> T {
    let returned = function();
    result_note::reset();
    returned
}

pin_project! {
    /// The future of [`boundary`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BoundaryFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for BoundaryFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.project().future.poll(cx);
        result_note::reset();
        polled
    }
}
