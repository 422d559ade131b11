//! Retrying plain functions, by the same policy, budget and events as services.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
    thread,
};

use tower_service::Service;

use super::{Keep, Policy, RetryLayer, course, future, spare::Instances};
use crate::{
    Attempt,
    call_context::{
        budget_scope::BudgetScope,
        result_note::{self, Note},
    },
    time::Instant,
};

impl<P, K> RetryLayer<P, K> {
    /// Retries an async function, which is told the [`Attempt`] that it makes.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> io::Result<()> {
    /// // The function is a read, so it may run again after a failure.
    /// let retry = RetryLayer::new(RetryConfig::default().idempotent());
    /// let answer = retry.run(|attempt| async move {
    ///     if attempt.number() < 3 { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(42) }
    /// });
    /// assert_eq!(answer.await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Without [`idempotent`](super::RetryConfig::idempotent), the default classifier repeats the function only after an error which proves that
    /// nothing was sent: the error of an `INCR` may mean that only its answer was lost. See
    /// [`Errors`](crate::classify::Errors#idempotency).
    ///
    /// There is no request to be kept or changed: what [`before_resend`](Self::before_resend) would do, the function does itself when
    /// the attempt's number is above 1.
    ///
    /// # Errors
    ///
    /// The function's own, of its last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the attempt that is under way is dropped, and what was reserved for one that wasn't made goes back.
    #[inline]
    pub fn run<F, Fut, Res, Err>(
        &self,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, K, F, Fut, Res, Err>
    where
        P: Policy<(), Res, Err>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<Res, Err>>,
        Err: 'static,
    {
        self.run_for(&(), function)
    }

    /// [`run`](Self::run) for a request that the classifier and the [ledger](super::ledger) look at.
    ///
    /// # Errors
    ///
    /// The function's own, of its last attempt.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    #[inline]
    pub fn run_for<Req, F, Fut, Res, Err>(
        &self,
        request: &Req,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, K, Req, F, Fut, Res, Err>
    where
        P: Policy<Req, Res, Err>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<Res, Err>>,
        Err: 'static,
    {
        let policy = self.policy.share();
        let state = policy.start(request);
        future::run::<_, _, _, Req>((policy, state), EachAttempt, Function(function), (Attempt::new(1), ()))
    }

    /// Retries a function that blocks; waits by putting the thread to sleep. Not for async code: there it would hold up all that
    /// runs on the thread.
    ///
    /// It repeats the function under the same conditions as [`run`](Self::run).
    ///
    /// An attempt that blocks can't be cut off: of the [time-outs](super::Timeouts), only the deadline of the whole holds, between
    /// attempts. The function may ask [`Attempt::remaining`] how long it has.
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
    /// The function's own, of its last attempt.
    pub fn run_blocking<F, Res, Err>(&self, function: F) -> Result<Res, Err>
    where
        P: Policy<(), Res, Err>,
        F: FnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_blocking_for(&(), function)
    }

    /// [`run_blocking`](Self::run_blocking) for a request that the classifier and the [ledger](super::ledger) look at.
    ///
    /// # Errors
    ///
    /// The function's own, of its last attempt.
    pub fn run_blocking_for<Req, F, Res, Err>(&self, request: &Req, mut function: F) -> Result<Res, Err>
    where
        P: Policy<Req, Res, Err>,
        F: FnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        let policy = &*self.policy;
        let mut state = policy.start(request);
        let (attempt, _) = course::first_attempt(policy, &state, true);
        let mut attempt = attempt.of_function();
        loop {
            let ((result, note), is_unsent) = match too_late(policy, &attempt) {
                Some(result) => ((result, Note::NONE), true),
                None => {
                    policy.attempt(&mut state, &attempt);
                    let made = attempt;
                    let within = BudgetScope::enter(course::budget(policy));
                    let noted = result_note::call(|| function(made));
                    attempt.account(within.is_some_and(BudgetScope::exit));
                    (noted, false)
                }
            };
            let judged = attempt.with_unsent(is_unsent);
            let Some(next) = course::judge(policy, &mut state, &judged, (&result, note)) else { return result };
            // The failed outcome is let go before the wait, so that what it holds can be used meanwhile.
            drop(result);
            thread::sleep(next.delay());
            attempt = course::begun(next.attempt(attempt));
        }
    }
}

/// The deadline may have passed before the first attempt, or by a sleep that took longer than it should have.
fn too_late<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Option<Result<Res, Err>> {
    let is_late = match attempt.number() {
        1 => course::came_too_late(attempt),
        _ => course::is_over(attempt.deadline()),
    };
    if is_late { policy.timed_out(course::elapsed(policy, attempt)) } else { None }
}

/// A function as a service, whose requests are the attempts.
struct Function<F>(F);

impl<F, Fut, Res, Err> Service<Attempt> for Function<F>
where
    F: FnMut(Attempt) -> Fut,
    Fut: Future<Output = Result<Res, Err>>,
{
    type Response = Res;
    type Error = Err;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Err>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Fut {
        (self.0)(attempt)
    }
}

/// It is always ready, reserves nothing, and makes all attempts itself.
impl<F> Instances<()> for Function<F> {
    type Service = Self;

    fn poll_get(&mut self, (): &(), _: &mut Context<'_>) -> Poll<&mut Self> {
        Poll::Ready(self)
    }

    fn release(&mut self) {}
}

/// What is sent is the attempt, whatever the request is; so nothing is kept.
struct EachAttempt;

impl<Req> Keep<Req> for EachAttempt {
    type Request = Attempt;
    type Kept = ();
    type Prepared = Ready<Attempt>;

    fn keep(&self, _: &mut Req) -> Option<()> {
        Some(())
    }

    fn sent(&self, _: Req) -> Attempt {
        Attempt::new(1)
    }

    fn again(&self, (): &mut ()) -> Option<Attempt> {
        Some(Attempt::new(1))
    }

    fn prepare(&self, request: Attempt, _: &Attempt) -> Ready<Attempt> {
        ready(request)
    }

    fn stamp(&self, request: &mut Attempt, attempt: &Attempt, _: Option<Instant>) {
        *request = *attempt;
    }
}
