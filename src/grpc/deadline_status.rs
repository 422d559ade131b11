use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::{Request, Response};
use ::http_body::Body;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

use super::{Code, DeadlineExceeded, response_state::ResponseState, transport_error::TransportError};
use crate::{
    Elapsed,
    call_context::result_note,
    http::{Deadline, inner_call::poll_inner},
    retry::TimeoutOutcome,
    time::Instant,
};

/// `grpc-timeout` is rounded down, so the server's time may be over a little earlier.
const TOLERANCE: Duration = Duration::from_millis(1);

/// Turns CANCELLED at the deadline of an attempt into DEADLINE_EXCEEDED.
///
/// The server and tonic's channel enforce the `grpc-timeout` of a call, too. When the time is over,
/// they race with the timer of the retry. Servers of tonic then answer CANCELLED, and the error of
/// tonic's channel becomes CANCELLED in the client. A breaker doesn't count CANCELLED as a failure.
/// With this layer, the outcome is DEADLINE_EXCEEDED, whichever timer fires first. grpc-go converts
/// a cancelled stream in the same way.
///
/// Put the layer between the breaker and a [`PeekLayer`](super::PeekLayer). The [standard
/// stack](crate::http::standard) contains it.
///
/// The limits of the retry's [`Timeouts`](crate::retry::Timeouts) are deadlines, too. tonic's
/// `Endpoint::timeout` isn't one: a call that it ends stays CANCELLED. To limit attempts, set
/// `Timeouts::attempt(…).timeout_outcome(DeadlineExceeded)`.
///
/// *When not to use it*: if calls have no deadline. The layer then changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineStatusLayer;

/// Turns CANCELLED at the deadline into DEADLINE_EXCEEDED. Made by [`DeadlineStatusLayer`].
#[derive(Debug, Clone)]
pub struct DeadlineStatus<S> {
    inner: S,
}

impl<S> DeadlineStatus<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Layer<S> for DeadlineStatusLayer {
    type Service = DeadlineStatus<S>;

    fn layer(&self, inner: S) -> DeadlineStatus<S> {
        DeadlineStatus { inner }
    }
}

crate::service::call_methods!(DeadlineStatus<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DeadlineStatus<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: 'static,
    ResBody: Body + Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DeadlineStatusFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let deadline = request.extensions().get().map(Deadline::at);
        DeadlineStatusFuture { call: SyncWrapper::new(self.inner.call(request)), deadline }
    }
}

pin_project! {
    /// The future of [`DeadlineStatus`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call.
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineStatusFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
        deadline: Option<Instant>,
    }
}

impl<Fut, B, Err> Future for DeadlineStatusFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body + Default,
    Err: 'static,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, report) = ready!(poll_inner(this.call.get_pin_mut(), cx));
        let is_over = || this.deadline.is_some_and(|deadline| Instant::now() + TOLERANCE >= deadline);
        if is_cut_off(&result) && is_over() {
            if let Some(outcome) = DeadlineExceeded.outcome(Elapsed::request(Duration::ZERO)) {
                drop(result);
                result_note::forward(&outcome, None);
                return Poll::Ready(outcome);
            }
        }
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}

/// Whether the outcome can be that of a call whose time was over.
fn is_cut_off<B: Body, Err: 'static>(result: &Result<Response<B>, Err>) -> bool {
    let code = match result.as_ref().map(ResponseState::of) {
        Ok(ResponseState::Started) => return false,
        Ok(ResponseState::Status(status)) => return status.code == Code::Cancelled,
        Ok(ResponseState::Failed(error)) => error.code,
        Err(error) => TransportError::of(error).code,
    };
    matches!(code, Code::Cancelled | Code::DeadlineExceeded)
}
