//! The beginning of a request: up to its first call.

use std::marker::PhantomData;

use tower_service::Service;

use super::{
    super::{
        Keep, Policy, course,
        spare::{Instances, Later, Spare},
    },
    Before, ResponseFuture, Step, Trying,
};
use crate::{
    Attempt,
    call_context::{
        budget_scope::{BudgetScope, Deposits},
        timeout_scope::TimeoutScope,
    },
    readiness::Readiness,
    seldom::Seldom,
    shared::{Share, Shared},
    time::Instant,
};

/// The future of a request: of `S` are the calls, of `I` the instances for later ones, and `B` is what all requests share.
pub(in crate::retry) type FutureOf<S, I, B, P, K, Req> = ResponseFuture<
    I,
    <S as Service<<K as Keep<Req>>::Request>>::Future,
    <K as Keep<Req>>::Prepared,
    Trying<
        P,
        B,
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

pub(in crate::retry) type Future<S, P, K, Req> = FutureOf<S, Later<S>, Spare<S>, P, K, Req>;

/// Begins a request: mostly the service was ready, and is called at once. The instance that was ready is called, and if there is no spare one
/// for the attempts that may follow, a clone of it is kept.
///
/// There are no ways to what is made here but those in these lines: so it is written once, where it will stay, in the future of whatever layer is
/// around. A function that isn't compiled in line would have it lie in memory, and be copied from there, each time. And what is large, as
/// requests are, is moved as rarely as can be: nothing is put together before all of it is there.
#[inline(always)]
pub(in crate::retry) fn start<S, P, K, Req>(
    (policy, keep): (&Shared<P, Spare<S>>, &K),
    (service, readiness): (&mut S, &mut Readiness),
    mut request: Req,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request> + Clone,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req> + Clone,
{
    let (share, shared, policy) = (policy.share(), policy, &**policy);
    let deposits = if keep.carries_deposits() { keep.deposits(&request).enter() } else { None };
    let mut state = policy.start(&request);
    drop(deposits);
    let kept = keep.keep(&mut request);
    let (mut attempt, ends_at) = course::first_attempt(policy, &state, kept.is_some());
    // Not for every request: what it carries is allocated.
    if keep.carries_deposits() && policy.budget().is_some_and(|budget| shared.has_services() || budget.is_shared()) {
        attempt.carry_deposits();
    }
    if readiness.has_failed() || course::came_too_late(&attempt) {
        return ResponseFuture {
            attempt,
            // The very instance goes with the call: it may have to be asked again whether it is ready.
            instance: Later::is(std::mem::replace(service, service.clone())),
            step: Step::Between,
            before: Some(Box::pin(Before::Uncalled {
                readiness: std::mem::take(readiness),
                request: keep.sent(request),
            }))
            .into(),
            trying: Trying { policy: share, keep: keep.clone(), state, kept, request: PhantomData },
            timer: None,
        };
    }
    let future = send((policy, keep), &mut state, (&mut attempt, ends_at), service, keep.sent(request));
    share.beside().keep(service);
    ResponseFuture {
        attempt,
        instance: Later::NONE,
        step: Step::Calling { future },
        trying: Trying { policy: share, keep: keep.clone(), state, kept, request: PhantomData },
        before: Seldom::NONE,
        timer: None,
    }
}

/// Begins a run of a function, which is always ready, and goes with the call.
#[inline]
pub(in crate::retry) fn run<I, P, K, Req>(
    (policy, mut state): (Share<P>, P::State),
    keep: K,
    mut instance: I,
    (request, kept): (K::Request, K::Kept),
) -> FutureOf<I, I, (), P, K, Req>
where
    I: Service<K::Request> + Instances<(), Service = I>,
    P: Policy<Req, I::Response, I::Error>,
    K: Keep<Req>,
{
    let (attempt, ends_at) = course::first_attempt(&*policy, &state, true);
    let mut attempt = attempt.of_function();
    let kept = Some(kept);
    if course::came_too_late(&attempt) {
        let before = Some(Box::pin(Before::Uncalled { readiness: Readiness::default(), request })).into();
        let trying = Trying { policy, keep, state, kept, request: PhantomData };
        return ResponseFuture { attempt, instance, step: Step::Between, trying, before, timer: None };
    }
    let future = send((&*policy, &keep), &mut state, (&mut attempt, ends_at), &mut instance, request);
    let trying = Trying { policy, keep, state, kept, request: PhantomData };
    ResponseFuture { attempt, instance, step: Step::Calling { future }, trying, before: Seldom::NONE, timer: None }
}

/// Makes an attempt: the service is ready.
#[inline(always)]
pub(super) fn send<S, P, K, Req>(
    (policy, keep): (&P, &K),
    state: &mut P::State,
    (attempt, ends_at): (&mut Attempt, Option<Instant>),
    service: &mut S,
    mut request: K::Request,
) -> S::Future
where
    S: Service<K::Request>,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    policy.attempt(state, attempt);
    keep.stamp(&mut request, attempt, ends_at);
    if keep.carries_deposits() && attempt.carries_deposits() {
        keep.carry_deposits(&mut request, Deposits::with(course::budget(policy)));
    }
    let within = BudgetScope::enter(course::budget(policy));
    let timed = TimeoutScope::enter(attempt.scope());
    let future = service.call(request);
    drop(timed);
    attempt.account(within.is_some_and(BudgetScope::exit));
    future
}
