use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response};
use ::http_body::Body;
use bytes::Bytes;
use tower_layer::Layer;
use tower_service::Service;

use super::{ClassifyEvent, EventMeaning, FirstEventBody, ServerEvent, future::ResponseFuture, settings::Settings};
use crate::http::message_body::{expects_body, is_upgrade};

/// Waits for the first event of an event stream. See the [module](super).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`classify`](Self::classify) | [`EventMeaning::of`]: every event is an answer, except keep-alive events | only your code knows which events report a failure |
/// | [`max_bytes`](Self::max_bytes) | 64 KiB | it bounds the memory of a response. A first event is usually shorter |
/// | [`max_wait`](Self::max_wait) | 30 s | a stream may be silent for long without a fault. Set the time limit of an attempt for a stream that must begin soon |
/// | [`fail_if_empty`](Self::fail_if_empty) | off | a stream without events can be a valid answer |
#[derive(Clone, Copy)]
pub struct FirstEventLayer<F = ClassifyEvent> {
    settings: Settings<F>,
}

impl FirstEventLayer {
    /// Makes the layer with its defaults.
    pub fn new() -> Self {
        let settings = Settings {
            classify: EventMeaning::of as ClassifyEvent,
            max_bytes: 64 << 10,
            max_wait: Duration::from_secs(30),
            fail_if_empty: false,
        };
        Self { settings }
    }
}

impl Default for FirstEventLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> FirstEventLayer<F> {
    /// Sets what events mean. The function is called for each event until one isn't a keep-alive.
    /// It must be fast, because it runs while the response is polled.
    pub fn classify<New>(self, classify: New) -> FirstEventLayer<New>
    where
        New: Fn(&ServerEvent<'_>) -> EventMeaning,
    {
        let Settings { max_bytes, max_wait, fail_if_empty, .. } = self.settings;
        FirstEventLayer { settings: Settings { classify, max_bytes, max_wait, fail_if_empty } }
    }

    /// Sets how many bytes are searched for the first event. After that, the response is returned
    /// and counts as a success.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.settings.max_bytes = max_bytes;
        self
    }

    /// Sets how long the layer waits for the first event after the head. After that, the response
    /// is returned and counts as a success.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// Makes a stream that ends without an event a failure.
    pub fn fail_if_empty(mut self) -> Self {
        self.settings.fail_if_empty = true;
        self
    }
}

impl<F> fmt::Debug for FirstEventLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstEventLayer")
            .field("max_bytes", &self.settings.max_bytes)
            .field("max_wait", &self.settings.max_wait)
            .field("fail_if_empty", &self.settings.fail_if_empty)
            .finish_non_exhaustive()
    }
}

impl<S, F: Clone> Layer<S> for FirstEventLayer<F> {
    type Service = FirstEvent<S, F>;

    fn layer(&self, inner: S) -> FirstEvent<S, F> {
        FirstEvent { inner, settings: self.settings.clone() }
    }
}

/// Returns each event stream together with its first event. Made by [`FirstEventLayer`].
#[derive(Clone)]
pub struct FirstEvent<S, F = ClassifyEvent> {
    inner: S,
    settings: Settings<F>,
}

impl<S, F> FirstEvent<S, F> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FirstEvent<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstEvent").field("inner", &self.inner).finish_non_exhaustive()
    }
}

crate::service::call_methods!(FirstEvent<S, F>);

impl<S, F, ReqBody, ResBody> Service<Request<ReqBody>> for FirstEvent<S, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes> + Unpin,
    ResBody::Error: 'static,
    F: Fn(&ServerEvent<'_>) -> EventMeaning + Clone,
{
    type Response = Response<FirstEventBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let expects_body = !is_upgrade(&request) && expects_body(&request);
        ResponseFuture::new(self.inner.call(request), expects_body, self.settings.clone())
    }
}
