//! Types that a struct can name: boxed classifiers and policies, circuits without a classifier,
//! function pointers.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::{Layer, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, Classifier, Elapsed, FallbackLayer, Outcome,
    RetryConfig, RetryLayer, State, Verdict,
    breaker::{Breaker, CircuitHandle, Mode, OpenDuration, TripRule},
    classify::{BoxClassifier, ConflictClassifier, DrainFuture, ErrorClassifier, Origin, RejectionMark},
    fallback::{Fallback, Value},
    retry::{
        Backoff, BoxPolicy, CopyWith, Decision, DecisionReason, Policy, Retry, RetryQuota, TimeLimits, TimeoutWith,
        Timeouts, TokenBucket, quota::KeyedQuota,
    },
    time::Instant,
};

type Breaking = BreakerLayer<BoxClassifier<u32, String, io::Error>>;
type Retrying = RetryLayer<RetryConfig<BoxClassifier<u32, String, BreakerError<io::Error>>>>;
type FallingBack = FallbackLayer<Value<String>, BoxClassifier<u32, String, BreakerError<io::Error>>>;

/// The services of the default layers around an `S`. Their other type parameters have defaults.
type DefaultStack<S> = Fallback<Retry<Breaker<S>>, Value<&'static str>>;

#[tokio::test]
async fn the_services_of_the_default_layers_have_short_types() {
    fn stack<S: Clone>(service: S) -> DefaultStack<S> {
        let breaker: BreakerLayer = BreakerLayer::new(BreakerConfig::default());
        let retry: RetryLayer = RetryLayer::new(RetryConfig::default());
        FallbackLayer::value("stored").layer(retry.layer(breaker.layer(service)))
    }
    let mut stack = stack(service_fn(|(): ()| async { Ok::<_, io::Error>("fresh") }));
    assert_eq!(stack.ready().await.unwrap().call(()).await.unwrap(), "fresh");
}

/// Layers whose classifiers are closures with captured values.
struct Layers {
    fallback: FallingBack,
    retry: Retrying,
    breaker: Breaking,
    circuit: CircuitHandle,
}

impl Layers {
    fn new(ignored: io::ErrorKind) -> Self {
        let breaker = BreakerConfig::default()
            .without_observers()
            .open_when(TripRule::consecutive(2).unwrap())
            .open_for(OpenDuration::fixed(Duration::from_secs(60)))
            .classify_errors(move |error: &io::Error| (error.kind() == ignored).then_some(Verdict::Neutral));
        let circuit = Circuit::new(breaker.boxed_classifier());
        let is_ignored =
            move |error: &BreakerError<io::Error>| matches!(error, BreakerError::Inner(e) if e.kind() == ignored);
        let retry = RetryConfig::default()
            .without_observers()
            .backoff(Backoff::none())
            .classify_errors(move |error: &BreakerError<io::Error>| is_ignored(error).then(Verdict::permanent))
            .idempotent();
        let fallback = FallbackLayer::value("stored".to_owned())
            .without_observers()
            .when(move |outcome: Result<&String, &BreakerError<io::Error>>| outcome.is_err_and(|e| !is_ignored(e)));
        Self {
            fallback: fallback.boxed_classifier(),
            retry: RetryLayer::new(retry.boxed_classifier()),
            breaker: BreakerLayer::on(&circuit),
            circuit: circuit.handle(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn layers_with_closures_can_be_fields_of_a_struct() {
    let Layers { fallback, retry, breaker, circuit } = Layers::new(io::ErrorKind::NotFound);
    let calls = AtomicU32::new(0);
    let client = service_fn(|id: u32| {
        calls.fetch_add(1, Ordering::Relaxed);
        let kind = if id == 0 { io::ErrorKind::NotFound } else { io::ErrorKind::ConnectionReset };
        async move { Err::<String, _>(io::Error::from(kind)) }
    });
    let mut stack = fallback.layer(retry.layer(breaker.layer(client)));
    // The closures ignore this error: no retry, no failure of the circuit, no fallback.
    assert!(stack.ready().await.unwrap().call(0).await.is_err());
    assert_eq!((calls.load(Ordering::Relaxed), circuit.stats().failures_in_a_row), (1, 0));
    // This one is retried until the circuit is open, and then the fallback answers.
    assert_eq!(stack.ready().await.unwrap().call(1).await.unwrap(), "stored");
    assert_eq!((calls.load(Ordering::Relaxed), circuit.state()), (3, State::Open));
}

#[tokio::test]
async fn a_handle_controls_its_circuit() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers().name("upstream"));
    let handle: CircuitHandle = circuit.handle();
    handle.set_mode(Mode::ForcedOpen);
    assert!(circuit.try_acquire().is_err());
    assert!(handle.try_acquire().is_err());
    handle.set_mode(Mode::Auto);
    handle.try_acquire().unwrap().failure();
    assert_eq!((circuit.stats().failures_in_a_row, handle.name().to_string()), (1, "upstream".to_owned()));
    handle.reset();
    assert_eq!(circuit.stats().failures_in_a_row, 0);

    // The last handle keeps the circuit alive.
    circuit.try_acquire().unwrap().failure();
    drop(circuit);
    assert_eq!(handle.clone().stats().failures_in_a_row, 1);
}

#[tokio::test]
async fn a_circuit_classified_by_another_classifier_is_the_same() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    let neutral = |_: &io::Error| Some(Verdict::Neutral);
    let lenient = circuit.classified_by(tower_recourse::classify::errors(neutral));
    let fail = async || Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut));
    assert!(lenient.call(fail).await.is_err());
    assert_eq!(circuit.stats().failures_in_a_row, 0);
    let strict = circuit.handle().classified_by(ErrorClassifier);
    assert!(strict.call(fail).await.is_err());
    assert_eq!((lenient.stats().failures_in_a_row, strict.stats().failures_in_a_row), (1, 1));
    let layer = BreakerLayer::on(&lenient);
    assert!(layer.layer(service_fn(|(): ()| fail())).oneshot(()).await.is_err());
    assert_eq!(circuit.stats().failures_in_a_row, 1);
}

