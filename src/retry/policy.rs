//! What decides about retries.

use super::{Decision, Elapsed, TimeLimits, budget::AnyBudget};
use crate::{
    Attempt, Cause, Outcome,
    classify::{DrainFuture, Origin},
    time::Instant,
};

/// Decides what to do after each attempt. [`RetryConfig`](super::RetryConfig) is the policy for
/// most purposes. Pass your own policy to [`RetryLayer::with`](super::RetryLayer::with).
///
/// The task that calls or polls a request calls these methods. The calls for one request never
/// overlap.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Attempt, Outcome, RetryLayer, retry::{Decision, Policy, DecisionReason}};
///
/// /// Retries every error once, without a delay.
/// struct Twice;
///
/// impl<Req, Res, Err> Policy<Req, Res, Err> for Twice {
///     type State = ();
///
///     fn start(&self, _: &Req) {}
///
///     fn decide(&self, (): &mut (), attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
///         match outcome.result() {
///             Ok(_) => Decision::Return(DecisionReason::Success),
///             Err(_) if outcome.is_rejected() => Decision::Return(DecisionReason::Rejected { retry_in: None }),
///             Err(_) if attempt.number() >= 2 => Decision::Return(DecisionReason::AttemptsExhausted { attempts: 2 }),
///             Err(_) => Decision::Retry { delay: Duration::ZERO, reason: DecisionReason::Transient },
///         }
///     }
/// }
///
/// let layer = RetryLayer::with(Twice);
/// # let _ = layer;
/// ```
///
/// # Parts of the default policy
///
/// To change single decisions of a [`RetryConfig`](super::RetryConfig), use
/// [`overrides`](super::overrides). To change more, such as its state, wrap it in a policy of your
/// own and call its methods. Call all of them: a method that isn't passed on falls back to the
/// default of this trait, without time limits and without a budget.
///
/// ```
/// use std::{cell::Cell, io, time::Duration};
/// use tower_recourse::{Attempt, Cause, Elapsed, Outcome, RetryConfig, RetryLayer};
/// use tower_recourse::classify::{DrainFuture, Origin};
/// use tower_recourse::retry::{
///     AnyBudget, Decision, OverridablePolicy, Override, Policy, Proposal, TimeLimits,
/// };
/// use tower_recourse::time::Instant;
///
/// struct Job { is_urgent: bool }
///
/// /// The default policy, but urgent jobs wait at most 100 ms before a retry.
/// struct ByUrgency(RetryConfig);
///
/// struct State<S> { is_urgent: bool, inner: S }
///
/// impl<Res, Err> Policy<Job, Res, Err> for ByUrgency
/// where
///     RetryConfig: OverridablePolicy<Job, Res, Err>,
/// {
///     type State = State<<RetryConfig as Policy<Job, Res, Err>>::State>;
///
///     fn start(&self, job: &Job) -> Self::State {
///         State { is_urgent: job.is_urgent, inner: self.0.start(job) }
///     }
///
///     fn decide(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
///         let is_urgent = state.is_urgent;
///         self.0.decide_with(&mut state.inner, attempt, outcome, &mut |proposal: &Proposal| match proposal.decision() {
///             Decision::Retry { delay, .. } if is_urgent => {
///                 Some(Override::Retry { delay: delay.min(Duration::from_millis(100)), reason: "urgent" })
///             }
///             _ => None,
///         })
///     }
///
///     fn attempt(&self, state: &mut Self::State, attempt: &Attempt) {
///         self.0.attempt(&mut state.inner, attempt);
///     }
///
///     fn not_retried(
///         &self,
///         state: &mut Self::State,
///         attempt: &Attempt,
///         outcome: Outcome<'_, Res, Err>,
///         cause: Cause,
///     ) {
///         self.0.not_retried(&mut state.inner, attempt, outcome, cause);
///     }
///
///     fn deadline(&self, state: &Self::State) -> Option<Instant> {
///         self.0.deadline(&state.inner)
///     }
///
///     fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
///         self.0.discard(outcome)
///     }
///
///     fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
///         Policy::<Job, Res, Err>::keep(&self.0, outcome)
///     }
///
///     fn limits(&self) -> TimeLimits {
///         Policy::<Job, Res, Err>::limits(&self.0)
///     }
///
///     fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
///         self.0.timed_out(elapsed)
///     }
///
///     fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
///         self.0.origin(outcome)
///     }
///
///     fn budget(&self) -> Option<&AnyBudget> {
///         Policy::<Job, Res, Err>::budget(&self.0)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let retry = RetryLayer::with(ByUrgency(RetryConfig::default().idempotent()));
/// let (start, calls) = (tokio::time::Instant::now(), Cell::new(0));
/// let result = retry.run_for(&Job { is_urgent: true }, |_| {
///     calls.set(calls.get() + 1);
///     async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) }
/// });
/// assert!(result.await.is_err());
/// assert_eq!((calls.get(), start.elapsed()), (4, Duration::from_millis(300)));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a retry policy for requests `{Req}` with outcomes `Result<{Res}, {Err}>`",
    label = "not a policy for this service",
    note = "`RetryConfig` is one if its classifier accepts this outcome and its time-outs can be turned into this error",
    note = "around a breaker, the error is `BreakerError<E>`"
)]
pub trait Policy<Req, Res, Err> {
    /// The state of one request. It is dropped with the request's future.
    type State;

