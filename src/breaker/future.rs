//! The futures of breakers.

use std::{
    future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_service::Service;

use super::{
    call::{CallState, PanicGuard, RejectState},
    rejection::{OnRejection, Rejection},
};
use crate::{Classifier, call_context::result_note, cold_option::ColdOption, readiness::Readiness};

pub use super::call::{CallCompletion, OnResponse};

pin_project! {
    /// The future of one call through a circuit.
    ///
    /// `Fut` is the future of the inner service. `State` and `Reject` are private: they classify
    /// the outcome, and answer a rejected call. They have no bounds, because a spawned task holds
    /// this future, and the compiler can't prove bounds on types with a lifetime, such as a boxed
    /// error, in a spawned task. The future is `Sync`, even if its parts aren't.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, its permit ends: the call counts as
    /// [`BreakerConfig::on_cancelled`](crate::BreakerConfig::on_cancelled) defines, or as a failure
    /// if a retry further out dropped it because the attempt timed out.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut, State, Reject> {
        #[pin]
        call: SyncWrapper<Call<Fut, Reject>>,
        // `None` for a call that was rejected. A call that has ended keeps its state until the
        // future is dropped.
        state: SyncWrapper<Option<State>>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<Fut, Reject> {
        Running { #[pin] future: Fut },
        // `why` is taken when the caller gets the result.
        NotCalled { why: ColdOption<NotCalled<Reject>> },
    }
}

/// Why the inner service wasn't called.
enum NotCalled<Reject> {
    /// The service wasn't ready.
    Unready(Readiness),
    Rejected(Rejection, Reject),
}

pub(crate) type Future<S, C, Reject, Req, Done> = ResponseFuture<
    <S as Service<Req>>::Future,
    CallState<C, <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo, Req, Done>,
    RejectState<Reject, C>,
>;

const DONE: &str = "polled after completion";

impl<Fut, C, Memo, Reject, Req, Done> ResponseFuture<Fut, CallState<C, Memo, Req, Done>, Reject> {
    pub(super) fn running(state: CallState<C, Memo, Req, Done>, future: Fut) -> Self {
        Self { call: SyncWrapper::new(Call::Running { future }), state: SyncWrapper::new(Some(state.parked())) }
    }

    pub(super) fn unready(state: CallState<C, Memo, Req, Done>, readiness: Readiness) -> Self {
        let call = Call::NotCalled { why: Some(NotCalled::Unready(readiness)).into() };
        Self { call: SyncWrapper::new(call), state: SyncWrapper::new(Some(state.parked())) }
    }
}

impl<Fut, C, Memo, Reject, Req, Done> ResponseFuture<Fut, CallState<C, Memo, Req, Done>, RejectState<Reject, C>> {
    pub(super) fn rejected(rejection: Rejection, on_rejection: Reject, classifier: C) -> Self {
        let why = NotCalled::Rejected(rejection, RejectState::new(on_rejection, classifier));
        Self { call: SyncWrapper::new(Call::NotCalled { why: Some(why).into() }), state: SyncWrapper::new(None) }
    }
}

impl<Fut, C, Reject, Req, Done, Res, Err> future::Future
    for ResponseFuture<Fut, CallState<C, C::Memo, Req, Done>, RejectState<Reject, C>>
where
    Fut: future::Future<Output = Result<Res, Err>>,
    C: Classifier<Req, Res, Err>,
    Reject: OnRejection<Res, Err>,
    Done: CallCompletion<Res>,
    Err: 'static,
{
    type Output = Result<Done::Response, Reject::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match (this.call.get_pin_mut().project(), this.state.get_mut()) {
            (CallProj::Running { future }, Some(state)) if !state.is_done() => {
                let guard = PanicGuard::new(state);
                let (polled, note) = result_note::poll(future, cx);
                guard.disarm();
                // Matched in place: moving the outcome out of its `Poll` would copy it.
                match polled {
                    Poll::Ready(Ok(response)) if note.is_empty() && !state.is_rejection::<_, Err>(&response) => {
                        match state.complete_success::<_, Err>(response) {
                            Ok(response) => Poll::Ready(Ok(response)),
                            Err((response, verdict)) => {
                                Poll::Ready(state.complete_response::<Reject, _, _>(response, verdict))
                            }
                        }
                    }
                    Poll::Ready(result) => Poll::Ready(state.complete::<Reject, _, _>(result, note)),
                    Poll::Pending => Poll::Pending,
                }
            }
            (CallProj::NotCalled { why }, state) => match (why.take(), state) {
                (Some(NotCalled::Rejected(rejection, reject_state)), _) => {
                    Poll::Ready(reject_state.reject::<Done, _, _, _>(rejection))
                }
                (Some(NotCalled::Unready(readiness)), Some(state)) => {
                    Poll::Ready(state.complete_unready::<Reject, _, _>(readiness))
                }
                _ => panic!("{DONE}"),
            },
            _ => panic!("{DONE}"),
        }
    }
}