#[cfg(feature = "keyed")]
#[tokio::test]
async fn a_registry_without_its_classifier_has_the_same_circuits() {
    use tower_recourse::breaker::{NoClassifier, keyed::CircuitRegistry};

    let classify = |_: &io::Error| Some(Verdict::transient());
    let config = BreakerConfig::default().without_observers().classify_errors(classify);
    let layer = BreakerLayer::keyed(config, |id: &u32| *id);
    let registry: CircuitRegistry<u32, NoClassifier> = layer.circuits().handle();
    let client = service_fn(|_: u32| async { Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)) });
    assert!(layer.layer(client).oneshot(7).await.is_err());
    assert_eq!(registry.get(&7).stats().failures_in_a_row, 1);
    registry.get(&7).set_mode(Mode::ForcedOpen);
    assert!(layer.layer(client).oneshot(7).await.unwrap_err().rejection().is_some());

    let other = registry.classified_by(ErrorClassifier);
    assert_eq!((other.states(), registry.len()), (vec![(7, State::Open)], 1));
}

/// Every function-valued setting takes a function pointer, whose type has a name.
#[tokio::test(start_paused = true)]
async fn function_pointers_replace_closures() {
    struct Job {
        tenant: u32,
    }

    type Limits = TimeoutWith<fn(Elapsed) -> io::Result<u32>>;
    type Quota = KeyedQuota<fn(&Job) -> u32>;
    type Layer = RetryLayer<RetryConfig<ErrorClassifier, Limits, Quota>, CopyWith<fn(&Job) -> Option<Job>>>;

    struct Client {
        retry: Layer,
    }

    fn late(_: Elapsed) -> io::Result<u32> {
        Ok(504)
    }
    let quota = RetryQuota::new().max_per_key(1);
    let limits = Timeouts::attempt(Duration::from_secs(1)).on_timeout(late as fn(Elapsed) -> io::Result<u32>);
    let config = RetryConfig::default()
        .idempotent()
        .without_observers()
        .timeouts(limits)
        .quota(&quota, (|job| job.tenant) as fn(&Job) -> u32);
    let copy: fn(&Job) -> Option<Job> = |job| Some(Job { tenant: job.tenant });
    let client = Client { retry: RetryLayer::new(config).copy_request_with(copy) };

    let calls = AtomicU32::new(0);
    let service = client.retry.layer(service_fn(|job: Job| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            if job.tenant == 0 {
                std::future::pending::<()>().await;
            }
            if call == 0 { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(job.tenant) }
        }
    }));
    assert_eq!(service.clone().oneshot(Job { tenant: 7 }).await.unwrap(), 7);
    assert_eq!(service.oneshot(Job { tenant: 0 }).await.unwrap(), 504);
    assert_eq!(quota.total_retries(), 1);
}

