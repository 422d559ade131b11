//! The traits of overrides, and of the policies that they apply to.

use super::{
    super::{Decision, Policy},
    Override, Proposal,
};
use crate::{Attempt, Outcome};

/// Overrides decisions of a policy, as a type with a name. For closures, see
/// [`RetryLayer::override_decision`](super::super::RetryLayer::override_decision) and
/// [`override_on_error`](super::super::RetryLayer::override_on_error).
///
/// ```
/// use std::{io, time::Duration};
/// use tower_recourse::{RetryConfig, RetryLayer, retry::{Overridden, Override, OverrideDecision, Proposal}};
///
/// struct AtMost(u32);
///
/// impl<Res> OverrideDecision<Res, io::Error> for AtMost {
///     fn override_decision(&self, proposal: &Proposal<'_>, outcome: Result<&Res, &io::Error>) -> Option<Override> {
///         let is_timeout = outcome.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
///         (is_timeout && proposal.attempt().number() >= self.0).then_some(Override::Return { reason: "slow" })
///     }
/// }
///
/// struct Client { retry: RetryLayer<Overridden<RetryConfig, AtMost>> }
///
/// let client = Client { retry: RetryLayer::new(RetryConfig::default()).override_with(AtMost(2)) };
/// # let _ = client.retry;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't override decisions about outcomes `Result<{Res}, {Err}>`",
    label = "not an override for this service",
    note = "around a breaker, implement it for every `Err: classify::ServiceError<E>`, where `E` is the service's error",
    note = "pass closures to `RetryLayer::override_decision` or `RetryLayer::override_on_error`"
)]
pub trait OverrideDecision<Res, Err> {
    /// Called after each failure that the policy decides about. `None` leaves the decision to the
    /// policy.
    fn override_decision(&self, proposal: &Proposal<'_>, outcome: Result<&Res, &Err>) -> Option<Override>;
}

/// A policy whose decisions can be overridden before anything is withdrawn from its budget:
/// [`RetryConfig`](super::super::RetryConfig), an [`Overridden`](super::Overridden) policy, and
/// your own policy around one of them. See [`overrides`](super).
#[diagnostic::on_unimplemented(
    message = "the decisions of `{Self}` can't be overridden",
    label = "not an `OverridablePolicy` for requests `{Req}` with outcomes `Result<{Res}, {Err}>`",
    note = "`RetryConfig` is one: add the override before `boxed_policy`. A custom policy implements `decide_with`"
)]
pub trait OverridablePolicy<Req, Res, Err>: Policy<Req, Res, Err> {
    /// [`Policy::decide`] with an override. It is called at most once.
    fn decide_with(
        &self,
        state: &mut Self::State,
        attempt: &Attempt,
        outcome: Outcome<'_, Res, Err>,
        overrides: &mut dyn FnMut(&Proposal<'_>) -> Option<Override>,
    ) -> Decision;
}
