//! The setters of a layer.

use super::{
    super::{RetryConfig, RetryLayer},
    Overridden, Override, OverrideFn, OverrideOnErrorFn, Proposal,
};
use crate::description::{Description, type_name};

impl<P, Replay> RetryLayer<P, Replay> {
    /// Overrides decisions of the policy by a closure over the proposal and the outcome:
    /// `|proposal: &Proposal, outcome: Result<&Res, &Err>| …`. It is called after each failure;
    /// `None` leaves the decision to the policy. See [`overrides`](super) for what holds
    /// nevertheless: the number of retries, the deadline, the budget, ….
    ///
    /// Around a breaker, a closure over the service's own error also fits: it isn't called for
    /// rejections. A closure over `BreakerError<Err>` is.
    ///
    /// ```
    /// # #[cfg(feature = "http")] {
    /// use http::Response;
    /// use tower_recourse::{RetryConfig, RetryLayer, retry::{Override, Proposal}};
    /// # type Body = String;
    /// # type Error = std::io::Error;
    ///
    /// // A server in maintenance isn't back within the delays of the backoff.
    /// let layer = RetryLayer::new(RetryConfig::http())
    ///     .override_decision(|proposal: &Proposal, outcome: Result<&Response<Body>, &Error>| {
    ///         let is_maintenance = outcome.is_ok_and(|response| response.headers().contains_key("x-maintenance"));
    ///         is_maintenance.then_some(Override::Return { reason: "maintenance" })
    ///     });
    /// # let _ = layer;
    /// # }
    /// ```
    pub fn override_decision<F, Res, Err>(
        self,
        closure: F,
    ) -> RetryLayer<Overridden<P, OverrideFn<F, Res, Err>>, Replay>
    where
        F: Fn(&Proposal<'_>, Result<&Res, &Err>) -> Option<Override>,
    {
        self.override_with(OverrideFn::new(closure))
    }

    /// Overrides decisions of the policy by a closure over the proposal and the error:
    /// `|proposal: &Proposal, error: &Err| …`. The example in [`overrides`](super) waits 5 s after
    /// a certain error.
    ///
    /// Around a breaker, it takes the service's own error, and isn't called for rejections. See
    /// [`override_decision`](Self::override_decision) for closures over responses, too.
    pub fn override_on_error<F, Err>(self, closure: F) -> RetryLayer<Overridden<P, OverrideOnErrorFn<F, Err>>, Replay>
    where
        F: Fn(&Proposal<'_>, &Err) -> Option<Override>,
    {
        self.override_with(OverrideOnErrorFn::new(closure))
    }

    /// Overrides decisions of the policy by an [`OverrideDecision`](super::OverrideDecision), whose
    /// type has a name.
    pub fn override_with<O>(self, overrides: O) -> RetryLayer<Overridden<P, O>, Replay> {
        self.map_policy(|policy| Overridden::sharing(policy, overrides))
    }
}

impl<C, Timeout, Quota, Replay, O> Overridden<RetryConfig<C, Timeout, Quota, Replay>, O> {
    /// The settings of the [`RetryConfig`] as text, and the type of the override.
    pub fn describe(&self) -> Description {
        let mut described = self.policy().describe();
        described.add("override", type_name::<O>());
        described
    }
}
