//! Retries of an async function: [`RetryLayer::run`].

use sync_wrapper::SyncWrapper;

use super::{
    Policy, RetryLayer,
    attempt_flow::send,
    attempt_time::{came_too_late, first_attempt},
    function_service::{AttemptAsRequest, FunctionService},
    future::ResponseFuture,
    request_context::{PreAttempt, RequestContext},
    stored_copy::StoredCopy,
};
use crate::{Attempt, cold_option::ColdOption, readiness::Readiness};

// `State` is a parameter, because `P::State` would be a projection in the future's hidden type. A
// spawned task that awaits the future would then have to prove the bounds of the projection for an
// error such as `Box<dyn Error>`, which the compiler can't do (`tests/stack/spawned.rs`).
impl<P, Replay> RetryLayer<P, Replay> {
    /// Retries an async function, which gets the [`Attempt`] as its argument.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> io::Result<()> {
    /// // The function only reads, so it may be called again after any transient failure.
    /// let retry = RetryLayer::new(RetryConfig::default().idempotent());
    /// let answer = retry.run(|attempt| async move {
    ///     if attempt.number() < 3 { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(42) }
    /// });
    /// assert_eq!(answer.await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Without [`idempotent`](super::RetryConfig::idempotent), the default classifier allows a
    /// retry only after an error which proves that nothing was sent. After any other error of an
    /// `INCR`, say, the server may have executed it, and only the response was lost. See
    /// [`ErrorClassifier`](crate::classify::ErrorClassifier#idempotency).
    ///
    /// A closure that lends a `&mut` value to its attempts isn't accepted here: use
    /// [`run_with`](Self::run_with) or [`run_lending`](Self::run_lending).
    ///
    /// [`before_resend`](Self::before_resend) has no effect on functions. The function itself can
    /// act on the attempt's number.
    ///
    /// # Errors
    ///
    /// The function's own error of the last attempt, or what the [time-outs](super::Timeouts)
    /// return.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any point. The drop cancels the attempt that is under way, and
    /// gives back what was reserved for an attempt that wasn't made.
    #[inline]
    pub fn run<F, Fut, Res, Err, State>(
        &self,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, Replay, F, Fut, Res, Err, State>
    where
        P: Policy<(), Res, Err, State = State>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<Res, Err>>,
        Err: 'static,
    {
        self.run_for(&(), function)
    }

    /// [`run`](Self::run) with a request for the classifier and the [quota](super::quota). The
    /// function doesn't get the request.
    ///
    /// # Errors
    ///
    /// Same as [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Same as [`run`](Self::run).
    #[inline]
    pub fn run_for<Req, F, Fut, Res, Err, State>(
        &self,
        request: &Req,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, Replay, Req, F, Fut, Res, Err, State>
    where
        P: Policy<Req, Res, Err, State = State>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<Res, Err>>,
        Err: 'static,
    {
        let share = self.policy.shard();
        let policy = &*share;
        let mut state = policy.start(request);
        let mut attempt = first_attempt(policy, &state, true).of_function();
        let (first, mut service) = (attempt, FunctionService(function));
        let (call, pre_attempt) = if came_too_late(&attempt) {
            let pre_attempt = PreAttempt::NotBegun { readiness: Readiness::default(), request: first };
            (None, pre_attempt.boxed())
        } else {
            let call = send::<_, _, _, Req>(policy, &mut state, &AttemptAsRequest, &mut attempt, &mut service, first);
            (Some(call), ColdOption::NONE)
        };
        let stored = StoredCopy::<_, _, Req>::new(AttemptAsRequest, Some(()));
        let context = RequestContext { policy: share, state, instance: service, stored, pre_attempt };
        ResponseFuture { attempt, call: SyncWrapper::new(call), context: SyncWrapper::new(context), timer: None }
    }
}
