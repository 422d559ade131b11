//! The future of [`BodyBreaker`](super::BodyBreaker).

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use ::http::{Response, StatusCode};
use ::http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::JudgedBody;
use crate::{
    Classifier, How, Rejection,
    breaker::{OnRejection, Permit},
    readiness::Readiness,
    told,
};

pin_project! {
    /// One call through a circuit, until its head is there. The body goes on from there.
    ///
    /// `F` is the service's future, `J` what judges its head, `R` what is done about a rejection.
    ///
    /// # Cancel safety
    ///
    /// As of the [breaker's](crate::breaker::future::ResponseFuture).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, J, R> {
        #[pin]
        call: Call<F, R>,
        // `None` for a call that was rejected, and for one whose head is there.
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

/// What it takes to judge the head.
pub struct Judge<C, M, Req> {
    permit: Permit,
    classifier: C,
    memo: M,
    /// The request was for a head alone.
    head_only: bool,
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

impl<F, C, R, Req, B, Err> future::Future for ResponseFuture<F, Judge<C, C::Memo, Req>, R>
where
    F: future::Future<Output = Result<Response<B>, Err>>,
    C: Classifier<Req, Response<B>, Err>,
    R: OnRejection<Response<B>, Err>,
    B: Body,
    Err: 'static,
{
    type Output = Result<Response<JudgedBody<B>>, R::Error>;

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
                let result = on_rejection.reject(rejection).map(|response| JudgedBody::of(response, None));
                told::pass_on(&result, Some(How::because(cause)));
                return Poll::Ready(result);
            }
        };
        let said = told::take(&result);
        let permit = judge.judge(&result, said);
        let result = result.map(|response| JudgedBody::of(response, permit));
        // Whoever is further out hears it too.
        told::pass_on(&result, said);
        Poll::Ready(result.map_err(R::pass))
    }
}

impl<C, M, Req> Judge<C, M, Req> {
    pub(super) fn new(permit: Permit, classifier: C, memo: M, head_only: bool) -> Self {
        Self { permit, classifier, memo, head_only, request: PhantomData }
    }

    /// Between two polls, a panic of the thread is somebody else's.
    fn parked(mut self) -> Self {
        self.permit.blame(false);
        self
    }

    /// The permit, if the head was good and a body follows; otherwise it has ended.
    fn judge<B, Err>(self, result: &Result<Response<B>, Err>, said: Option<How>) -> Option<Permit>
    where
        C: Classifier<Req, Response<B>, Err, Memo = M>,
    {
        if said.is_some_and(|how| how.rejection().is_some()) {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            self.permit.neutral();
            return None;
        }
        let verdict = self.classifier.classify(&self.memo, result.as_ref());
        match result {
            Ok(response) if verdict.is_success() && !self.head_only && has_body(response.status()) => {
                Some(self.parked().permit)
            }
            _ => {
                self.permit.end(verdict);
                None
            }
        }
    }
}

/// Servers don't read the body of an answer that has none (RFC 9110, 6.4.1).
fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
