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
use crate::{
    Classifier, How, Verdict,
    call_context::{
        live_rejections,
        result_note::{self, Note},
    },
    classify::evidence::{examine, recognise},
    readiness::Readiness,
    seldom::Seldom,
};

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
    Rejecting<R, C>,
>;

const DONE: &str = "polled after completion";

impl<F, C, M, R, Req, E> ResponseFuture<F, Judge<C, M, Req, E>, R> {
    pub(super) fn running(judge: Judge<C, M, Req, E>, future: F) -> Self {
        Self { call: Call::Running { future }, judge: Some(judge.parked()) }
    }

    pub(super) fn unready(judge: Judge<C, M, Req, E>, readiness: Readiness) -> Self {
        Self { call: Call::Uncalled { why: Some(Uncalled::Unready(readiness)).into() }, judge: Some(judge.parked()) }
    }
}

impl<F, C, M, R, Req, E> ResponseFuture<F, Judge<C, M, Req, E>, Rejecting<R, C>> {
    pub(super) fn rejected(rejection: Rejection, on_rejection: R, classifier: C) -> Self {
        let why = Uncalled::Rejected(rejection, Rejecting { on_rejection, classifier });
        Self { call: Call::Uncalled { why: Some(why).into() }, judge: None }
    }
}

/// What it takes to answer a call that was rejected.
pub struct Rejecting<R, C> {
    on_rejection: R,
    classifier: C,
}

impl<R, C> Rejecting<R, C> {
    /// What the caller gets: marked as a rejection if it is a response that can be.
    fn reject<E, Req, Res, Err>(self, rejection: Rejection) -> Result<E::Answer, R::Error>
    where
        R: OnRejection<Res, Err>,
        C: Classifier<Req, Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let Self { on_rejection, classifier } = self;
        let (cause, floor) = (rejection.cause(), live_rejections::without_one());
        let mark = classifier.rejection_mark().map(|mark| (mark, rejection.clone()));
        let result = on_rejection.reject(rejection).map(|mut response| {
            if let Some((mark, rejection)) = mark {
                mark(&mut response, rejection);
            }
            E::answer(response, None)
        });
        // Before the note is written: it is code from outside.
        drop((on_rejection, classifier));
        if result.is_err() {
            recognise::<Err>();
        }
        result_note::annotate(&result, cause, floor);
        result
    }
}

impl<F, C, R, Req, E, Res, Err> future::Future for ResponseFuture<F, Judge<C, C::Memo, Req, E>, Rejecting<R, C>>
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
        match (this.call.project(), this.judge) {
            (CallProj::Running { future }, Some(judge)) if !judge.has_judged() => {
                let blame = Blame(judge);
                let (polled, note) = result_note::poll(future, cx);
                blame.lift();
                // Where it is, until it is known to be a response: to take an outcome out of its poll is to move it.
                match polled {
                    Poll::Ready(Ok(response))
                        if note.is_empty() && !judge.classifier.origin(Ok(&response)).is_rejected() =>
                    {
                        Poll::Ready(Ok(judge.settle_response::<_, Err>(response)))
                    }
                    Poll::Ready(result) => Poll::Ready(judge.settle::<R, _, _>(result, note)),
                    Poll::Pending => Poll::Pending,
                }
            }
            (CallProj::Uncalled { why }, judge) => match (why.take(), judge) {
                (Some(Uncalled::Rejected(rejection, rejecting)), _) => {
                    Poll::Ready(rejecting.reject::<E, _, _, _>(rejection))
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
    fn settle<R, Res, Err>(&mut self, result: Result<Res, Err>, note: Note) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let said = examine(&result, note, |outcome| self.classifier.origin(outcome));
        let permit = self.judge(&result, said.as_ref());
        if said.is_some_and(|how| how.is_held) {
            recognise::<Err>();
        }
        let map = |result: Result<Res, Err>| result.map(|response| E::answer(response, permit)).map_err(R::pass);
        result_note::forward_mapped(result, said, map)
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
        self.settle::<R, _, _>(Err(error), Note::NONE)
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
            Ok(response) if self.ends.goes_on(response, verdict) => Some(self.permit.take().answered()),
            _ => {
                self.permit.end_in_place(verdict);
                None
            }
        }
    }
}
