//! Time that moves only when a test needs it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::sleep,
};

/// Moves tokio's paused time forward, for tests with `#[tokio::test(start_paused = true)]`. All
/// timers that end within `by` fire in order, and the tasks that they wake run before the time
/// moves on. So a retry in another task makes each attempt at its time.
///
/// Delays, time limits, circuits, budgets and scripts use tokio's time, so all of them move
/// together. `by` is rounded up to milliseconds, the resolution of tokio's timers.
///
/// `tokio::time::advance` jumps to the end at once: timers that are set by a woken task begin at
/// the new time, so later attempts come too late.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Circuit, State, testing::advance};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let circuit = Circuit::new(BreakerConfig::default());
/// for _ in 0..6 {
///     advance(Duration::from_millis(100)).await;
///     circuit.try_acquire().unwrap().failure();
/// }
/// assert_eq!(circuit.state(), State::Open);
/// advance(Duration::from_secs(2)).await;
/// assert_eq!(circuit.state(), State::HalfOpen);
/// # }
/// ```
///
/// # Panics
///
/// If the time isn't paused.
pub async fn advance(by: Duration) {
    // Panics unless the time is paused. Otherwise the sleep would take real time.
    tokio::time::advance(Duration::ZERO).await;
    sleep(by).await;
    // Timers that end at the same moment have woken other tasks, which may wake further tasks. The
    // number of such steps isn't known; a call through a stack needs one or two.
    for _ in 0..YIELDS {
        yield_now().await;
    }
}

/// How many times [`advance`] lets the woken tasks run at the end.
const YIELDS: usize = 32;

/// Paused time for tests without a runtime, such as those of
/// [`run_blocking`](crate::RetryLayer::run_blocking). Within [`run`](Self::run), the delays of
/// `run_blocking` take no real time: they move the paused time, which circuits, budgets, deadlines
/// and scripts read.
///
/// ```
/// use std::{fs, io, time::Duration};
/// use tower_recourse::{RetryConfig, RetryLayer, testing::PausedTime, time::Instant};
///
/// let time = PausedTime::new();
/// let retry = RetryLayer::new(RetryConfig::default().idempotent());
/// let spent = time.run(|| {
///     let start = Instant::now();
///     let result: io::Result<()> = retry.run_blocking(|_| Err(io::ErrorKind::ConnectionReset.into()));
///     assert!(result.is_err());
///     start.elapsed()
/// });
/// assert!(spent >= Duration::from_millis(3_500), "three delays, each of at least half of 1, 2 and 4 s");
/// ```
///
/// It applies to the calling thread. Other threads, and `std::thread::sleep` in your own code, use
/// real time.
///
/// *When not to use it*: in async tests. Use `#[tokio::test(start_paused = true)]` there.
///
/// # Clone
///
/// Clones are the same time.
#[derive(Clone)]
pub struct PausedTime {
    runtime: Arc<Runtime>,
}

impl PausedTime {
    /// Makes a time that stands still.
    ///
    /// # Panics
    ///
    /// If the operating system can't provide a runtime.
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self { runtime: Arc::new(runtime.expect("a runtime without I/O can be made")) }
    }

    /// Runs a function that blocks in this time.
    ///
    /// # Panics
    ///
    /// If the function panics. In an async test, a delay panics, because a task can't block.
    pub fn run<R>(&self, function: impl FnOnce() -> R) -> R {
        let _context = self.runtime.enter();
        #[cfg(feature = "retry")]
        let _sleep = {
            let time = self.clone();
            crate::time::replace_thread_sleep(move |delay| time.advance(delay))
        };
        function()
    }

    /// Moves the time forward.
    ///
    /// # Panics
    ///
    /// In an async test.
    pub fn advance(&self, by: Duration) {
        self.runtime.block_on(tokio::time::advance(by));
    }
}

impl Default for PausedTime {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PausedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PausedTime").finish_non_exhaustive()
    }
}
