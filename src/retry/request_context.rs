//! What a request needs besides the call that is under way.

use std::pin::Pin;

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Policy, RequestReplay, future::ResponseFuture, stored_copy::StoredCopy};
use crate::{classify::DrainFuture, cold_option::ColdOption, readiness::Readiness, sharded_arc::ArcShard};

/// The part of a [`ResponseFuture`] that doesn't change from poll to poll, except after a failure.
///
/// - `P` is the policy and `Shared` the spare instance, which all requests share. `State` is the
///   policy's state for this request.
/// - `Source` provides the service instance for later attempts.
/// - `Stored` is the request's [`StoredCopy`], and `Stage` its [`PreAttempt`].
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
    /// What precedes a call, by stages. Most requests are sent at once and need none of them. So it
    /// is boxed, and allocated for the first call that isn't made at once.
    ///
    /// `PrepareResend` prepares a request of type `SentReq`.
    #[project = PreAttemptProj]
    #[project_replace = PreAttemptOwned]
    pub enum PreAttempt<PrepareResend, SentReq> {
        // The first attempt wasn't begun: the service failed to become ready, or the request came
        // after its deadline.
        NotBegun { readiness: Readiness, request: SentReq },
        // The delay before the attempt. Meanwhile the outcome of the one before is discarded.
        Waiting { discarding: Option<DrainFuture>, request: SentReq },
        // The replay changes the request for this attempt.
        Preparing { #[pin] preparing: PrepareResend },
        // The service isn't ready yet.
        Readying { request: SentReq },
        // The call was made.
        Done,
    }
}

impl<PrepareResend, SentReq> PreAttempt<PrepareResend, SentReq> {
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

impl<P, Shared, State, Source, Stored, PrepareResend, SentReq>
    RequestContext<P, Shared, State, Source, Stored, PreAttempt<PrepareResend, SentReq>>
{
    pub(super) fn set_pre_attempt(&mut self, stage: PreAttempt<PrepareResend, SentReq>) {
        match self.pre_attempt.as_mut() {
            Some(boxed) => boxed.set(stage),
            None => self.pre_attempt = stage.boxed(),
        }
    }
}

/// The future of a request of type `Req` to a service `S`.
pub(super) type FutureOf<S, Source, Shared, P, Replay, Req> = ResponseFuture<
    <S as Service<<Replay as RequestReplay<Req>>::Request>>::Future,
    RequestContext<
        P,
        Shared,
        <P as Policy<
            Req,
            <S as Service<<Replay as RequestReplay<Req>>::Request>>::Response,
            <S as Service<<Replay as RequestReplay<Req>>::Request>>::Error,
        >>::State,
        Source,
        StoredCopy<Replay, <Replay as RequestReplay<Req>>::Stored, Req>,
        PreAttempt<<Replay as RequestReplay<Req>>::Prepare, <Replay as RequestReplay<Req>>::Request>,
    >,
>;
