//! The futures of [`Fallback`](super::Fallback).

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Backup, Failed, layer::About, on_failure::OnFailure, standby::Standby};
use crate::{
    Cause, Classifier, FailureKind, How, Verdict,
    call_context::result_note::{self, Note},
    classify::evidence::examine,
    how::Tried,
    observe::Event,
    readiness::Readiness,
    shared::{Share, Shared},
};

pin_project! {
    /// One call of the primary, and one of the backup if it takes that.
    ///
    /// `F` and `G` are the futures of the two, `T` what is needed to get from one to the other, `J` what
    /// makes the error if both fail. There are no bounds on them, on
    /// purpose: a spawned task holds this future, and the compiler can't prove bounds there for types with a lifetime in them,
    /// such as a boxed error.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the call that is under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, G, T, J, Res, Err> {
        #[pin]
        step: Step<F, G>,
        // Taken when the primary has answered.
        spare: Option<T>,
        failed: Option<FailedPrimary<J, Res, Err>>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<F, G> {
        Primary { #[pin] future: F },
        // The primary wasn't ready.
        Unready { readiness: Readiness },
        // The primary has failed, and another call clones the backup.
        Asking,
        Backup { #[pin] future: G },
        Done,
    }
}

/// What is needed to judge the primary, and if it fails.
pub struct Spare<B, C, J, M, K, Req> {
    standby: Share<Standby<B, J>>,
    classifier: C,
    memo: M,
    kept: K,
    request: PhantomData<fn(Req)>,
}

pub(super) type Future<S, B, C, J, Req> = ResponseFuture<
    <S as Service<Req>>::Future,
    <B as Backup<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Future,
    Spare<
        B,
        C,
        J,
        <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo,
        <B as Backup<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Kept,
        Req,
    >,
    J,
    <S as Service<Req>>::Response,
    <S as Service<Req>>::Error,
>;

/// What the primary came back with: kept, since it is the better answer if the backup fails too.
struct FailedPrimary<J, Res, Err> {
    /// There once the backup is called.
    on_failure: Option<J>,
    about: Arc<About>,
    tried: Tried,
    /// Whether the result contains the rejection that is the cause.
    is_held: bool,
    cause: Cause,
    result: Result<Res, Err>,
}

const DONE: &str = "polled after completion";

#[inline(always)]
pub(super) fn start<S, B, C, J, Req>(
    (primary, readiness): (&mut S, &mut Readiness),
    (backup, classifier, standby): (&B, &C, &Shared<Standby<B, J>>),
    request: Req,
) -> Future<S, B, C, J, Req>
where
    S: Service<Req>,
    B: Backup<Req, S::Response, S::Error>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
{
    let memo = classifier.memo(&request);
    let kept = backup.keep(&request);
    let standby = standby.share();
    if readiness.has_failed() {
        return ResponseFuture {
            step: Step::Unready { readiness: std::mem::take(readiness) },
            spare: Some(Spare { standby, classifier: classifier.clone(), memo, kept, request: PhantomData }),
            failed: None,
        };
    }
    // Written once, where it will stay.
    ResponseFuture {
        step: Step::Primary { future: primary.call(request) },
        spare: Some(Spare { standby, classifier: classifier.clone(), memo, kept, request: PhantomData }),
        failed: None,
    }
}

impl<F, B, C, J, Req, Res, Err> future::Future
    for ResponseFuture<F, B::Future, Spare<B, C, J, C::Memo, B::Kept, Req>, J, Res, Err>
where
    F: future::Future<Output = Result<Res, Err>>,
    B: Backup<Req, Res, Err> + Clone,
    C: Classifier<Req, Res, Err>,
    J: OnFailure<Err, B::Error> + Clone,
    Err: 'static,
{
    type Output = Result<Res, J::Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let then = match (this.step.project(), &mut *this.spare) {
            (StepProj::Primary { future }, Some(spare)) => {
                let (polled, note) = result_note::poll(future, cx);
                // Where it is, until it is known to be a response: to take an outcome out of its poll is to move it.
                match polled {
                    // The way of nearly every call. By value until that is known: what is lent to code elsewhere must lie in memory.
                    Poll::Ready(Ok(response))
                        if note.is_empty() && !spare.classifier.origin(Ok(&response)).is_rejected() =>
                    {
                        let verdict = spare.classifier.classify(&spare.memo, Ok(&response));
                        if !verdict.is_failure() {
                            result_note::reset();
                            *this.spare = None;
                            return Poll::Ready(Ok(response));
                        }
                        Then::Follow(Ok(response), verdict)
                    }
                    Poll::Ready(result) => Then::Judge(result, note),
                    Poll::Pending => return Poll::Pending,
                }
            }
            _ => Then::Look,
        };
        self.go_on(then, cx)
    }
}

/// What there is to do if the primary's answer isn't just passed on.
enum Then<R> {
    /// To look at the step: the primary isn't called, or isn't any more.
    Look,
    /// To judge what the primary came back with.
    Judge(R, Note),
    /// To do what this verdict asks for.
    Follow(R, Verdict),
}

impl<F, B, C, J, Req, Res, Err> ResponseFuture<F, B::Future, Spare<B, C, J, C::Memo, B::Kept, Req>, J, Res, Err>
where
    F: future::Future<Output = Result<Res, Err>>,
    B: Backup<Req, Res, Err> + Clone,
    C: Classifier<Req, Res, Err>,
    J: OnFailure<Err, B::Error> + Clone,
    Err: 'static,
{
    /// The way of all others.
    #[cold]
    fn go_on(
        mut self: Pin<&mut Self>,
        then: Then<Result<Res, Err>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, J::Error>> {
        let mut this = self.as_mut().project();
        let (result, note, verdict) = match then {
            Then::Judge(result, note) => (result, note, None),
            Then::Follow(result, verdict) => (result, Note::NONE, Some(verdict)),
            Then::Look => match this.step.as_mut().project() {
                StepProj::Unready { readiness } => (Err(readiness.take_error().expect(DONE)), Note::NONE, None),
                StepProj::Asking => return self.ask(cx),
                StepProj::Backup { .. } => return self.poll_backup(cx),
                StepProj::Primary { .. } | StepProj::Done => panic!("{DONE}"),
            },
        };
        let Spare { standby, classifier, memo, .. } = this.spare.as_ref().expect(DONE);
        let said = examine(&result, note, |outcome| classifier.origin(outcome));
        let judge = || verdict.unwrap_or_else(|| classifier.classify(memo, result.as_ref()));
        let Some(cause) = why_ask(said, judge) else {
            *this.spare = None;
            let said = if result.is_ok() { said } else { Some(said.unwrap_or_default().passed_by()) };
            return Poll::Ready(result_note::forward_mapped(result, said, |result| result.map_err(J::pass)));
        };
        // The primary's future goes before the backup is called: what it holds may be what the backup needs.
        this.step.set(Step::Asking);
        let about = Arc::clone(&standby.about);
        let how = said.unwrap_or_default();
        let (tried, is_held) = (how.tried(), how.is_held);
        *this.failed = Some(FailedPrimary { on_failure: None, about, tried, is_held, cause, result });
        self.ask(cx)
    }

    /// Calls a clone of the backup, as soon as there is one.
    fn ask(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, J::Error>> {
        let mut this = self.as_mut().project();
        let standby = &this.spare.as_ref().expect(DONE).standby;
        let (backup, on_failure) = ready!(standby.poll_take_place(cx));
        let Spare { kept, .. } = this.spare.take().expect(DONE);
        let failed = this.failed.as_mut().expect(DONE);
        let (about, cause) = (&failed.about, failed.cause);
        about.observers.tell(Event::FallbackAsked { name: &about.name, cause });
        let answer = backup.answer(kept, Failed { cause: failed.cause, outcome: failed.result.as_ref() });
        failed.on_failure = Some(on_failure);
        this.step.set(Step::Backup { future: answer });
        self.poll_backup(cx)
    }

    fn poll_backup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, J::Error>> {
        let this = self.project();
        let StepProj::Backup { future } = this.step.project() else { panic!("{DONE}") };
        let (polled, note) = result_note::poll(future, cx);
        let answer = ready!(polled);
        let said = note.take(&answer);
        Poll::Ready(this.failed.take().expect(DONE).settle(answer, said))
    }
}

/// Why to ask the backup, if at all. What a layer further in has said is more than the verdict can say. A rejection that another
/// fallback was asked for in vain isn't all that there is to judge any more.
fn why_ask(said: Option<How>, judge: impl FnOnce() -> Verdict) -> Option<Cause> {
    let failed = said.and_then(|how| how.failed());
    if said.is_some_and(|how| how.rejection().is_some() && how.fallbacks_failed() == 0) {
        return failed;
    }
    match judge() {
        Verdict::Success | Verdict::Neutral => None,
        Verdict::Failure(failure) => Some(failed.unwrap_or(match failure.kind() {
            FailureKind::Rejected => Cause::Rejected { retry_in: failure.retry_after() },
            FailureKind::Permanent => Cause::Permanent,
            _ => Cause::Failure,
        })),
    }
}

impl<J, Res, Err> FailedPrimary<J, Res, Err> {
    /// The backup's answer; without one, the primary's own, or what is made of both errors.
    fn settle<E>(self, answer: Result<Res, E>, said: Option<How>) -> Result<Res, J::Error>
    where
        J: OnFailure<Err, E>,
    {
        let Self { on_failure, about, tried, is_held, cause, result } = self;
        let backup = match answer {
            Ok(answer) => {
                let fallback = about.name.as_literal().unwrap_or("fallback");
                let answer = Ok(answer);
                result_note::forward(&answer, Some(tried.answered_by(fallback, cause, said.unwrap_or_default())));
                return answer;
            }
            Err(error) => error,
        };
        about.observers.tell(Event::FallbackFailed { name: &about.name, cause });
        let how = tried.in_vain(cause, is_held);
        let on_failure = on_failure.expect("the backup was called");
        let join = |result: Result<Res, Err>| result.map_err(|primary| on_failure.both(primary, backup, cause));
        result_note::forward_mapped(result, Some(how), join)
    }
}

pin_project! {
    /// Waits until a service is ready, and calls it.
    #[must_use = "futures do nothing unless polled"]
    pub struct ReadyCall<B, Req, F> {
        #[pin]
        step: ReadyStep<B, Req, F>,
    }
}

pin_project! {
    #[project = ReadyStepProj]
    #[project_replace = ReadyStepOwned]
    enum ReadyStep<B, Req, F> {
        Readying { service: B, request: Req },
        Calling { #[pin] future: F },
        Done,
    }
}

impl<B, Req, F> ReadyCall<B, Req, F> {
    pub(super) fn new(service: B, request: Req) -> Self {
        Self { step: ReadyStep::Readying { service, request } }
    }
}

impl<B: Service<Req>, Req> future::Future for ReadyCall<B, Req, B::Future> {
    type Output = Result<B::Response, B::Error>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            match step.as_mut().project() {
                ReadyStepProj::Readying { service, .. } => {
                    ready!(service.poll_ready(cx))?;
                    let ready = step.as_mut().project_replace(ReadyStep::Done);
                    let ReadyStepOwned::Readying { mut service, request } = ready else { continue };
                    step.set(ReadyStep::Calling { future: service.call(request) });
                }
                ReadyStepProj::Calling { future } => return future.poll(cx),
                ReadyStepProj::Done => panic!("{DONE}"),
            }
        }
    }
}
