//! The future of [`Breaker`](super::Breaker), and of others that call through a circuit.

use std::{
    future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    call::PanicGuard,
    rejection::{OnRejection, Rejection},
};
use crate::{Classifier, call_context::result_note, readiness::Readiness, seldom::Seldom};

pub use super::call::{AtOnce, CallState, Ends, RejectState};

pin_project! {
    /// One call through a circuit.
    ///
    /// `F` is the service's future, `J` what judges it, `R` what answers a rejection. There are no bounds on them, on
    /// purpose: a spawned task holds this future, and the compiler can't prove bounds there for types with a lifetime in them,
    /// such as a boxed error.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it gives its permit back; the call counts as neither a success nor a failure, or as a
    /// failure if a retry around it dropped it because its time was over.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, J, R> {
        #[pin]
        call: Call<F, R>,
        // `None` for a call that was rejected, and for one that has been judged.
        state: Option<J>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F, R> {
        Running { #[pin] future: F },
        // Until it is answered.
        NotCalled { why: Seldom<NotCalled<R>> },
    }
}

/// Why a call wasn't made.
enum NotCalled<R> {
    /// The service wasn't ready.
    Unready(Readiness),
    Rejected(Rejection, R),
}

pub(crate) type Future<S, C, R, Req, E> = ResponseFuture<
    <S as Service<Req>>::Future,
    CallState<C, <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo, Req, E>,
    RejectState<R, C>,
>;

const DONE: &str = "polled after completion";

impl<F, C, M, R, Req, E> ResponseFuture<F, CallState<C, M, Req, E>, R> {
    pub(super) fn running(state: CallState<C, M, Req, E>, future: F) -> Self {
        Self { call: Call::Running { future }, state: Some(state.parked()) }
    }

    pub(super) fn unready(state: CallState<C, M, Req, E>, readiness: Readiness) -> Self {
        Self { call: Call::NotCalled { why: Some(NotCalled::Unready(readiness)).into() }, state: Some(state.parked()) }
    }
}

impl<F, C, M, R, Req, E> ResponseFuture<F, CallState<C, M, Req, E>, RejectState<R, C>> {
    pub(super) fn rejected(rejection: Rejection, on_rejection: R, classifier: C) -> Self {
        let why = NotCalled::Rejected(rejection, RejectState::new(on_rejection, classifier));
        Self { call: Call::NotCalled { why: Some(why).into() }, state: None }
    }
}

impl<F, C, R, Req, E, Res, Err> future::Future for ResponseFuture<F, CallState<C, C::Memo, Req, E>, RejectState<R, C>>
where
    F: future::Future<Output = Result<Res, Err>>,
    C: Classifier<Req, Res, Err>,
    R: OnRejection<Res, Err>,
    E: Ends<Res>,
    Err: 'static,
{
    type Output = Result<E::Answer, R::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match (this.call.project(), this.state) {
            (CallProj::Running { future }, Some(state)) if !state.is_done() => {
                let guard = PanicGuard::new(state);
                let (polled, note) = result_note::poll(future, cx);
                guard.disarm();
                // Where it is, until it is known to be a response: to take an outcome out of its poll is to move it.
                match polled {
                    Poll::Ready(Ok(response)) if note.is_empty() && !state.is_rejection::<_, Err>(&response) => {
                        Poll::Ready(Ok(state.complete_response::<_, Err>(response)))
                    }
                    Poll::Ready(result) => Poll::Ready(state.complete::<R, _, _>(result, note)),
                    Poll::Pending => Poll::Pending,
                }
            }
            (CallProj::NotCalled { why }, state) => match (why.take(), state) {
                (Some(NotCalled::Rejected(rejection, reject_state)), _) => {
                    Poll::Ready(reject_state.reject::<E, _, _, _>(rejection))
                }
                (Some(NotCalled::Unready(readiness)), Some(state)) => {
                    Poll::Ready(state.complete_unready::<R, _, _>(readiness))
                }
                _ => panic!("{DONE}"),
            },
            _ => panic!("{DONE}"),
        }
    }
}
