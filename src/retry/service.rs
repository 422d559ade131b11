use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{Cloned, Keep, Policy, future, spare::Spare};
use crate::{readiness::Readiness, reservation::release, shared::Shared};

/// A service that tries again. Made by [`RetryLayer`](super::RetryLayer).
///
/// # Clone
///
/// A clone shares the policy and its budget: one reference count, and what a clone of the service costs. A call makes no clone: the instance
/// that was ready makes the first attempt. A request that is retried clones an instance that all clones of this service share.
pub struct Retry<S, P, K = Cloned> {
    inner: S,
    policy: Shared<P, Spare<S>>,
    keep: K,
    readiness: Readiness,
}

impl<S, P, K> Retry<S, P, K> {
    pub(super) fn new(inner: S, policy: &Shared<P>, keep: K) -> Self {
        Self { inner, policy: policy.with(Spare::new()), keep, readiness: Readiness::default() }
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<S, P, K, Req> Service<Req> for Retry<S, P, K>
where
    S: Service<K::Request> + Clone,
    S::Error: Send + 'static,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = future::Future<S, P, K, Req>;

    /// Ready when the service is. Never an error: a readiness error is the outcome of the first attempt of the call that
    /// follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.readiness.poll(&mut self.inner, release, cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        future::start((&self.policy, &self.keep), (&mut self.inner, &mut self.readiness), request)
    }
}

impl<S: Clone, P, K: Clone> Clone for Retry<S, P, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            policy: self.policy.clone(),
            keep: self.keep.clone(),
            readiness: Readiness::default(),
        }
    }
}

impl<S: fmt::Debug, P: fmt::Debug, K> fmt::Debug for Retry<S, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).field("policy", &self.policy).finish_non_exhaustive()
    }
}
