//! The beginning of a request: up to its first call.

use std::marker::PhantomData;

use tokio::time::sleep_until;
use tower_service::Service;

use super::{
    super::{Keep, Policy, course},
    ResponseFuture, Step, Trying,
};
use crate::{Attempt, readiness::Readiness, shared::Shared, told::Within};

pub(in crate::retry) type Future<S, P, K, Req> = ResponseFuture<
    S,
    <S as Service<<K as Keep<Req>>::Request>>::Future,
    <K as Keep<Req>>::Prepared,
    Trying<
        P,
        <P as Policy<
            Req,
            <S as Service<<K as Keep<Req>>::Request>>::Response,
            <S as Service<<K as Keep<Req>>::Request>>::Error,
        >>::State,
        K,
        <K as Keep<Req>>::Kept,
        Req,
    >,
    <K as Keep<Req>>::Request,
>;

/// Begins a request. Mostly nothing is timed, and the service was ready: then what is made is written once, where it will stay. The instance
/// that was ready is called, and a clone of it goes with the call, for the attempts that may follow.
#[inline]
pub(in crate::retry) fn start<S, P, K, Req>(
    (policy, keep): (&Shared<P>, &K),
    (service, readiness): (&mut S, &mut Readiness),
    request: Req,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request> + Clone,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req> + Clone,
{
    let share = policy.share();
    let mut state = policy.start(&request);
    let (mut request, kept) = keep.keep(request);
    if readiness.has_failed() || course::is_timed(&**policy, &state) {
        let trying = Trying { policy: share, keep: keep.clone(), state, kept, request: PhantomData };
        // The very instance goes with the call: it may have to be asked again whether it is ready.
        let fresh = service.clone();
        return begin(trying, (std::mem::replace(service, fresh), std::mem::take(readiness)), request);
    }
    let mut attempt = Attempt::first(None, None, kept.is_some());
    policy.attempt(&mut state, &attempt);
    keep.stamp(&mut request, &attempt, None);
    let within = Within::budget(course::budget(&**policy));
    let future = service.call(request);
    attempt.account(within.is_some_and(Within::ends));
    ResponseFuture {
        step: Step::Calling { future },
        service: service.clone(),
        trying: Trying { policy: share, keep: keep.clone(), state, kept, request: PhantomData },
        attempt,
        timer: None,
    }
}

/// Begins a request that may be timed, or that its service may not have been ready for.
#[cold]
pub(in crate::retry) fn begin<S, P, K, Req>(
    mut trying: Trying<P, P::State, K, K::Kept, Req>,
    (mut service, readiness): (S, Readiness),
    mut request: K::Request,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request>,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    let policy = &*trying.policy;
    let mut attempt = course::first_attempt(policy, &trying.state, trying.kept.is_some());
    let ends_at = course::ends_at(policy, &attempt);
    let step = if readiness.has_failed() {
        Step::Unready { readiness, request }
    } else if course::came_too_late(&attempt) {
        // It is as if it weren't ready in time.
        Step::Readying { request }
    } else {
        policy.attempt(&mut trying.state, &attempt);
        trying.keep.stamp(&mut request, &attempt, ends_at);
        let within = Within::budget(course::budget(policy));
        let future = service.call(request);
        attempt.account(within.is_some_and(Within::ends));
        Step::Calling { future }
    };
    ResponseFuture { service, trying, attempt, step, timer: ends_at.map(sleep_until) }
}
