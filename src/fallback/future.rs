//! The futures of [`Fallback`](super::Fallback).

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Backup, Failed, FallbackError, FallbackLayer, layer::About};
use crate::{Cause, Classifier, FailureKind, Verdict, observe::Event, told};

pin_project! {
    /// One call of the primary, and one of the backup if it takes that.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the call that is under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, C, Req>
    where
        S: Service<Req>,
        B: Backup<Req, S::Response, S::Error>,
        C: Classifier<Req, S::Response, S::Error>,
    {
        #[pin]
        step: Step<S::Future, S::Error, B::Future>,
        // Taken when the primary has answered.
        spare: Option<Spare<B, C, C::Memo, B::Kept>>,
        failed: Option<FailedPrimary<S::Response, S::Error>>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<F, E, G> {
        Primary { #[pin] future: F },
        // The primary wasn't ready, with this error.
        Unready { error: Option<E> },
        Backup { #[pin] future: G },
        Done,
    }
}

struct Spare<B, C, M, K> {
    layer: FallbackLayer<B, C>,
    memo: M,
    kept: K,
}

/// What the primary came back with: kept, since it is the better answer if the backup fails too.
struct FailedPrimary<Res, Err> {
    about: Arc<About>,
    cause: Cause,
    result: Result<Res, Err>,
}

const DONE: &str = "polled after completion";

impl<S, B, C, Req> ResponseFuture<S, B, C, Req>
where
    S: Service<Req>,
    B: Backup<Req, S::Response, S::Error>,
    C: Classifier<Req, S::Response, S::Error>,
{
    pub(super) fn running(layer: FallbackLayer<B, C>, memo: C::Memo, kept: B::Kept, future: S::Future) -> Self {
        Self { step: Step::Primary { future }, spare: Some(Spare { layer, memo, kept }), failed: None }
    }

    pub(super) fn unready(layer: FallbackLayer<B, C>, memo: C::Memo, kept: B::Kept, error: S::Error) -> Self {
        Self { step: Step::Unready { error: Some(error) }, spare: Some(Spare { layer, memo, kept }), failed: None }
    }
}

impl<S, B, C, Req> Future for ResponseFuture<S, B, C, Req>
where
    S: Service<Req>,
    B: Backup<Req, S::Response, S::Error>,
    C: Classifier<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, FallbackError<S::Error, B::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            told::clear();
            let result = match this.step.as_mut().project() {
                StepProj::Primary { future } => ready!(future.poll(cx)),
                StepProj::Unready { error } => Err(error.take().expect(DONE)),
                StepProj::Backup { future } => {
                    let answer = ready!(future.poll(cx));
                    return Poll::Ready(this.failed.take().expect(DONE).settle(answer));
                }
                StepProj::Done => panic!("{DONE}"),
            };
            let said = told::take(&result);
            let Spare { layer, memo, kept } = this.spare.take().expect(DONE);
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
            *this.failed = Some(FailedPrimary { about, cause, result });
        }
    }
}

/// Why to ask the backup, if at all. What a layer further in has said is more than the verdict can say.
fn why_ask(said: Option<Cause>, judge: impl FnOnce() -> Verdict) -> Option<Cause> {
    if let Some(Cause::Rejected { .. }) = said {
        return said;
    }
    match judge() {
        Verdict::Success | Verdict::Neutral => None,
        Verdict::Failure(failure) => Some(said.unwrap_or(match failure.kind() {
            FailureKind::Rejected => Cause::Rejected { retry_in: failure.retry_after() },
            FailureKind::Permanent => Cause::Permanent,
            _ => Cause::Failure,
        })),
    }
}

impl<Res, Err> FailedPrimary<Res, Err> {
    /// The backup's answer; without one, the primary's own, or both errors.
    fn settle<E>(self, answer: Result<Res, E>) -> Result<Res, FallbackError<Err, E>> {
        let backup = match answer {
            Ok(answer) => {
                told::clear();
                return Ok(answer);
            }
            Err(error) => error,
        };
        let Self { about, cause, result } = self;
        about.observers.tell(Event::FallbackFailed { name: &about.name, cause });
        told::pass_on(&result, Some(cause));
        result.map_err(|primary| FallbackError::Both { primary, backup, cause })
    }
}

pin_project! {
    /// Waits until a service is ready, and calls it.
    #[must_use = "futures do nothing unless polled"]
    pub struct ReadyCall<B, Req>
    where
        B: Service<Req>,
    {
        #[pin]
        step: ReadyStep<B, Req, B::Future>,
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

impl<B: Service<Req>, Req> ReadyCall<B, Req> {
    pub(super) fn new(service: B, request: Req) -> Self {
        Self { step: ReadyStep::Readying { service, request } }
    }
}

impl<B: Service<Req>, Req> Future for ReadyCall<B, Req> {
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
