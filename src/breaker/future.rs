//! The future of [`Breaker`](super::Breaker), and of others that call through a circuit.

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{OnRejection, Permit, Rejection};
use crate::{Classifier, How, Verdict, call_context::result_note, readiness::Readiness, seldom::Seldom};

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
        // `None` for a call that was rejected, and for one that has been judged.
        judge: Option<J>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F, R> {
        Running { #[pin] future: F },
        // Until it is answered.
        Uncalled { why: Seldom<Uncalled<R>> },
    }
}

/// Why a call wasn't made.
enum Uncalled<R> {
    /// The service wasn't ready.
    Unready(Readiness),
    Rejected(Rejection, R),
}

/// What it takes to judge the call, and to end it.
pub struct Judge<C, M, Req, E> {
    permit: Permit,
    classifier: C,
    memo: M,
    ends: E,
    request: PhantomData<fn(Req)>,
}

/// When a call ends: with its response, or later, with something of the response that takes the permit along.
pub trait Ends<Res> {
    /// What the caller gets.
    type Answer;

    /// Whether the call goes on beyond this response, which was judged so.
    fn goes_on(&self, response: &Res, verdict: Verdict) -> bool;

    /// What the caller gets for a response, with the permit of a call that goes on.
    fn answer(response: Res, permit: Option<Permit>) -> Self::Answer;
}

/// With its response.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce;

impl<Res> Ends<Res> for AtOnce {
    type Answer = Res;

    fn goes_on(&self, _: &Res, _: Verdict) -> bool {
        false
    }

    fn answer(response: Res, _: Option<Permit>) -> Res {
        response
    }
}

pub(crate) type Future<S, C, R, Req, E> = ResponseFuture<
    <S as Service<Req>>::Future,
    Judge<C, <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo, Req, E>,
    R,
>;

const DONE: &str = "polled after completion";

impl<F, C, M, R, Req, E> ResponseFuture<F, Judge<C, M, Req, E>, R> {
    pub(super) fn running(judge: Judge<C, M, Req, E>, future: F) -> Self {
        Self { call: Call::Running { future }, judge: Some(judge.parked()) }
    }

    pub(super) fn unready(judge: Judge<C, M, Req, E>, readiness: Readiness) -> Self {
        Self { call: Call::Uncalled { why: Some(Uncalled::Unready(readiness)).into() }, judge: Some(judge.parked()) }
    }

    pub(super) fn rejected(rejection: Rejection, on_rejection: R) -> Self {
        Self { call: Call::Uncalled { why: Some(Uncalled::Rejected(rejection, on_rejection)).into() }, judge: None }
    }
}

impl<F, C, R, Req, E, Res, Err> future::Future for ResponseFuture<F, Judge<C, C::Memo, Req, E>, R>
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
        result_note::reset();
        let this = self.project();
        match (this.call.project(), this.judge) {
            (CallProj::Running { future }, Some(judge)) if !judge.has_judged() => {
                let blame = Blame(judge);
                let polled = future.poll(cx);
                blame.lift();
                // Where it is, until it is known to be a response: to take an outcome out of its poll is to move it.
                match polled {
                    Poll::Ready(Ok(response)) if result_note::is_empty() => {
                        Poll::Ready(Ok(judge.settle_response::<_, Err>(response)))
                    }
                    Poll::Ready(result) => Poll::Ready(judge.settle::<R, _, _>(result)),
                    Poll::Pending => Poll::Pending,
                }
            }
            (CallProj::Uncalled { why }, judge) => match (why.take(), judge) {
                (Some(Uncalled::Rejected(rejection, on_rejection)), _) => {
                    let cause = rejection.cause();
                    let result = on_rejection.reject(rejection).map(|response| E::answer(response, None));
                    // Before anything is said, as it is somebody else's code.
                    drop(on_rejection);
                    result_note::annotate(&result, cause);
                    Poll::Ready(result)
                }
                (Some(Uncalled::Unready(readiness)), Some(judge)) => {
                    Poll::Ready(judge.answer_unready::<R, _, _>(readiness))
                }
                _ => panic!("{DONE}"),
            },
            _ => panic!("{DONE}"),
        }
    }
}

/// Held while the service works: if it panics, the permit ends while the thread is panicking, which is a failure. Between two polls, a
/// panic of the thread is somebody else's.
struct Blame<'a, C, M, Req, E>(&'a mut Judge<C, M, Req, E>);

impl<C, M, Req, E> Blame<'_, C, M, Req, E> {
    fn lift(self) {
        std::mem::forget(self);
    }
}

impl<C, M, Req, E> Drop for Blame<'_, C, M, Req, E> {
    #[inline]
    fn drop(&mut self) {
        end_blamed(&mut self.0.permit);
    }
}

#[cold]
fn end_blamed(permit: &mut Permit) {
    let mut permit = permit.take();
    permit.blame(true);
}

impl<C, M, Req, E> Judge<C, M, Req, E> {
    pub(super) fn new(permit: Permit, classifier: C, memo: M, ends: E) -> Self {
        Self { permit, classifier, memo, ends, request: PhantomData }
    }

    /// Between two polls, a panic of the thread is somebody else's.
    fn parked(mut self) -> Self {
        self.permit.blame(false);
        self
    }

    fn has_judged(&self) -> bool {
        self.permit.has_ended()
    }

    /// Judges a response of which nothing was said, as nearly every one is. It is held by value, and so are errors that come to
    /// [`settle`](Self::settle): what is lent to code elsewhere must lie in memory.
    #[inline(always)]
    fn settle_response<Res, Err>(&mut self, response: Res) -> E::Answer
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        let permit = self.end::<_, Err>(Ok(&response));
        result_note::reset();
        E::answer(response, permit)
    }

    /// Judges what the service has answered: what the caller gets. Whoever is further out hears what was said of it, too.
    #[cold]
    fn settle<R, Res, Err>(&mut self, result: Result<Res, Err>) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
    {
        let said = result_note::take(&result);
        let permit = self.judge(&result, said.as_ref());
        let result = result.map(|response| E::answer(response, permit));
        result_note::forward(&result, said);
        result.map_err(R::pass)
    }

    /// What the caller gets whose service wasn't ready.
    #[cold]
    fn answer_unready<R, Res, Err>(&mut self, mut readiness: Readiness) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let error = readiness.take_error().expect("`poll_ready` and `call` are of one request type");
        self.settle::<R, _, _>(Err(error))
    }

    /// The permit, if the call goes on beyond its response; otherwise it has ended.
    pub(super) fn judge<Res, Err>(&mut self, result: &Result<Res, Err>, said: Option<&How>) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        if said.is_some_and(|how| how.rejection().is_some()) {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            self.permit.end_in_place(Verdict::Neutral);
            return None;
        }
        self.end(result.as_ref())
    }

    #[inline(always)]
    fn end<Res, Err>(&mut self, result: Result<&Res, &Err>) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        let blame = Blame(self);
        let verdict = blame.0.classifier.classify(&blame.0.memo, result);
        blame.lift();
        match result {
            Ok(response) if self.ends.goes_on(response, verdict) => Some(self.permit.take()),
            _ => {
                self.permit.end_in_place(verdict);
                None
            }
        }
    }
}
