//! Retries of an async function: [`RetryLayer::run`].

use super::{
    Policy, RetryLayer,
    attempt_flow::send,
    attempt_time::{came_too_late, first_attempt},
    function_service::{AttemptAsRequest, FunctionService},
    future::ResponseFuture,
    request_context::{PreAttempt, RequestContext},
    stored_copy::StoredCopy,
};
use crate::{Attempt, readiness::Readiness, seldom::Seldom};

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

    /// [`run`](Self::run) for a request that the classifier and the [ledger](super::quota) look at.
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
        let share = self.policy.share();
        let policy = &*share;
        let mut state = policy.start(request);
        let mut attempt = first_attempt(policy, &state, true).of_function();
        let (first, mut service) = (attempt, FunctionService(function));
        let (call, pre_attempt) = if came_too_late(&attempt) {
            let pre_attempt = PreAttempt::NotBegun { readiness: Readiness::default(), request: first };
            (None, pre_attempt.boxed())
        } else {
            let call = send::<_, _, _, Req>(policy, &mut state, &AttemptAsRequest, &mut attempt, &mut service, first);
            (Some(call), Seldom::NONE)
        };
        let stored = StoredCopy::<_, _, Req>::new(AttemptAsRequest, Some(()));
        let context = RequestContext { policy: share, state, instance: service, stored, pre_attempt };
        ResponseFuture { attempt, call, context, timer: None }
    }
}
