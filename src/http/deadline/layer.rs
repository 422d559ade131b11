use std::{
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Deadline, GatewayTimeout, future::ResponseFuture};
use crate::{
    Elapsed,
    retry::{TimeoutOutcome, TimeoutWith},
    time::Instant,
};

/// Sets and enforces the deadline of each request. See the [module](super).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`on_timeout`](Self::on_timeout) | [`GatewayTimeout`]: a 504 | it works for every error type |
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer<Timeout = GatewayTimeout> {
    change: Change,
    timeout: Timeout,
}

/// What the layer does with the deadline of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// Lowers it to this long from now, or sets it.
    Limit(Duration),
    /// Moves it earlier by this long.
    Reserve(Duration),
}

impl DeadlineLayer {
    /// Limits each call to this long from its start. A request that has an earlier [`Deadline`]
    /// keeps it. The limit counts from the call, so a `limit` of zero answers every call that isn't
    /// ready at its first poll with a 504.
    pub fn new(limit: Duration) -> Self {
        Self { change: Change::Limit(limit), timeout: GatewayTimeout }
    }

    /// Ends each call this long before the [`Deadline`] of the request, so that a fallback around
    /// this layer has time to answer. A call keeps at least half of the time that it has left. A
    /// request without a deadline isn't limited.
    pub fn reserve(time: Duration) -> Self {
        Self { change: Change::Reserve(time), timeout: GatewayTimeout }
    }
}

impl<Timeout> DeadlineLayer<Timeout> {
    /// Sets the function that makes the outcome of a call that has reached its deadline: an error,
    /// or a response.
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use http::Response;
    /// use tower_recourse::{Elapsed, http::DeadlineLayer};
    ///
    /// let layer = DeadlineLayer::new(Duration::from_secs(10))
    ///     .on_timeout(|elapsed: Elapsed| Err::<Response<String>, _>(io::Error::from(elapsed)));
    /// # let _ = layer;
    /// ```
    pub fn on_timeout<F, Res, Err>(self, on_timeout: F) -> DeadlineLayer<TimeoutWith<F>>
    where
        F: Fn(Elapsed) -> Result<Res, Err>,
    {
        self.timeout_outcome(TimeoutWith(on_timeout))
    }

    /// Sets the [`TimeoutOutcome`] of a call that has reached its deadline.
    pub fn timeout_outcome<Other>(self, timeout: Other) -> DeadlineLayer<Other> {
        DeadlineLayer { change: self.change, timeout }
    }
}

impl Change {
    /// The deadline of a call that starts now.
    fn apply(self, now: Instant, requested: Option<Deadline>) -> Option<Deadline> {
        match self {
            Self::Limit(limit) => {
                let own = Deadline::from_start(now, limit);
                Some(requested.map_or(own, |requested| requested.min(own)))
            }
            Self::Reserve(time) => requested.map(|requested| {
                let left = requested.at().saturating_duration_since(now);
                Deadline::new(requested.at().checked_sub(time.min(left / 2)).unwrap_or(requested.at()))
            }),
        }
    }
}

impl<S, Timeout: Clone> Layer<S> for DeadlineLayer<Timeout> {
    type Service = DeadlineService<S, Timeout>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, change: self.change, timeout: self.timeout.clone() }
    }
}

/// Sets and enforces deadlines. Made by [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct DeadlineService<S, Timeout = GatewayTimeout> {
    inner: S,
    change: Change,
    timeout: Timeout,
}

impl<S, Timeout> DeadlineService<S, Timeout> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(DeadlineService<S, Timeout>);

impl<S, Timeout, ReqBody, ResBody> Service<Request<ReqBody>> for DeadlineService<S, Timeout>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    Timeout: TimeoutOutcome<Response<ResBody>, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Timeout, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let now = Instant::now();
        let Some(deadline) = self.change.apply(now, request.extensions().get().copied()) else {
            return ResponseFuture::unlimited(self.inner.call(request), self.timeout.clone());
        };
        if deadline.at() < now {
            return match self.timeout.outcome(Elapsed::request(Duration::ZERO)) {
                Some(outcome) => ResponseFuture::expired(outcome, self.timeout.clone()),
                None => ResponseFuture::unlimited(self.inner.call(request), self.timeout.clone()),
            };
        }
        request.extensions_mut().insert(deadline);
        let inner = &mut self.inner;
        ResponseFuture::limited(|| inner.call(request), now, deadline, self.timeout.clone())
    }
}
