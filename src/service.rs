//! How to call the services of this crate: `ready`, `call` and `oneshot`.
//!
//! Every service of this crate has these three methods, so neither [`Service`] nor
//! `tower::ServiceExt` has to be imported to call it:
//!
//! ```
//! use std::io;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{RetryConfig, RetryLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> io::Result<()> {
//! let mut service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
//!     .service(service_fn(|id: u32| async move { Ok::<_, io::Error>(format!("item {id}")) }));
//!
//! // Several calls on one instance.
//! assert_eq!(service.ready().await?.call(7).await?, "item 7");
//! assert_eq!(service.ready().await?.call(8).await?, "item 8");
//!
//! // One call on a clone.
//! assert_eq!(service.clone().oneshot(9).await?, "item 9");
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! | method | use it for | errors |
//! |---|---|---|
//! | `ready` | waits until the service is ready, and returns `&mut` to it | the readiness error of the service |
//! | `call` | starts the call; the service must be ready | those of the service |
//! | `oneshot` | both, for one request, on a service that it consumes | both |
//!
//! They do the same as the methods of [`Service`] and `ServiceExt`, with two differences:
//!
//! - If the stack doesn't fit the service, the compiler gives the reason at the call: for example,
//!   that the request isn't `Clone`. For a method of `ServiceExt`, it reports only that "trait
//!   bounds were not satisfied".
//! - The types [`Ready`] and [`Oneshot`] have no bounds. So `oneshot` also compiles in spawned
//!   tasks and axum handlers if an error type of the stack contains a lifetime, as a boxed error
//!   does.
//!
//! An import of `ServiceExt` that was only needed for such calls is now reported as unused. Generic
//! functions over `S: Service<Req>` still need it.
//!
//! # When not to use it
//!
//! The methods belong to the services of this crate. If the outermost layer of a stack is one of
//! tower's, such as `map_err` or `boxed_clone_sync`, import `ServiceExt`. The same holds for a
//! stack that a function returns as `impl Service<…>`, because its type is hidden. To get the
//! compiler's reason there, let `ServiceBuilder` check the stack. It needs the type of the inner
//! service. The reason appears at `check_service`:
//!
//! ```
//! use std::{future::{Ready, ready}, io};
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn, util::ServiceFn};
//! use tower_recourse::{RetryConfig, RetryLayer};
//!
//! type Client = ServiceFn<fn(u32) -> Ready<io::Result<String>>>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let client: Client = service_fn(|id| ready(Ok(format!("item {id}"))));
//! let mut service = ServiceBuilder::new()
//!     .map_err(BoxError::from)
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
//!     .check_service::<Client, u32, String, BoxError>() // inner service, request, response, error
//!     .service(client);
//! assert_eq!(service.ready().await?.call(7).await?, "item 7");
//! # Ok(())
//! # }
//! ```
//!
//! If the inner service has no name, pass the stack to a function with the bound `S: Service<Req>`.
//!
//! # Cancel safety
//!
//! [`Ready`] and [`Oneshot`] can be dropped at any point. A drop before the call sends nothing. A
//! drop after it drops the future of the call; see the page of the layer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_service::Service;

const POLLED_AFTER_COMPLETION: &str = "polled after completion";

/// Waits until a service is ready. Returned by `ready`; see the [module](self).
///
/// Dropping it has no effect on the service, which may remain ready.
#[must_use = "futures do nothing unless polled"]
pub struct Ready<'a, S, Err> {
    service: Option<&'a mut S>,
    // A pointer in place of the bound `S: Service<Req>`. With the bound, the compiler would report
    // each unsatisfied condition of the service twice: for `ready`, and for its `await`.
    poll_ready: PollReady<S, Err>,
}

