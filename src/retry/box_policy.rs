//! A policy without a type of its own.

use std::{any::Any, fmt, sync::Arc};

use super::{Decision, Policy, RetryLayer, TimeLimits, budget::AnyBudget};
use crate::{
    Attempt, Cause, Elapsed, Outcome,
    classify::{DrainFuture, Origin},
    time::Instant,
};

/// Any policy for requests `Req` and outcomes `Result<Res, Err>`.
///
/// The type of a [`RetryConfig`](super::RetryConfig) contains its closures, which have no names:
/// the classifier, the function of a time-out, the key of a quota. With a `BoxPolicy`, the types of
/// the layer and the service have names, so that they can be fields of a struct:
///
/// ```
/// use std::{io, time::Duration};
/// use tower_recourse::{RetryConfig, RetryLayer, Verdict, retry::{BoxPolicy, Timeouts}};
///
/// struct Client {
///     retry: RetryLayer<BoxPolicy<(), String, io::Error>>,
/// }
///
/// let limits = Timeouts::attempt(Duration::from_secs(2)).on_timeout(|_| Ok("too late".to_owned()));
/// let config = RetryConfig::default()
///     .timeouts(limits)
///     .classify_errors(|error: &io::Error| (error.kind() == io::ErrorKind::NotFound).then(Verdict::permanent));
/// let client = Client { retry: RetryLayer::new(config).boxed_policy() };
/// # let _ = client.retry;
/// ```
///
/// # When not to use it
///
/// - If a stack is boxed as a whole, with tower's `BoxCloneSyncService`. The types of its layers
///   then don't appear.
/// - If only the classifier has no name: a
///   [`BoxClassifier`](crate::classify::BoxClassifier) allocates less.
///
/// # Costs
///
/// Each method is a virtual call. The state of each request is boxed, which allocates once per
/// request.
///
/// # Clone
///
/// A clone shares the policy, and so its budget. It counts one reference.
pub struct BoxPolicy<Req, Res, Err>(Arc<dyn AnyPolicy<Req, Res, Err>>);

impl<Req, Res, Err> BoxPolicy<Req, Res, Err> {
    /// Boxes a policy. To keep how a layer stores requests, use
    /// [`RetryLayer::boxed_policy`](super::RetryLayer::boxed_policy).
    pub fn new<P>(policy: P) -> Self
    where
        P: Policy<Req, Res, Err, State: Send + 'static> + Send + Sync + 'static,
    {
        Self(Arc::new(policy))
    }
}

impl<P, Replay> RetryLayer<P, Replay> {
    /// Replaces the type of the policy by [`BoxPolicy`], which has a name. The layer shares the
    /// policy and its budget with its former clones.
    pub fn boxed_policy<Req, Res, Err>(self) -> RetryLayer<BoxPolicy<Req, Res, Err>, Replay>
    where
        P: Policy<Req, Res, Err, State: Send + 'static> + Send + Sync + 'static,
    {
        self.map_policy(|policy| BoxPolicy(policy))
    }
}

impl<Req, Res, Err> Clone for BoxPolicy<Req, Res, Err> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req, Res, Err> fmt::Debug for BoxPolicy<Req, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxPolicy").finish_non_exhaustive()
    }
}

/// The state of a request in a [`BoxPolicy`]. It belongs to the policy that made it.
pub struct BoxState(Box<dyn Any + Send>);

impl BoxState {
    fn of<State: Send + 'static>(state: State) -> Self {
        Self(Box::new(state))
    }

    /// Panics if another policy made the state, which a layer never does.
    fn get<State: 'static>(&self) -> &State {
        self.0.downcast_ref().expect("this policy made the state")
    }

    fn get_mut<State: 'static>(&mut self) -> &mut State {
        self.0.downcast_mut().expect("this policy made the state")
    }
}

impl fmt::Debug for BoxState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxState").finish_non_exhaustive()
    }
}

/// [`Policy`] without an associated type.
trait AnyPolicy<Req, Res, Err>: Send + Sync {
    fn start(&self, request: &Req) -> BoxState;
    fn attempt(&self, state: &mut BoxState, attempt: &Attempt);
    fn decide(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision;
    fn not_retried(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause);
    fn deadline(&self, state: &BoxState) -> Option<Instant>;
    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture>;
    fn keep(&self, outcome: Result<&Res, &Err>) -> bool;
    fn limits(&self) -> TimeLimits;
    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>>;
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin;
    fn budget(&self) -> Option<&AnyBudget>;
}

impl<P, Req, Res, Err> AnyPolicy<Req, Res, Err> for P
where
    P: Policy<Req, Res, Err, State: Send + 'static> + Send + Sync,
{
    fn start(&self, request: &Req) -> BoxState {
        BoxState::of(self.start(request))
    }

    fn attempt(&self, state: &mut BoxState, attempt: &Attempt) {
        self.attempt(state.get_mut(), attempt);
    }

    fn decide(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        self.decide(state.get_mut(), attempt, outcome)
    }

    fn not_retried(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        self.not_retried(state.get_mut(), attempt, outcome, cause);
    }

    fn deadline(&self, state: &BoxState) -> Option<Instant> {
        self.deadline(state.get())
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        self.discard(outcome)
    }

    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        self.keep(outcome)
    }

    fn limits(&self) -> TimeLimits {
        self.limits()
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.timed_out(elapsed)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.origin(outcome)
    }

    fn budget(&self) -> Option<&AnyBudget> {
        self.budget()
    }
}

impl<Req, Res, Err> Policy<Req, Res, Err> for BoxPolicy<Req, Res, Err> {
    type State = BoxState;

    fn start(&self, request: &Req) -> BoxState {
        self.0.start(request)
    }

    fn attempt(&self, state: &mut BoxState, attempt: &Attempt) {
        self.0.attempt(state, attempt);
    }

    fn decide(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        self.0.decide(state, attempt, outcome)
    }

    fn not_retried(&self, state: &mut BoxState, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        self.0.not_retried(state, attempt, outcome, cause);
    }

    fn deadline(&self, state: &BoxState) -> Option<Instant> {
        self.0.deadline(state)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        self.0.discard(outcome)
    }

    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        self.0.keep(outcome)
    }

    fn limits(&self) -> TimeLimits {
        self.0.limits()
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.0.timed_out(elapsed)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.0.origin(outcome)
    }

    fn budget(&self) -> Option<&AnyBudget> {
        self.0.budget()
    }
}
