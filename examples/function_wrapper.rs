//! A wrapper round any function, sync or async: retries, a breaker, a budget, and a
//! fallback. `cargo run --example function_wrapper --features text`
//!
//! Time is paused: tokio moves its clock on whenever everybody waits. The functions that block wait
//! for real, a hundredth as long.

use std::{error::Error, io, time::Duration};

use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Ratio, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    classify::{self, Chain, ErrorChain, ErrorClassifier, ErrorClassifierFn, ErrorMessages, Or},
    report::{Reported, ReportedError, with_report, with_report_blocking},
    retry::{Backoff, Jitter, TokenBucket},
};
use tracing::{Instrument, Level, info, info_span};

/// What a type is known for comes first, then what is in the text.
type Judge = Chain<Or<ErrorChain<ErrorClassifier>, ErrorChain<ErrorMessages>>>;
/// Which errors the circuit counts: those that aren't [`Verdict::Neutral`].
pub(crate) type Blame<E> = fn(&E) -> Verdict;

/// For as many functions as share a fate: they share the circuit and the budget, within this
/// process.
pub(crate) struct Primitive<E> {
    name: &'static str,
    retry: RetryLayer<RetryConfig<Judge>>,
    pub(crate) circuit: Circuit<ErrorClassifierFn<Blame<E>>>,
}

impl<E: Error + 'static> Primitive<E> {
    /// 3 retries after `base`, twice and four times that, each times 0.5 to 1.5, of which none is
    /// over 60 s.
    pub(crate) fn new(name: &'static str, base: Duration, blame: Blame<E>) -> Self {
        let backoff = Backoff::exponential(base).max(Duration::from_secs(60)).jitter(Jitter::Bounded(Ratio::HALF));
        let judge = classify::first(ErrorChain(ErrorClassifier)).or(ErrorChain(ErrorMessages::service_calls()));
        // 20 % of traffic, and 10 a second however little there is: the default, written out.
        let retry =
            RetryConfig::default().name(name).idempotent().retries(3).backoff(backoff).budget(TokenBucket::default());
        let circuit = BreakerConfig::default()
            .name(name)
            .open_when(TripRule::consecutive(5).expect("5 failures can be counted"))
            .open_for(OpenDuration::fixed(Duration::from_secs(60)))
            .probes(Probes::one());
        Self {
            name,
            retry: RetryLayer::new(retry.classifier(judge)),
            circuit: Circuit::new(circuit.classify_errors(blame)),
        }
    }

    /// Calls an async function. What fails in the end comes back as it is: the last error, or the
    /// circuit's rejection.
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

    /// Calls a function that blocks, on a thread that may be blocked.
    pub(crate) fn call_blocking<T>(&self, function: impl Fn() -> Result<T, E>) -> Result<T, BreakerError<E>> {
        self.retry.run_blocking(|attempt| {
            let _span = info_span!("attempt", name = %self.name, number = attempt.number()).entered();
            self.circuit.call_blocking(&function)
        })
    }

    /// [`call`](Self::call), and the fallback's answer when nothing is tried again. It is told why,
    /// and may give the error back.
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

    /// [`call_or`](Self::call_or), for functions that block.
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
            info!(name = %self.name, why = %unanswered, "fallback asked");
            fallback(unanswered)
        })
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    tracing_subscriber::fmt().with_max_level(Level::INFO).without_time().with_target(false).with_ansi(false).init();
    // A caller who asks for what isn't there is no reason to stop asking.
    let blame: Blame<io::Error> = |error| match error.kind() {
        io::ErrorKind::NotFound => Verdict::Neutral,
        _ => Verdict::transient(),
    };
    let prices = Primitive::new("prices", Duration::from_secs(1), blame);

    println!("-- its text says that it will pass, and its type knows better");
    let missing = || async { Err::<u32, _>(io::Error::new(io::ErrorKind::NotFound, "no connection of this name")) };
    println!("{:?}", prices.call(missing).await);
    println!("-- its text says that it won't pass");
    let full = || async { Err::<u32, _>(io::Error::other("out of memory")) };
    println!("{:?}", prices.call(full).await);
    println!(
        "-- its text says that it will; the circuit has counted 5 in a row then, as one that is missing doesn't count"
    );
    let busy = || async { Err::<u32, _>(io::Error::other("503 service unavailable")) };
    println!("{:?}", prices.call_or(busy, |_| Ok(42)).await);
    println!("-- it is open");
    println!("{:?}", prices.call(busy).await);
    println!("-- a function that blocks");
    let files = Primitive::new("files", Duration::from_millis(10), blame);
    println!("{:?}", files.call_blocking(|| std::fs::read_to_string("no such file").map(|text| text.len())));
    let slow = || Err::<usize, _>(io::Error::other("timeout while reading"));
    println!("{:?}", files.call_blocking_or(slow, |unanswered| Err(unanswered.error)));
}
