//! A wrapper around any function, blocking or async: retries, a breaker, a budget, and a fallback.
//!
//! ```sh
//! cargo run --example function_wrapper --features text
//! ```
//!
//! Time is paused: tokio advances its clock while all tasks wait. Blocking functions wait in real
//! time, so their delays are a hundredth of the others.

use std::{error::Error, io, time::Duration};

use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Ratio, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    classify::{self, Chain, ErrorClassifier, ErrorClassifierFn, ErrorMessages, FollowSources, Or},
    observe::{StopCause, TracingObserver},
    report::{Reported, ReportedError, with_report, with_report_blocking},
    retry::{Backoff, Jitter, TokenBucket},
};
use tracing::{Instrument, Level, info, info_span};

/// Classifies by the error's type first, then by its text.
type RetryClassifier = Chain<Or<FollowSources<ErrorClassifier>, FollowSources<ErrorMessages>>>;
/// Classifies errors for the circuit, which ignores those that are [`Verdict::Neutral`].
pub(crate) type Classify<E> = fn(&E) -> Verdict;

/// Wraps the functions of one dependency, which share a circuit and a budget within this process.
pub(crate) struct Wrapper<E> {
    name: &'static str,
    retry: RetryLayer<RetryConfig<RetryClassifier>>,
    pub(crate) circuit: Circuit<ErrorClassifierFn<Classify<E>, E>>,
}

impl<E: Error + 'static> Wrapper<E> {
    /// Makes 3 retries, after 1, 2 and 4 times `base`, each × 0.5–1.5 and at most 60 s.
    pub(crate) fn new(name: &'static str, base: Duration, classify: Classify<E>) -> Self {
        let backoff = Backoff::exponential(base).max(Duration::from_secs(60)).jitter(Jitter::Bounded(Ratio::HALF));
        let classifier =
            classify::first(FollowSources(ErrorClassifier)).or(FollowSources(ErrorMessages::service_calls()));
        // The callers don't log their errors, so the wrapper logs a failure as an error.
        let log = TracingObserver::new()
            .stop_level(StopCause::Permanent, Level::ERROR)
            .stop_level(StopCause::AttemptsExhausted, Level::ERROR);
        // The default budget, written out: 20 % of the traffic plus 10 retries per second.
        let retry = RetryConfig::default()
            .name(name)
            .idempotent()
            .retries(3)
            .backoff(backoff)
            .budget(TokenBucket::default())
            .observe(log);
        let circuit = BreakerConfig::default()
            .name(name)
            .open_when(TripRule::consecutive(5).expect("5 failures can be counted"))
            .open_for(OpenDuration::fixed(Duration::from_secs(60)))
            .probes(Probes::one());
        Self {
            name,
            retry: RetryLayer::new(retry.classifier(classifier)),
            circuit: Circuit::new(circuit.classify_errors(classify)),
        }
    }

    /// Calls an async function. If all attempts fail, returns the last error or the circuit's
    /// rejection.
    pub(crate) async fn call<T, F>(&self, function: impl Fn() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let function = &function;
        let attempts = self.retry.run(|attempt| {
            let span = info_span!("attempt", name = %self.name, number = attempt.number());
            self.circuit.call(function).instrument(span)
        });
        attempts.await
    }

    /// Calls a blocking function. The calling thread also blocks between attempts.
    pub(crate) fn call_blocking<T>(&self, function: impl Fn() -> Result<T, E>) -> Result<T, BreakerError<E>> {
        self.retry.run_blocking(|attempt| {
            let _span = info_span!("attempt", name = %self.name, number = attempt.number()).entered();
            self.circuit.call_blocking(&function)
        })
    }

    /// Like [`call`](Self::call), but calls `fallback` with the error and its reason if no retry is
    /// left.
    pub(crate) async fn call_or<T, F>(
        &self,
        function: impl Fn() -> F,
        fallback: impl FnOnce(ReportedError<BreakerError<E>>) -> Result<T, BreakerError<E>>,
    ) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.or(with_report(self.call(function)).await, fallback)
    }

    /// Like [`call_or`](Self::call_or), for blocking functions.
    pub(crate) fn call_blocking_or<T>(
        &self,
        function: impl Fn() -> Result<T, E>,
        fallback: impl FnOnce(ReportedError<BreakerError<E>>) -> Result<T, BreakerError<E>>,
    ) -> Result<T, BreakerError<E>> {
        self.or(with_report_blocking(|| self.call_blocking(function)), fallback)
    }

    fn or<T>(
        &self,
        result: Result<Reported<T>, ReportedError<BreakerError<E>>>,
        fallback: impl FnOnce(ReportedError<BreakerError<E>>) -> Result<T, BreakerError<E>>,
    ) -> Result<T, BreakerError<E>> {
        result.map(|answered| answered.response).or_else(|unanswered| {
            info!(name = %self.name, why = %unanswered, "calling the fallback");
            fallback(unanswered)
        })
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    tracing_subscriber::fmt().with_max_level(Level::INFO).without_time().with_target(false).with_ansi(false).init();
    // A caller that requests something missing must not open the circuit.
    let classify: Classify<io::Error> = |error| match error.kind() {
        io::ErrorKind::NotFound => Verdict::Neutral,
        _ => Verdict::transient(),
    };
    let prices = Wrapper::new("prices", Duration::from_secs(1), classify);

    println!("-- the text looks transient, but the type is permanent");
    let missing = || async { Err::<u32, _>(io::Error::new(io::ErrorKind::NotFound, "no connection of this name")) };
    println!("{:?}", prices.call(missing).await);
    println!("-- the text is permanent");
    let full = || async { Err::<u32, _>(io::Error::other("out of memory")) };
    println!("{:?}", prices.call(full).await);
    println!("-- the text is transient; the circuit then has counted 5 failures in a row, without the missing one");
    let busy = || async { Err::<u32, _>(io::Error::other("503 service unavailable")) };
    println!("{:?}", prices.call_or(busy, |_| Ok(42)).await);
    println!("-- the circuit is open");
    println!("{:?}", prices.call(busy).await);
    println!("-- a blocking function");
    let files = Wrapper::new("files", Duration::from_millis(10), classify);
    println!("{:?}", files.call_blocking(|| std::fs::read_to_string("no such file").map(|text| text.len())));
    let slow = || Err::<usize, _>(io::Error::other("timeout while reading"));
    println!("{:?}", files.call_blocking_or(slow, |unanswered| Err(unanswered.error)));
}
