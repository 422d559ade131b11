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
/// - `Stage` is the request's [`PreAttempt`].
///
/// `pub`, since it is a part of a public future's type; not reachable from outside.
pub struct RequestContext<P, Shared, State, Source, Stored, Stage> {
    pub(super) policy: ArcShard<P, Shared>,
    pub(super) state: State,
    pub(super) instance: Source,
    pub(super) stored: Stored,
    pub(super) pre_attempt: ColdOption<Pin<Box<Stage>>>,
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
    pub(super) fn boxed(self) -> ColdOption<Pin<Box<Self>>> {
        Some(Box::pin(self)).into()
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

impl<P, Shared, State, Source, Stored, Prepare, SentReq>
    RequestContext<P, Shared, State, Source, Stored, PreAttempt<Prepare, SentReq>>
{
    pub(super) fn set_pre_attempt(&mut self, stage: PreAttempt<Prepare, SentReq>) {
        match self.pre_attempt.as_mut() {
            Some(boxed) => boxed.set(stage),
            None => self.pre_attempt = stage.boxed(),
        }
    }
}
