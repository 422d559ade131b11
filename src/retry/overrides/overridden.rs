//! A policy with an override.

use std::sync::Arc;

use super::{
    super::{Decision, Policy, TimeLimits, budget::AnyBudget},
    OverridablePolicy, Override, OverrideDecision, Proposal,
};
use crate::{
    Attempt, Cause, Elapsed, Outcome,
    classify::{DrainFuture, Origin},
    time::Instant,
};

/// A policy whose decisions an [`OverrideDecision`] overrides. The methods of
/// [`RetryLayer`](super::super::RetryLayer) make it:
/// [`override_decision`](super::super::RetryLayer::override_decision),
/// [`override_on_error`](super::super::RetryLayer::override_on_error) and
/// [`override_with`](super::super::RetryLayer::override_with).
///
/// # Clone
///
/// A clone shares the policy, and so its budget.
#[derive(Debug)]
pub struct Overridden<P, O> {
    policy: Arc<P>,
    overrides: O,
}

impl<P, O> Overridden<P, O> {
    /// Overrides decisions of a policy, for example within a policy of your own.
    pub fn new(policy: P, overrides: O) -> Self {
        Self::sharing(Arc::new(policy), overrides)
    }

    pub(super) fn sharing(policy: Arc<P>, overrides: O) -> Self {
        Self { policy, overrides }
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<P, O: Clone> Clone for Overridden<P, O> {
    fn clone(&self) -> Self {
        Self::sharing(Arc::clone(&self.policy), self.overrides.clone())
    }
}

/// The state of an [`Overridden`] policy for one request.
#[derive(Debug)]
pub struct OverriddenState<State> {
    state: State,
    /// How many retries the override has made.
    retries: u32,
}

impl<P, O, Req, Res, Err> OverridablePolicy<Req, Res, Err> for Overridden<P, O>
where
    P: OverridablePolicy<Req, Res, Err>,
    O: OverrideDecision<Res, Err>,
{
    fn decide_with(
        &self,
        state: &mut Self::State,
        attempt: &Attempt,
        outcome: Outcome<'_, Res, Err>,
        overrides: &mut dyn FnMut(&Proposal<'_>) -> Option<Override>,
    ) -> Decision {
        let (result, retries) = (outcome.result(), state.retries);
        let mut is_own = false;
        let decision = self.policy.decide_with(&mut state.state, attempt, outcome, &mut |proposal| {
            overrides(proposal).or_else(|| {
                let own = self.overrides.override_decision(&proposal.with_retries(retries), result);
                is_own = own.is_some();
                own
            })
        });
        if is_own && matches!(decision, Decision::Retry { .. }) {
            state.retries += 1;
        }
        decision
    }
}

impl<P, O, Req, Res, Err> Policy<Req, Res, Err> for Overridden<P, O>
where
    P: OverridablePolicy<Req, Res, Err>,
    O: OverrideDecision<Res, Err>,
{
    type State = OverriddenState<P::State>;

    fn start(&self, request: &Req) -> Self::State {
        OverriddenState { state: self.policy.start(request), retries: 0 }
    }

    fn attempt(&self, state: &mut Self::State, attempt: &Attempt) {
        self.policy.attempt(&mut state.state, attempt);
    }

    fn decide(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        self.decide_with(state, attempt, outcome, &mut |_| None)
    }

    fn not_retried(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        self.policy.not_retried(&mut state.state, attempt, outcome, cause);
    }

    fn deadline(&self, state: &Self::State) -> Option<Instant> {
        self.policy.deadline(&state.state)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        self.policy.discard(outcome)
    }

    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        self.policy.keep(outcome)
    }

    fn limits(&self) -> TimeLimits {
        self.policy.limits()
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.policy.timed_out(elapsed)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.policy.origin(outcome)
    }

    fn budget(&self) -> Option<&AnyBudget> {
        self.policy.budget()
    }
}
