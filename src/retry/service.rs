//! The [`Retry`] service.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use sync_wrapper::SyncWrapper;
use tower_service::Service;

use super::{
    CloneRequest, Policy, RequestReplay, RetryConfig,
    attempt_flow::send,
    attempt_time::{came_too_late, first_attempt},
    future::{FutureOf, ResponseFuture},
    request_context::{PreAttempt, RequestContext},
    spare_instance::{LaterInstance, SpareInstance},
    stored_copy::StoredCopy,
};
use crate::{cold_option::ColdOption, readiness::Readiness, reservation::release, sharded_arc::ShardedArc};

/// A service that retries requests. [`RetryLayer`](super::RetryLayer) makes it.
///
/// # Clone
///
/// A clone shares the policy and its budget. It costs one reference count and a clone of the inner
/// service. The instance that was polled ready makes the first attempt. A request that is retried
/// clones one spare instance, which all clones of this service share. The first call, and the first
/// call after a retry, clone the service for the spare instance; other calls clone no service.
pub struct Retry<S, P = RetryConfig, Replay = CloneRequest> {
    inner: S,
    policy: ShardedArc<P, SpareInstance<S>>,
    replay: Replay,
    readiness: Readiness,
}

impl<S, P, Replay> Retry<S, P, Replay> {
    pub(super) fn new(inner: S, policy: &ShardedArc<P>, replay: Replay) -> Self {
        Self { inner, policy: policy.with_extra(SpareInstance::new()), replay, readiness: Readiness::default() }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

crate::service::call_methods!(Retry<S, P, Replay>);

impl<S, P, Replay, Req> Service<Req> for Retry<S, P, Replay>
where
    S: Service<Replay::Request> + Clone,
    S::Error: Send + 'static,
    P: Policy<Req, S::Response, S::Error>,
    Replay: RequestReplay<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FutureOf<S, LaterInstance<S>, SpareInstance<S>, P, Replay, Req>;

    /// Ready when the inner service is. It returns no error: a readiness error is the outcome of
    /// the first attempt of the call that follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.readiness.poll(&mut self.inner, release, cx).map(Ok)
    }

    // Each branch constructs the future in one expression, after the call. So it is written
    // directly into the outer layer's future and isn't copied (ARCHITECTURE, "The healthy path").
    #[inline(always)]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let Self { inner, policy: shared, replay, readiness } = self;
        let (share, policy) = (shared.shard(), &**shared);
        let deposits = if replay.carries_deposits() { replay.deposits(&request).enter() } else { None };
        let mut state = policy.start(&request);
        drop(deposits);
        let stored = replay.store(&mut request);
        let mut attempt = first_attempt(policy, &state, stored.is_some());
        // The request carries the list of its deposits only if another retry may use the budget,
        // because the list is allocated.
        if replay.carries_deposits()
            && policy.budget().is_some_and(|budget| shared.has_several_services() || budget.is_shared())
        {
            attempt.carry_deposits();
        }
        if readiness.has_failed() || came_too_late(&attempt) {
            // The instance moves into the future, which may have to poll it ready again.
            let instance = mem::replace(inner, inner.clone());
            let pre_attempt =
                PreAttempt::NotBegun { readiness: mem::take(readiness), request: replay.wrap_request(request) };
            return ResponseFuture {
                attempt,
                context: SyncWrapper::new(RequestContext {
                    policy: share,
                    state,
                    instance: LaterInstance::new(instance),
                    stored: StoredCopy::new(replay.clone(), stored),
                    pre_attempt: pre_attempt.boxed(),
                }),
                call: SyncWrapper::new(None),
                timer: None,
            };
        }
        let call = send(policy, &mut state, replay, &mut attempt, inner, replay.wrap_request(request));
        share.extra().store_clone_if_wanted(inner);
        ResponseFuture {
            attempt,
            call: SyncWrapper::new(Some(call)),
            context: SyncWrapper::new(RequestContext {
                policy: share,
                state,
                instance: LaterInstance::NONE,
                stored: StoredCopy::new(replay.clone(), stored),
                pre_attempt: ColdOption::NONE,
            }),
            timer: None,
        }
    }
}

impl<S: Clone, P, Replay: Clone> Clone for Retry<S, P, Replay> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            policy: self.policy.clone(),
            replay: self.replay.clone(),
            readiness: Readiness::default(),
        }
    }
}

impl<S: fmt::Debug, P: fmt::Debug, Replay> fmt::Debug for Retry<S, P, Replay> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).field("policy", &self.policy).finish_non_exhaustive()
    }
}