type PollReady<S, Err> = fn(&mut S, &mut Context<'_>) -> Poll<Result<(), Err>>;

impl<'a, S, Err> Ready<'a, S, Err> {
    pub(crate) fn new(service: &'a mut S, poll_ready: PollReady<S, Err>) -> Self {
        Self { service: Some(service), poll_ready }
    }
}

impl<'a, S, Err> Future for Ready<'a, S, Err> {
    type Output = Result<&'a mut S, Err>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let service = self.service.take().expect(POLLED_AFTER_COMPLETION);
        match (self.poll_ready)(service, cx) {
            Poll::Ready(result) => Poll::Ready(result.map(|()| service)),
            Poll::Pending => {
                self.service = Some(service);
                Poll::Pending
            }
        }
    }
}

impl<S, Err> fmt::Debug for Ready<'_, S, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

pin_project! {
    /// Waits until a service is ready, and calls it once. Returned by `oneshot`; see the
    /// [module](self).
    ///
    /// `Fut` is the future of the service. The service is dropped when the call has started. The
    /// future is `Sync`, even if its parts aren't.
    // The type has neither bounds nor projections: the compiler can't prove them in a spawned task
    // for types that contain a lifetime, such as a boxed error (`tests/stack/spawned.rs`).
    #[must_use = "futures do nothing unless polled"]
    pub struct Oneshot<S, Fut, Req> {
        #[pin]
        step: SyncWrapper<Step<S, Fut, Req>>,
    }
}

pin_project! {
    #[project = StepProj]
    #[project_replace = StepOwned]
    enum Step<S, Fut, Req> {
        Readying { service: S, request: Req },
        Calling { #[pin] call: Fut },
        Done,
    }
}

impl<S, Fut, Req> Oneshot<S, Fut, Req> {
    pub(crate) fn new(service: S, request: Req) -> Self {
        Self { step: SyncWrapper::new(Step::Readying { service, request }) }
    }
}

impl<S, Req> Future for Oneshot<S, S::Future, Req>
where
    S: Service<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step.get_pin_mut();
        if let StepProj::Readying { service, .. } = step.as_mut().project() {
            let is_ready = ready!(service.poll_ready(cx));
            let StepOwned::Readying { mut service, request } = step.as_mut().project_replace(Step::Done) else {
                unreachable!("only this method changes the step")
            };
            is_ready?;
            step.set(Step::Calling { call: service.call(request) });
        }
        match step.project() {
            StepProj::Calling { call } => call.poll(cx),
            _ => panic!("{POLLED_AFTER_COMPLETION}"),
        }
    }
}

impl<S, Fut, Req> fmt::Debug for Oneshot<S, Fut, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneshot").finish_non_exhaustive()
    }
}

/// Adds the methods `ready`, `call` and `oneshot` to a service.
macro_rules! call_methods {
    ($service:ident<$($generic:ident),+>) => {
        /// The calls of this service. See the module [`service`](crate::service).
        impl<$($generic),+> $service<$($generic),+> {
            /// Waits until the service is ready. Call the instance that was ready.
            ///
            /// # Errors
            ///
            /// The readiness error of the service.
            #[inline]
            pub fn ready<Req, Err>(&mut self) -> crate::service::Ready<'_, Self, Err>
            where
                Self: tower_service::Service<Req, Error = Err>,
            {
                crate::service::Ready::new(self, <Self as tower_service::Service<Req>>::poll_ready)
            }

            /// Starts a call. The service must be ready. A service that isn't ready may panic, as
            /// tower's [`Service`](tower_service::Service) says.
            #[inline(always)]
            pub fn call<Req, Fut>(&mut self, request: Req) -> Fut
            where
                Self: tower_service::Service<Req, Future = Fut>,
            {
                tower_service::Service::call(self, request)
            }

            /// Waits until the service is ready, and calls it once.
            ///
            /// # Errors
            ///
            /// The errors of the service.
            ///
            /// # Cancel safety
            ///
            /// The future can be dropped at any point. A drop before the call sends nothing.
            #[inline]
            pub fn oneshot<Req, Fut>(self, request: Req) -> crate::service::Oneshot<Self, Fut, Req>
            where
                Self: tower_service::Service<Req, Future = Fut>,
            {
                crate::service::Oneshot::new(self, request)
            }
        }
    };
}

pub(crate) use call_methods;
