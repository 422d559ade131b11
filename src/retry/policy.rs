use super::{Decision, Elapsed, Limits, budget::AnyBudget};
use crate::{
    Attempt, Cause, Outcome,
    classify::{LetGo, Origin},
    time::Instant,
};

/// Decides what to do about each outcome. [`RetryConfig`](super::RetryConfig) is the one for most purposes; whatever
/// implements this can be given to [`RetryLayer::with`](super::RetryLayer::with) instead.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Attempt, Outcome, RetryLayer, retry::{Decision, Policy, Reason}};
///
/// /// One more try, at once, whatever went wrong.
/// struct Twice;
///
/// impl<Req, Res, Err> Policy<Req, Res, Err> for Twice {
///     type State = ();
///
///     fn start(&self, _: &Req) {}
///
///     fn decide(&self, (): &mut (), attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
///         match outcome.result() {
///             Ok(_) => Decision::Return(Reason::Success),
///             Err(_) if outcome.is_rejected() => Decision::Return(Reason::Rejected { retry_in: None }),
///             Err(_) if attempt.number() >= 2 => Decision::Return(Reason::AttemptsSpent { attempts: 2 }),
///             Err(_) => Decision::Retry { delay: Duration::ZERO, reason: Reason::Transient },
///         }
///     }
/// }
///
/// let layer = RetryLayer::with(Twice);
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no retry policy for requests `{Req}` with outcomes `Result<{Res}, {Err}>`",
    label = "not a policy of this service",
    note = "`RetryConfig` is one, if its classifier judges this error and its time-outs can be made into it",
    note = "around a breaker, the error is `BreakerError<E>`"
)]
pub trait Policy<Req, Res, Err> {
    /// What is kept for one request from its start to its end. Dropped with it, also when the caller gives up.
    type State;

    /// A request has come.
    fn start(&self, request: &Req) -> Self::State;

    /// An attempt is about to be made, the first one included.
    fn attempt(&self, state: &mut Self::State, attempt: &Attempt) {
        let _ = (state, attempt);
    }

    /// An attempt has come to this.
    fn decide(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision;

    /// The request isn't sent again, although the policy would have: it can't be, or the wait would cross the deadline.
    /// For policies that look at [`Attempt::is_replayable`] and [`Attempt::deadline`] themselves this is the exception.
    fn not_retried(&self, state: &mut Self::State, attempt: &Attempt, cause: Cause) {
        let _ = (state, attempt, cause);
    }

    /// When this request must be answered, if the request says so itself; an earlier end by the [`limits`](Self::limits) holds. No
    /// wait crosses it, and if [`timed_out`](Self::timed_out) has an answer, no attempt does.
    fn deadline(&self, state: &Self::State) -> Option<Instant> {
        let _ = state;
        None
    }

    /// An outcome is let go, as another attempt follows. What is returned is polled during the wait, and dropped with it.
    fn let_go(&self, outcome: Result<Res, Err>) -> Option<LetGo> {
        drop(outcome);
        None
    }

    /// How long things may take: the same whenever it is asked. No limits unless given; with some, [`timed_out`](Self::timed_out) must
    /// answer.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The outcome of an attempt that was cut off at a limit. Without an answer, the attempt goes on.
    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        let _ = elapsed;
        None
    }

    /// Whether a breaker made this outcome in place of the service, as far as the value itself says: see
    /// [`Classifier::origin`](crate::Classifier::origin). If so, [`Outcome::is_rejected`] is true of the outcome that is decided on.
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        let _ = outcome;
        Origin::Unknown
    }

    /// The budget that it draws on, so that a request which crosses several retries on one budget deposits once.
    fn budget(&self) -> Option<&AnyBudget> {
        None
    }
}
