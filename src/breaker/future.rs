//! The future of [`Breaker`](super::Breaker).

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{OnRejection, Permit, Rejection};
use crate::{Classifier, How, readiness::Readiness, told};

pin_project! {
    /// One call through a circuit.
    ///
    /// `F` is the service's future, `J` what judges it, `R` what is done about a rejection. There are no bounds on them, on
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
        // `None` for a call that was rejected, and for one that has ended.
        judge: Option<J>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F, R> {
        Running { #[pin] future: F },
        // The service wasn't ready.
        Unready { readiness: Readiness },
        Rejected { rejection: Option<Rejection>, on_rejection: R },
    }
}

/// What it takes to end the call.
pub struct Judge<C, M, Req> {
    permit: Permit,
    classifier: C,
    memo: M,
    request: PhantomData<fn(Req)>,
}

pub(super) type Future<S, C, R, Req> = ResponseFuture<
    <S as Service<Req>>::Future,
    Judge<C, <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo, Req>,
    R,
>;

const DONE: &str = "polled after completion";

impl<F, C, M, R, Req> ResponseFuture<F, Judge<C, M, Req>, R> {
    pub(super) fn running(judge: Judge<C, M, Req>, future: F) -> Self {
        Self { call: Call::Running { future }, judge: Some(judge.parked()) }
    }

    pub(super) fn unready(judge: Judge<C, M, Req>, readiness: Readiness) -> Self {
        Self { call: Call::Unready { readiness }, judge: Some(judge.parked()) }
    }

    pub(super) fn rejected(rejection: Rejection, on_rejection: R) -> Self {
        Self { call: Call::Rejected { rejection: Some(rejection), on_rejection }, judge: None }
    }
}

impl<F, C, R, Req, Res, Err> future::Future for ResponseFuture<F, Judge<C, C::Memo, Req>, R>
where
    F: future::Future<Output = Result<Res, Err>>,
    C: Classifier<Req, Res, Err>,
    R: OnRejection<Res, Err>,
    Err: 'static,
{
    type Output = Result<Res, R::Error>;

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
            CallProj::Unready { readiness } => {
                let mut judge = this.judge.take().expect(DONE);
                judge.permit.blame(true);
                (judge, Err(readiness.take_error().expect("`poll_ready` and `call` are of one request type")))
            }
            CallProj::Rejected { rejection, on_rejection } => {
                let rejection = rejection.take().expect(DONE);
                let cause = rejection.cause();
                let result = on_rejection.reject(rejection);
                told::pass_on(&result, Some(How::because(cause)));
                return Poll::Ready(result);
            }
        };
        judge.end(&result);
        Poll::Ready(result.map_err(R::pass))
    }
}

impl<C, M, Req> Judge<C, M, Req> {
    pub(super) fn new(permit: Permit, classifier: C, memo: M) -> Self {
        Self { permit, classifier, memo, request: PhantomData }
    }

    /// Between two polls, a panic of the thread is somebody else's.
    fn parked(mut self) -> Self {
        self.permit.blame(false);
        self
    }

    pub(super) fn end<Res, Err>(self, result: &Result<Res, Err>)
    where
        C: Classifier<Req, Res, Err, Memo = M>,
    {
        let said = told::take(result);
        match said {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            Some(how) if how.rejection().is_some() => self.permit.neutral(),
            _ => {
                let verdict = self.classifier.classify(&self.memo, result.as_ref());
                self.permit.end(verdict);
            }
        }
        // Whoever is further out hears it too.
        told::pass_on(result, said);
    }
}
