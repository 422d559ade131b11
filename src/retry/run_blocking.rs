//! Retries of a function that blocks: [`RetryLayer::run_blocking`].

use super::{
    Policy, RetryLayer,
    attempt_flow::{AfterAttempt, AttemptOutcome, after_attempt, in_attempt},
    attempt_time::{begin, came_too_late, first_attempt, is_over, reached_limit},
    function_service::AttemptAsRequest,
    last_outcome,
    stored_copy::StoredCopy,
};
use crate::{Attempt, call_context::result_note, time::thread_sleep};

impl<P, Replay> RetryLayer<P, Replay> {
    /// Retries a function that blocks. The thread sleeps during the delays. Don't call it in async
    /// code, where it would block all other tasks of the thread.
    ///
    /// It retries under the same conditions as [`run`](Self::run).
    ///
    /// An attempt that blocks can't be cancelled. So of the [time-outs](super::Timeouts), only the
    /// total limit is enforced, and only between attempts. The function can get the time that is
    /// left from [`Attempt::remaining`].
    ///
    /// ```
    /// use std::{fs, time::Duration};
    /// use tower_recourse::{RetryConfig, RetryLayer, retry::Backoff};
    ///
    /// let retry = RetryLayer::new(RetryConfig::default().backoff(Backoff::fixed(Duration::from_millis(1))));
    /// assert!(retry.run_blocking(|_| fs::read("no such file")).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The function's own error of the last attempt. If the total limit is over before an attempt,
    /// what the [time-outs](super::Timeouts) return.
    pub fn run_blocking<F, Res, Err>(&self, function: F) -> Result<Res, Err>
    where
        P: Policy<(), Res, Err>,
        F: FnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_blocking_for(&(), function)
    }

    /// [`run_blocking`](Self::run_blocking) with a request for the classifier and the
    /// [quota](super::quota). The function doesn't get the request.
    ///
    /// # Errors
    ///
    /// Same as [`run_blocking`](Self::run_blocking).
    pub fn run_blocking_for<Req, F, Res, Err>(&self, request: &Req, mut function: F) -> Result<Res, Err>
    where
        P: Policy<Req, Res, Err>,
        F: FnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        let policy = &*self.policy;
        let mut state = policy.start(request);
        let mut stored = StoredCopy::<_, _, Req>::new(AttemptAsRequest, Some(()));
        let mut attempt = first_attempt(policy, &state, true).of_function();
        let mut last = None;
        loop {
            let mut outcome = match result_if_too_late(policy, &attempt) {
                Some(result) => AttemptOutcome::unsent(result, None),
                None => {
                    policy.attempt(&mut state, &attempt);
                    let shown = attempt;
                    let call = || result_note::call(|| function(shown));
                    let (result, note) = in_attempt(policy, &mut attempt, call);
                    AttemptOutcome::called(result, note)
                }
            };
            match after_attempt(policy, &mut state, &mut stored, &attempt, &mut outcome) {
                AfterAttempt::Return(report) => return last_outcome::choose(outcome, report, last),
                AfterAttempt::Repeat(next) => {
                    // The outcome is dropped before the delay, so that other requests can use what
                    // the outcome holds.
                    drop(last_outcome::keep(&attempt, outcome, &mut last));
                    thread_sleep(next.delay);
                    attempt = begin(next.attempt);
                }
            }
        }
    }
}

/// The policy's result for an attempt that can't be made any more: the deadline had passed before
/// the request was made, or has passed during a sleep that took longer than requested.
fn result_if_too_late<P, Req, Res, Err>(policy: &P, attempt: &Attempt) -> Option<Result<Res, Err>>
where
    P: Policy<Req, Res, Err>,
{
    let is_too_late = match attempt.number() {
        1 => came_too_late(attempt),
        _ => is_over(attempt.deadline()),
    };
    if is_too_late { policy.timed_out(reached_limit(policy, attempt)) } else { None }
}
