//! The future of [`Breaker`](super::Breaker).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{BreakerError, Permit, Rejection};
use crate::{Classifier, told};

pin_project! {
    /// One call through a circuit.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it gives its permit back; the call counts as neither a success nor a failure, or as a
    /// failure if a retry around it dropped it because its time was over.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, Req>
    where
        S: Service<Req>,
        C: Classifier<Req, S::Response, S::Error>,
    {
        #[pin]
        call: Call<S::Future, S::Error>,
        // `None` for a call that was rejected, and for one that has ended.
        judge: Option<Judge<C, C::Memo>>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F, E> {
        Running { #[pin] future: F },
        // The service wasn't ready, with this error.
        Unready { error: Option<E> },
        Rejected { rejection: Option<Rejection> },
    }
}

/// What it takes to end the call.
pub(super) struct Judge<C, M> {
    pub(super) permit: Permit,
    pub(super) classifier: C,
    pub(super) memo: M,
}

const DONE: &str = "polled after completion";

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error>,
{
    pub(super) fn running(judge: Judge<C, C::Memo>, future: S::Future) -> Self {
        Self { call: Call::Running { future }, judge: Some(judge.parked()) }
    }

    pub(super) fn unready(judge: Judge<C, C::Memo>, error: S::Error) -> Self {
        Self { call: Call::Unready { error: Some(error) }, judge: Some(judge.parked()) }
    }

    pub(super) fn rejected(rejection: Rejection) -> Self {
        Self { call: Call::Rejected { rejection: Some(rejection) }, judge: None }
    }
}

impl<S, C, Req> Future for ResponseFuture<S, C, Req>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, BreakerError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        told::clear();
        let (judge, result) = match this.call.project() {
            CallProj::Running { future } => {
                // On the stack while the service works: if it panics, the permit sees it.
                let mut judge = this.judge.take().expect(DONE);
                judge.permit.blame(true);
                match future.poll(cx) {
                    Poll::Ready(result) => (judge, result),
                    Poll::Pending => {
                        *this.judge = Some(judge.parked());
                        return Poll::Pending;
                    }
                }
            }
            CallProj::Unready { error } => {
                let mut judge = this.judge.take().expect(DONE);
                judge.permit.blame(true);
                (judge, Err(error.take().expect(DONE)))
            }
            CallProj::Rejected { rejection } => {
                let rejection = rejection.take().expect(DONE);
                told::say(rejection.cause());
                return Poll::Ready(Err(BreakerError::Rejected(rejection)));
            }
        };
        judge.end(&result);
        Poll::Ready(result.map_err(BreakerError::Inner))
    }
}

impl<C, M> Judge<C, M> {
    /// Between two polls, a panic of the thread is somebody else's.
    fn parked(mut self) -> Self {
        self.permit.blame(false);
        self
    }

    pub(super) fn end<Req, Res, Err>(self, result: &Result<Res, Err>)
    where
        C: Classifier<Req, Res, Err, Memo = M>,
    {
        let cause = told::take(result);
        match cause {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            Some(cause) if cause.is_rejection() => self.permit.neutral(),
            _ => {
                let verdict = self.classifier.classify(&self.memo, result.as_ref());
                self.permit.end(verdict);
            }
        }
        // Whoever is further out hears it too.
        told::pass_on(result, cause);
    }
}
