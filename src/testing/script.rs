//! The service that follows a script.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use super::{
    request_log::RequestLog,
    script_future::ScriptFuture,
    script_state::{Readiness, ScriptState},
    step::Step,
};
use crate::{service::call_methods, time::Instant};

/// A service for tests that follows a script: one [`Step`] per call.
///
/// ```
/// use std::{io, time::Duration};
/// use tower::Layer;
/// use tower_recourse::{RetryConfig, RetryLayer, retry::{Backoff, Jitter}};
/// use tower_recourse::testing::{Script, fail_io, succeed};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> io::Result<()> {
/// let upstream = Script::new([fail_io(io::ErrorKind::ConnectionRefused), succeed("item 7")])
///     .record(|id: &u32| *id);
///
/// let second = Duration::from_secs(1);
/// let config = RetryConfig::default().backoff(Backoff::exponential(second).jitter(Jitter::None));
/// let mut service = RetryLayer::new(config).layer(upstream.clone());
///
/// assert_eq!(service.ready().await?.call(7).await?, "item 7");
/// assert_eq!(upstream.requests(), [7, 7]);
/// assert_eq!(upstream.gaps(), [second]);
/// upstream.assert_finished();
/// # Ok(())
/// # }
/// ```
///
/// # The end of the script
///
/// The last step repeats, so `Script::new([succeed(())])` always succeeds. A
/// [`strict`](Self::strict) script ends after its last step: a further call panics.
///
/// # Readiness
///
/// The service must be polled ready before each call, as tower requires. A call without it panics.
/// [`not_ready`](super::not_ready), [`not_ready_for`](super::not_ready_for) and
/// [`readiness_error`](super::readiness_error) are steps that `poll_ready` takes.
///
/// # Clone
///
/// Clones share the script, the counts and the recorded requests. Each must be polled ready for
/// itself.
///
/// # Cancel safety
///
/// A call takes its step when it is made. A future that is dropped doesn't give the step back, and
/// counts in [`cancelled`](Self::cancelled).
pub struct Script<Req, Res, Err, T = ()> {
    state: Arc<ScriptState<Res, Err>>,
    requests: Option<RequestLog<Req, T>>,
    is_ready: bool,
    /// The timer of a readiness step, for the time at which it ends.
    waits: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<Req, Res, Err> Script<Req, Res, Err> {
    /// Makes a service that follows these steps.
    ///
    /// # Panics
    ///
    /// If there is no step.
    pub fn new(steps: impl IntoIterator<Item = Step<Res, Err>>) -> Self {
        Self { state: Arc::new(ScriptState::new(steps)), requests: None, is_ready: false, waits: None }
    }

    /// Stores what a closure returns for each request, at most 100,000 values. To store the
    /// requests, return a clone.
    pub fn record<T>(self, request: impl Fn(&Req) -> T + Send + Sync + 'static) -> Script<Req, Res, Err, T> {
        Script { state: self.state, requests: Some(RequestLog::new(request)), is_ready: false, waits: None }
    }
}

impl<Req, Res, Err, T> Script<Req, Res, Err, T> {
    /// Ends the script after its last step. A further call panics.
    pub fn strict(self) -> Self {
        self.state.set_strict();
        self
    }

    /// Replaces the rest of the script, for all clones. Clones that wait to become ready are woken.
    ///
    /// # Panics
    ///
    /// If there is no step.
    pub fn replace(&self, steps: impl IntoIterator<Item = Step<Res, Err>>) {
        self.state.replace(steps);
    }

    /// The number of calls.
    pub fn calls(&self) -> usize {
        self.state.calls()
    }

    /// The number of calls whose future exists and hasn't ended.
    pub fn in_flight(&self) -> usize {
        self.state.in_flight()
    }

    /// The number of calls whose future was dropped before it ended.
    pub fn cancelled(&self) -> usize {
        self.state.cancelled()
    }

    /// The times of the first 100,000 calls, in tokio time.
    pub fn times(&self) -> Vec<Instant> {
        self.state.times()
    }

    /// The times between the calls.
    pub fn gaps(&self) -> Vec<Duration> {
        self.times().windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).collect()
    }

    /// Checks that every step was taken. The last step counts as taken after its first repetition.
    ///
    /// # Panics
    ///
    /// If a step was not taken.
    #[track_caller]
    pub fn assert_finished(&self) {
        let left = self.state.untaken();
        assert!(left == 0, "{left} steps of the script were not taken, after {} calls", self.calls());
    }
}

impl<Req, Res, Err, T: Clone> Script<Req, Res, Err, T> {
    /// What the closure of [`record`](Script::record) returned for each request so far. Nothing
    /// without `record`.
    pub fn requests(&self) -> Vec<T> {
        self.requests.iter().flat_map(RequestLog::entries).map(|entry| T::clone(&entry)).collect()
    }
}

impl<Req, Res, Err, T> Service<Req> for Script<Req, Res, Err, T> {
    type Response = Res;
    type Error = Err;
    type Future = ScriptFuture<Res, Err>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Err>> {
        loop {
            match self.state.readiness(cx.waker()) {
                Readiness::Ready => {
                    self.is_ready = true;
                    self.waits = None;
                    return Poll::Ready(Ok(()));
                }
                Readiness::Error(make) => return Poll::Ready(Err(make())),
                Readiness::NotReady => return Poll::Pending,
                Readiness::Until(time) => {
                    if self.waits.as_ref().is_none_or(|(until, _)| *until != time) {
                        self.waits = Some((time, Box::pin(sleep_until(time))));
                    }
                    // Never `None`: it was set above.
                    let Some((_, timer)) = &mut self.waits else { return Poll::Pending };
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.waits = None;
                }
            }
        }
    }

    fn call(&mut self, request: Req) -> ScriptFuture<Res, Err> {
        assert!(mem::take(&mut self.is_ready), "the script was called without being polled ready");
        if let Some(requests) = &self.requests {
            requests.record(&request);
        }
        let step = self.state.start_call();
        ScriptFuture::new(Arc::clone(&self.state), step)
    }
}

call_methods!(Script<A, B, C, D>);

impl<Req, Res, Err, T> Clone for Script<Req, Res, Err, T> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), requests: self.requests.clone(), is_ready: false, waits: None }
    }
}

impl<Req, Res, Err, T> fmt::Debug for Script<Req, Res, Err, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("calls", &self.calls())
            .field("in_flight", &self.in_flight())
            .field("untaken", &self.state.untaken())
            .finish_non_exhaustive()
    }
}
