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

use super::{Backup, Failed, FallbackError, FallbackLayer, layer::About};
use crate::{Cause, Classifier, FailureKind, How, Verdict, how::Tried, observe::Event, readiness::Readiness, told};

pin_project! {
    /// One call of the primary, and one of the backup if it takes that.
    ///
    /// `F` and `G` are the futures of the two, `T` what is needed to get from one to the other. There are no bounds on them, on
    /// purpose: a spawned task holds this future, and the compiler can't prove bounds there for types with a lifetime in them,
    /// such as a boxed error.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the call that is under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, G, T, Res, Err> {
        #[pin]
        step: Step<F, G>,
        // Taken when the primary has answered.
        spare: Option<T>,
        failed: Option<FailedPrimary<Res, Err>>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<F, G> {
        Primary { #[pin] future: F },
        // The primary wasn't ready.
        Unready { readiness: Readiness },
        Backup { #[pin] future: G },
        Done,
    }
}

/// What is needed if the primary fails.
pub struct Spare<B, C, M, K, Req> {
    layer: FallbackLayer<B, C>,
    memo: M,
    kept: K,
    request: PhantomData<fn(Req)>,
}

pub(super) type Future<S, B, C, Req> = ResponseFuture<
    <S as Service<Req>>::Future,
    <B as Backup<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Future,
    Spare<
        B,
        C,
        <C as Classifier<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Memo,
        <B as Backup<Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Kept,
        Req,
    >,
    <S as Service<Req>>::Response,
    <S as Service<Req>>::Error,
>;

/// What the primary came back with: kept, since it is the better answer if the backup fails too.
struct FailedPrimary<Res, Err> {
    about: Arc<About>,
    tried: Tried,
    cause: Cause,
    result: Result<Res, Err>,
}

const DONE: &str = "polled after completion";

pub(super) fn start<S, B, C, Req>(
    primary: &mut S,
    readiness: &mut Readiness,
    layer: FallbackLayer<B, C>,
    request: Req,
) -> Future<S, B, C, Req>
where
    S: Service<Req>,
    B: Backup<Req, S::Response, S::Error>,
    C: Classifier<Req, S::Response, S::Error>,
{
    let memo = layer.classifier.memo(&request);
    let kept = layer.backup.keep(&request);
    let step = if readiness.has_failed() {
        Step::Unready { readiness: std::mem::take(readiness) }
    } else {
        Step::Primary { future: primary.call(request) }
    };
    ResponseFuture { step, spare: Some(Spare { layer, memo, kept, request: PhantomData }), failed: None }
}

impl<F, B, C, Req, Res, Err> future::Future
    for ResponseFuture<F, B::Future, Spare<B, C, C::Memo, B::Kept, Req>, Res, Err>
where
    F: future::Future<Output = Result<Res, Err>>,
    B: Backup<Req, Res, Err>,
    C: Classifier<Req, Res, Err>,
    Err: 'static,
{
    type Output = Result<Res, FallbackError<Err, B::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            told::clear();
            let result = match this.step.as_mut().project() {
                StepProj::Primary { future } => ready!(future.poll(cx)),
                StepProj::Unready { readiness } => Err(readiness.take_error().expect(DONE)),
                StepProj::Backup { future } => {
                    let answer = ready!(future.poll(cx));
                    let said = told::take(&answer);
                    return Poll::Ready(this.failed.take().expect(DONE).settle(answer, said));
                }
                StepProj::Done => panic!("{DONE}"),
            };
            let said = told::take(&result);
            let Spare { layer, memo, kept, .. } = this.spare.take().expect(DONE);
            let Some(cause) = why_ask(said, || layer.classifier.classify(&memo, result.as_ref())) else {
                told::pass_on(&result, said);
                return Poll::Ready(result.map_err(FallbackError::Primary));
            };
            // The primary's future goes before the backup is called: what it holds may be what the backup needs.
            this.step.set(Step::Done);
            let FallbackLayer { backup, about, .. } = layer;
            about.observers.tell(Event::FallbackAsked { name: &about.name, cause });
            let answer = backup.answer(kept, Failed { cause, outcome: result.as_ref() });
            this.step.set(Step::Backup { future: answer });
            *this.failed = Some(FailedPrimary { about, tried: said.unwrap_or_default().tried(), cause, result });
        }
    }
}

/// Why to ask the backup, if at all. What a layer further in has said is more than the verdict can say.
fn why_ask(said: Option<How>, judge: impl FnOnce() -> Verdict) -> Option<Cause> {
    let failed = said.and_then(|how| how.failed());
    if said.is_some_and(|how| how.rejection().is_some()) {
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

impl<Res, Err> FailedPrimary<Res, Err> {
    /// The backup's answer; without one, the primary's own, or both errors.
    fn settle<E>(self, answer: Result<Res, E>, said: Option<How>) -> Result<Res, FallbackError<Err, E>> {
        let Self { about, tried, cause, result } = self;
        let backup = match answer {
            Ok(answer) => {
                let fallback = about.name.as_literal().unwrap_or("fallback");
                let answer = Ok(answer);
                told::pass_on(&answer, Some(tried.answered_by(fallback, cause, said.unwrap_or_default())));
                return answer;
            }
            Err(error) => error,
        };
        about.observers.tell(Event::FallbackFailed { name: &about.name, cause });
        told::pass_on(&result, Some(tried.in_vain(cause)));
        result.map_err(|primary| FallbackError::Both { primary, backup, cause })
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