/// Logs each call of a method.
#[derive(Clone, Default)]
struct Logging(Arc<Mutex<Vec<&'static str>>>);

impl Logging {
    fn log(&self, method: &'static str) {
        self.0.lock().unwrap().push(method);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Classifier<u32, String, fmt::Error> for Logging {
    type Memo = u32;

    fn memo(&self, request: &u32) -> u32 {
        self.log("memo");
        *request
    }

    fn memo_without_retry(&self, request: &u32) -> u32 {
        self.log("memo_without_retry");
        *request
    }

    fn classify(&self, memo: &u32, _: Result<&String, &fmt::Error>) -> Verdict {
        self.log("classify");
        if *memo == 1 { Verdict::Success } else { Verdict::Neutral }
    }

    fn opinion(&self, memo: &u32, _: Result<&String, &fmt::Error>) -> Option<Verdict> {
        self.log("opinion");
        (*memo == 1).then_some(Verdict::Success)
    }

    fn deadline(&self, memo: &u32) -> Option<Instant> {
        self.log("deadline");
        (*memo == 1).then(Instant::now)
    }

    fn discard(&self, outcome: Result<String, fmt::Error>) -> Result<DrainFuture, Result<String, fmt::Error>> {
        self.log("discard");
        outcome.map_err(Err).map(|_| Box::pin(async {}) as DrainFuture)
    }

    fn origin(&self, outcome: Result<&String, &fmt::Error>) -> Origin {
        self.log("origin");
        if outcome.is_ok() { Origin::Called } else { Origin::Unknown }
    }

    fn rejection_mark(&self) -> Option<RejectionMark<String>> {
        self.log("rejection_mark");
        Some(|response, rejection| *response = rejection.name().to_string())
    }
}

#[test]
fn a_boxed_classifier_calls_each_method() {
    let log = Logging::default();
    let boxed = BoxClassifier::new(log.clone()).clone();
    let response = "response".to_owned();
    let memo = boxed.memo(&1);
    assert_eq!(boxed.classify(&memo, Ok(&response)), Verdict::Success);
    assert_eq!(boxed.classify(&boxed.memo_without_retry(&2), Ok(&response)), Verdict::Neutral);
    assert_eq!(boxed.opinion(&memo, Ok(&response)), Some(Verdict::Success));
    assert!(boxed.deadline(&memo).is_some());
    assert!(boxed.discard(Ok(response.clone())).is_ok());
    assert!(matches!(boxed.discard(Err(fmt::Error)), Err(Err(fmt::Error))));
    assert_eq!(boxed.origin(Ok(&response)), Origin::Called);
    assert!(boxed.rejection_mark().is_some());
    let expected = [
        "memo",
        "classify",
        "memo_without_retry",
        "classify",
        "opinion",
        "deadline",
        "discard",
        "discard",
        "origin",
        "rejection_mark",
    ];
    assert_eq!(log.take(), expected);
    assert_eq!(format!("{boxed:?} {memo:?}"), "BoxClassifier { .. } BoxMemo { .. }");
}

impl Policy<u32, String, fmt::Error> for Logging {
    type State = u32;

    fn start(&self, request: &u32) -> u32 {
        self.log("start");
        *request
    }

    fn attempt(&self, attempts: &mut u32, _: &Attempt) {
        self.log("attempt");
        *attempts += 1;
    }

    fn decide(&self, attempts: &mut u32, _: &Attempt, outcome: Outcome<'_, String, fmt::Error>) -> Decision {
        self.log("decide");
        match outcome.result() {
            Ok(_) => Decision::Return(DecisionReason::Success),
            Err(_) if *attempts < 12 => Decision::Retry { delay: Duration::ZERO, reason: DecisionReason::Transient },
            // The deadline is earlier, so the layer overrules this decision.
            Err(_) => Decision::Retry { delay: Duration::from_secs(60), reason: DecisionReason::Transient },
        }
    }

    fn not_retried(&self, attempts: &mut u32, _: &Attempt, _: Outcome<'_, String, fmt::Error>, cause: Cause) {
        self.log("not_retried");
        assert_eq!((*attempts, cause), (12, Cause::Deadline));
    }

    fn deadline(&self, attempts: &u32) -> Option<Instant> {
        self.log("deadline");
        assert_eq!(*attempts, 10);
        None
    }

    fn discard(&self, outcome: Result<String, fmt::Error>) -> Option<DrainFuture> {
        self.log("discard");
        drop(outcome);
        None
    }

    fn keep(&self, _: Result<&String, &fmt::Error>) -> bool {
        self.log("keep");
        false
    }

    fn limits(&self) -> TimeLimits {
        TimeLimits { attempt: Some(Duration::from_secs(1)), total: Some(Duration::from_secs(9)) }
    }

    fn timed_out(&self, _: Elapsed) -> Option<Result<String, fmt::Error>> {
        self.log("timed_out");
        Some(Err(fmt::Error))
    }

    fn origin(&self, _: Result<&String, &fmt::Error>) -> Origin {
        Origin::Called
    }
}

#[tokio::test(start_paused = true)]
async fn a_boxed_policy_calls_each_method() {
    let log = Logging::default();
    let layer: RetryLayer<BoxPolicy<u32, String, fmt::Error>> = RetryLayer::with(BoxPolicy::new(log.clone()));
    let service = layer.layer(service_fn(|_: u32| std::future::pending::<Result<String, fmt::Error>>()));
    assert!(service.oneshot(10).await.is_err());
    let expected = [
        "start",
        "deadline",
        "attempt",
        "timed_out",
        "decide",
        "keep",
        "discard",
        "attempt",
        "timed_out",
        "decide",
        "not_retried",
    ];
    assert_eq!(log.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_boxed_policy_shares_the_budget_of_its_layer() {
    let budget = TokenBucket::default().initial(1).unwrap().min_per_second(0);
    let config = RetryConfig::default().idempotent().without_observers().budget(budget);
    let layer = RetryLayer::new(config);
    let boxed: RetryLayer<BoxPolicy<(), (), io::Error>> = layer.clone().boxed_policy();
    let attempts = AtomicU32::new(0);
    let fail = async |_: Attempt| {
        attempts.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    assert!(boxed.run(&fail).await.is_err());
    assert_eq!(attempts.swap(0, Ordering::Relaxed), 2);
    assert!(layer.run(fail).await.is_err());
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}

type IsConflict = fn(&io::Error) -> bool;

/// A retry of transactions, whatever their results.
struct Bank {
    retry: RetryLayer<RetryConfig<ConflictClassifier<IsConflict, io::Error>>>,
}

#[tokio::test(start_paused = true)]
async fn one_field_retries_transactions_with_several_results() {
    let is_conflict: IsConflict = |error| error.kind() == io::ErrorKind::ResourceBusy;
    let bank = Bank { retry: RetryLayer::new(RetryConfig::transactions(is_conflict).without_observers()) };
    let conflict = || io::Error::from(io::ErrorKind::ResourceBusy);
    let transfer = async |attempt: Attempt| if attempt.number() < 3 { Err(conflict()) } else { Ok(()) };
    bank.retry.run_lending(transfer).await.unwrap();
    let balance = async |attempt: Attempt| if attempt.number() < 3 { Err(conflict()) } else { Ok(500) };
    assert_eq!(bank.retry.run_lending(balance).await.unwrap(), 500);

    let attempts = AtomicU32::new(0);
    let fails = bank.retry.run_lending(async |_| {
        attempts.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut))
    });
    assert!(fails.await.is_err());
    assert_eq!(attempts.load(Ordering::Relaxed), 1, "no conflict");
}

#[test]
fn a_conflict_classifier_reads_through_a_breaker() {
    let classifier = ConflictClassifier::new(|error: &io::Error| error.kind() == io::ErrorKind::ResourceBusy);
    let classify = |error| Classifier::<(), (), _>::classify(&classifier, &(), Err(&BreakerError::Inner(error)));
    assert_eq!(classify(io::ErrorKind::ResourceBusy.into()), Verdict::transient());
    assert_eq!(classify(io::ErrorKind::TimedOut.into()), Verdict::permanent());
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    let retry_in = rejection.retry_in();
    let outcome = Err(&BreakerError::<io::Error>::Rejected(rejection));
    assert_eq!(Classifier::<(), (), _>::classify(&classifier, &(), outcome), Verdict::rejected(retry_in));
}
