//! What a request needs besides its current attempt.

use std::pin::Pin;

use pin_project_lite::pin_project;

use crate::{classify::DrainFuture, cold_option::ColdOption, readiness::Readiness, sharded_arc::ArcShard};

/// The part of a [`ResponseFuture`](super::future::ResponseFuture) that outlives its attempts.
///
/// - `P` is the policy and `Shared` the spare instance, which all requests share. `State` is the
///   policy's state for this request.
/// - `Source` provides the service instance for later attempts.
/// - `Stored` is the request's [`StoredCopy`](super::stored_copy::StoredCopy).
/// - `Boxed` is the request's [`BeforeCall`].
///
/// `pub`, since it is a part of a public future's type; not reachable from outside.
pub struct RequestContext<P, Shared, State, Source, Stored, Boxed> {
    pub(super) policy: ArcShard<P, Shared>,
    pub(super) state: State,
    pub(super) instance: Source,
    pub(super) stored: Stored,
    pub(super) pre_attempt: ColdOption<Pin<Box<Boxed>>>,
}

pin_project! {
    /// The stages before a call. Most requests are sent at once and need none of them. So they are
    /// boxed, and the box is allocated for the first call that isn't made at once.
    ///
    /// `Prepare` prepares a request of type `SentReq`.
    #[project = PreAttemptProj]
    #[project_replace = PreAttemptOwned]
    pub enum PreAttempt<Prepare, SentReq> {
        // The first attempt wasn't begun: the service failed to become ready, or the request was
        // made after its deadline.
        NotBegun { readiness: Readiness, request: SentReq },
        // The delay before the attempt. Meanwhile, the outcome of the previous one is discarded.
        Waiting { discarding: Option<DrainFuture>, request: SentReq },
        // The `RequestReplay` changes the request for this attempt.
        Preparing { #[pin] preparing: Prepare },
        // The service isn't ready yet.
        Readying { request: SentReq },
        // The call was made.
        Done,
    }
}

impl<Prepare, SentReq> PreAttempt<Prepare, SentReq> {
    pub(super) fn boxed<Last>(self) -> ColdOption<Pin<Box<BeforeCall<Self, Last>>>> {
        Some(Box::pin(BeforeCall { stage: self, last: None })).into()
    }

    /// Ends the stage. Returns the request, unless it is being prepared.
    pub(super) fn take_request(self: Pin<&mut Self>) -> Option<SentReq> {
        match self.project_replace(Self::Done) {
            PreAttemptOwned::NotBegun { request, .. }
            | PreAttemptOwned::Waiting { request, .. }
            | PreAttemptOwned::Readying { request } => Some(request),
            PreAttemptOwned::Preparing { .. } | PreAttemptOwned::Done => None,
        }
    }
}

pin_project! {
    /// What only a request needs that has a stage before a call.
    pub struct BeforeCall<Stage, Last> {
        #[pin]
        stage: Stage,
        // The outcome before the current attempt, if the policy keeps it.
        last: Option<Box<Last>>,
    }
}

impl<Stage, Last> BeforeCall<Stage, Last> {
    pub(super) fn stage(self: Pin<&mut Self>) -> Pin<&mut Stage> {
        self.project().stage
    }
}

impl<P, Shared, State, Source, Stored, Stage, Last>
    RequestContext<P, Shared, State, Source, Stored, BeforeCall<Stage, Last>>
{
    pub(super) fn take_last(&mut self) -> Option<Box<Last>> {
        self.pre_attempt.as_mut()?.as_mut().project().last.take()
    }

    /// Begins the delay before an attempt. `last` is the outcome before it.
    pub(super) fn set_waiting(&mut self, waiting: Stage, last: Option<Box<Last>>) {
        match self.pre_attempt.as_mut() {
            Some(boxed) => {
                let mut boxed = boxed.as_mut().project();
                boxed.stage.set(waiting);
                *boxed.last = last;
            }
            None => self.pre_attempt = Some(Box::pin(BeforeCall { stage: waiting, last })).into(),
        }
    }
}
