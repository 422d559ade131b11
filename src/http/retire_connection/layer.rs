use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::{Request, Response, StatusCode};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

use super::ConnectionHandle;
use crate::{
    call_context::{result_note, timeout_scope},
    http::inner_call::poll_inner,
};

/// Retires connections after a timeout or a 421, so that the next attempt uses another one. Put it
/// directly around hyper-util's pooled client. See the [module](super).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`on_timeout`](Self::on_timeout) | on | without it, the next attempt over HTTP/2 uses the same connection |
/// | [`on_cancel`](Self::on_cancel) | off | callers give up for many reasons |
#[derive(Debug, Clone, Copy)]
pub struct RetireConnectionLayer {
    rules: Rules,
}

/// When to retire a connection, other than after a 421.
#[derive(Debug, Clone, Copy)]
struct Rules {
    on_timeout: bool,
    on_cancel: bool,
}

impl RetireConnectionLayer {
    /// Retires connections after a 421 and after a timeout.
    pub fn new() -> Self {
        Self { rules: Rules { on_timeout: true, on_cancel: false } }
    }

    /// Whether a time limit of a retry, a deadline or a body retires the connection.
    pub fn on_timeout(mut self, retire: bool) -> Self {
        self.rules.on_timeout = retire;
        self
    }

    /// Whether a call that its caller drops before the response retires the connection. Set it if
    /// callers drop a call only after their own time limit, such as `tower::timeout`.
    pub fn on_cancel(mut self, retire: bool) -> Self {
        self.rules.on_cancel = retire;
        self
    }
}

impl Default for RetireConnectionLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// Retires connections after a timeout or a 421. Made by [`RetireConnectionLayer`].
#[derive(Debug, Clone)]
pub struct RetireConnection<S> {
    inner: S,
    rules: Rules,
}

impl<S> Layer<S> for RetireConnectionLayer {
    type Service = RetireConnection<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetireConnection { inner, rules: self.rules }
    }
}

crate::service::call_methods!(RetireConnection<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RetireConnection<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetireConnectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let connection = capture_connection(&mut request);
        let call = self.inner.call(request);
        RetireConnectionFuture { call: SyncWrapper::new(call), guard: DropGuard::new(connection, self.rules) }
    }
}

pin_project! {
    /// The future of [`RetireConnection`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetireConnectionFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
        guard: DropGuard,
    }
}

impl<Fut, B, Err> Future for RetireConnectionFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut result, report) = ready!(poll_inner(this.call.get_pin_mut(), cx));
        this.guard.is_pending = false;
        if let Ok(response) = &mut result {
            let handle = &this.guard.handle;
            if response.status() == StatusCode::MISDIRECTED_REQUEST {
                handle.retire();
            }
            response.extensions_mut().insert(handle.clone());
        }
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}

/// Retires the connection if the call is dropped before its response.
struct DropGuard {
    handle: ConnectionHandle,
    /// The attempt of the call in the [`timeout_scope`].
    attempt: u16,
    on_cancel: bool,
    is_pending: bool,
}

impl DropGuard {
    fn new(connection: CaptureConnection, rules: Rules) -> Self {
        let handle = ConnectionHandle::new(connection, rules.on_timeout);
        Self { handle, attempt: timeout_scope::current(), on_cancel: rules.on_cancel, is_pending: true }
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        let retires = if timeout_scope::is_over(self.attempt) { self.handle.on_timeout } else { self.on_cancel };
        if self.is_pending && retires {
            self.handle.retire();
        }
    }
}
