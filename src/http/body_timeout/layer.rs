use std::{
    error::Error,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{TimeoutBody, future::ResponseFuture, limits::Limits};
use crate::InvalidConfig;

/// Limits the time that response bodies may take. See the [module](super).
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::http::BodyTimeoutLayer;
///
/// let layer = BodyTimeoutLayer::new().idle(Duration::from_secs(5))?.total(Duration::from_secs(60))?;
/// # let _ = layer;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyTimeoutLayer {
    limits: Limits,
}

impl BodyTimeoutLayer {
    /// Makes a layer without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest wait for a frame, including the first. By default there is no limit. The
    /// time starts with the first poll that returns `Pending`. It continues while the consumer
    /// doesn't poll.
    ///
    /// # Errors
    ///
    /// If `limit` is zero.
    pub fn idle(mut self, limit: Duration) -> Result<Self, InvalidConfig> {
        self.limits.idle = Some(positive("idle", limit)?);
        Ok(self)
    }

    /// Sets the longest time from the response's head to the end of its body. By default there is
    /// no limit.
    ///
    /// # Errors
    ///
    /// If `limit` is zero.
    pub fn total(mut self, limit: Duration) -> Result<Self, InvalidConfig> {
        self.limits.total = Some(positive("total", limit)?);
        Ok(self)
    }
}

fn positive(field: &'static str, limit: Duration) -> Result<Duration, InvalidConfig> {
    if limit.is_zero() { Err(InvalidConfig::new(field, limit, "more than 0")) } else { Ok(limit) }
}

impl<S> Layer<S> for BodyTimeoutLayer {
    type Service = BodyTimeout<S>;

    fn layer(&self, inner: S) -> BodyTimeout<S> {
        BodyTimeout { inner, limits: self.limits }
    }
}

/// Adds time limits to response bodies. Made by [`BodyTimeoutLayer`].
#[derive(Debug, Clone)]
pub struct BodyTimeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> BodyTimeout<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(BodyTimeout<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for BodyTimeout<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<TimeoutBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), self.limits)
    }
}