    /// A request begins. Called once per request, before the first attempt.
    fn start(&self, request: &Req) -> Self::State;

    /// An attempt is about to be made. Called right before each call of the service, the first one
    /// included.
    fn attempt(&self, state: &mut Self::State, attempt: &Attempt) {
        let _ = (state, attempt);
    }

    /// Decides what to do after an attempt.
    fn decide(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision;

    /// The layer overrules a decision to retry and returns the outcome: the request can't be sent
    /// again, or the delay would cross the deadline. It rarely happens to a policy that reads
    /// [`Attempt::is_replayable`] and [`Attempt::deadline`]. `attempt` and `outcome` are those that
    /// [`decide`](Self::decide) got right before.
    fn not_retried(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        let _ = (state, attempt, outcome, cause);
    }

    /// The deadline that the request itself carries. The total limit of [`limits`](Self::limits)
    /// applies if it is earlier. No delay crosses the deadline. An attempt ends at the deadline if
    /// [`timed_out`](Self::timed_out) returns an outcome.
    fn deadline(&self, state: &Self::State) -> Option<Instant> {
        let _ = state;
        None
    }

    /// Discards an outcome after which another attempt follows. The future that it returns is
    /// polled during the delay and dropped at its end.
    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        drop(outcome);
        None
    }

    /// Whether to keep an outcome after which another attempt follows, instead of discarding it. If
    /// a breaker rejects the next attempt, the request returns the kept outcome with the cause
    /// [`RetryRejected`](Cause::RetryRejected). By default, no outcome is kept, and the request
    /// returns the rejection.
    ///
    /// A kept outcome is dropped when the next attempt ends in another way. Before a further
    /// delay, it is [discarded](Self::discard).
    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        let _ = outcome;
        false
    }

    /// The time limits. It must always return the same ones. By default, there are none. A policy
    /// with limits must return an outcome from [`timed_out`](Self::timed_out).
    fn limits(&self) -> TimeLimits {
        TimeLimits::default()
    }

    /// The outcome of an attempt that has reached a limit. `None`: the attempt goes on without a
    /// limit.
    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        let _ = elapsed;
        None
    }

    /// Whether a breaker made this outcome in place of the service, as far as the value itself
    /// shows; see [`Classifier::origin`](crate::Classifier::origin). If it did,
    /// [`Outcome::is_rejected`] is true in [`decide`](Self::decide).
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        let _ = outcome;
        Origin::Unknown
    }

    /// The budget of this policy. With it, a request that crosses several retries on the same
    /// budget deposits once.
    fn budget(&self) -> Option<&AnyBudget> {
        None
    }
}
