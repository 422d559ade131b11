//! What a request needs besides the call that is under way.

use std::pin::Pin;

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Keep, Policy, future::ResponseFuture, stored_copy::StoredCopy};
use crate::{classify::LetGo, cold_option::ColdOption, readiness::Readiness, sharded_arc::ArcShard};

/// The part of a [`ResponseFuture`] that doesn't change from poll to poll, except after a failure.
///
/// - `P` is the policy and `B` the spare instance, which all requests share, and `St` is the
///   policy's state for this request.
/// - `I` provides the service instance for later attempts.
/// - `Copy` is the request's [`StoredCopy`], and `Pre` its [`PreAttempt`].
///
/// `pub`, since it is a part of a public future's type; not reachable from outside.
pub struct RequestContext<P, B, St, I, Copy, Pre> {
    pub(super) policy: ArcShard<P, B>,
    pub(super) state: St,
    pub(super) instance: I,
    pub(super) stored: Copy,
    pub(super) pre_attempt: ColdOption<Pin<Box<Pre>>>,
}

pin_project! {
    /// What precedes a call, by stages. Most requests are sent at once and need none of them. So it
    /// is boxed, and allocated for the first call that isn't made at once.
    ///
    /// `Prep` prepares a request of type `Sent`.
    #[project = PreAttemptProj]
    #[project_replace = PreAttemptOwned]
    pub enum PreAttempt<Prep, Sent> {
        // The first attempt wasn't begun: the service failed to become ready, or the request came
        // after its deadline.
        NotBegun { readiness: Readiness, request: Sent },
        // The delay before the attempt. Meanwhile the outcome of the one before is discarded.
        Waiting { discarding: Option<LetGo>, request: Sent },
        // The replay changes the request for this attempt.
        Preparing { #[pin] preparing: Prep },
        // The service isn't ready yet.
        Readying { request: Sent },
        // The call was made.
        Done,
    }
}

impl<Prep, Sent> PreAttempt<Prep, Sent> {
    pub(super) fn boxed(self) -> ColdOption<Pin<Box<Self>>> {
        Some(Box::pin(self)).into()
    }

    /// Ends the stage. Returns the request, unless it is being prepared.
    pub(super) fn take_request(self: Pin<&mut Self>) -> Option<Sent> {
        match self.project_replace(Self::Done) {
            PreAttemptOwned::NotBegun { request, .. }
            | PreAttemptOwned::Waiting { request, .. }
            | PreAttemptOwned::Readying { request } => Some(request),
            PreAttemptOwned::Preparing { .. } | PreAttemptOwned::Done => None,
        }
    }
}

impl<P, B, St, I, Copy, Prep, Sent> RequestContext<P, B, St, I, Copy, PreAttempt<Prep, Sent>> {
    pub(super) fn set_pre_attempt(&mut self, stage: PreAttempt<Prep, Sent>) {
        match self.pre_attempt.as_mut() {
            Some(boxed) => boxed.set(stage),
            None => self.pre_attempt = stage.boxed(),
        }
    }
}

/// The future of a request of type `Req` to a service `S`.
pub(super) type FutureOf<S, I, B, P, K, Req> = ResponseFuture<
    <S as Service<<K as Keep<Req>>::Request>>::Future,
    RequestContext<
        P,
        B,
        <P as Policy<
            Req,
            <S as Service<<K as Keep<Req>>::Request>>::Response,
            <S as Service<<K as Keep<Req>>::Request>>::Error,
        >>::State,
        I,
        StoredCopy<K, <K as Keep<Req>>::Kept, Req>,
        PreAttempt<<K as Keep<Req>>::Prepared, <K as Keep<Req>>::Request>,
    >,
>;
