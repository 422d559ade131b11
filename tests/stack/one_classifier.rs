//! One classifier for all layers of a stack, written for the service's own error.

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, Classifier, FallbackLayer, Health, RetryConfig,
    RetryLayer, Verdict,
    classify::{self, ErrorClassifier, IdempotencyCheck, ThroughBreaker},
    fallback::PrimaryFailure,
    retry::Backoff,
};

use crate::scripted::ready_and_call;

#[derive(Debug, Clone, Copy, PartialEq)]
enum DbError {
    Deadlock,
    Lost,
    UniqueViolation,
    DiskFull,
}

fn by_code(error: &DbError) -> Verdict {
    match error {
        DbError::Deadlock => Verdict::transient().health(Health::Healthy),
        DbError::Lost => Verdict::transient(),
        DbError::UniqueViolation => Verdict::ClientError,
        DbError::DiskFull => Verdict::permanent().health(Health::Unhealthy),
    }
}

/// A custom classifier for one error type.
#[derive(Clone, Copy)]
struct ByCode;

impl<Req, Res> Classifier<Req, Res, DbError> for ByCode {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &DbError>) -> Verdict {
        outcome.err().map_or(Verdict::Success, by_code)
    }
}

/// Attempts, successes and failures that the breaker counts, and whether the fallback was called.
async fn run<B, R>(error: DbError, breaker: B, around: R) -> (u32, u64, u64, bool)
where
    B: Classifier<u32, u32, DbError> + Clone,
    R: Classifier<u32, u32, BreakerError<DbError>> + Clone,
{
    let config = BreakerConfig::default().without_observers().count_all_calls();
    let circuit = Circuit::new(config.classifier(breaker));
    let retry = RetryConfig::default().without_observers().backoff(Backoff::none()).retries(2);
    let fallback = FallbackLayer::from_fn(|_: PrimaryFailure<'_, u32, BreakerError<DbError>>| async {
        Ok::<_, BreakerError<DbError>>(7)
    });
    let calls = std::sync::atomic::AtomicU32::new(0);
    let mut stack = ServiceBuilder::new()
        .layer(fallback.classifier(around.clone()).without_observers())
        .layer(RetryLayer::new(retry.classifier(around)))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|_: u32| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { Err::<u32, _>(error) }
        }));
    let answer = ready_and_call(&mut stack, 1).await;
    let stats = circuit.stats();
    let attempts = calls.load(std::sync::atomic::Ordering::Relaxed);
    (attempts, stats.total_successes.unwrap(), stats.total_failures, answer == Ok(7))
}

const EXPECTED: [(DbError, (u32, u64, u64, bool)); 4] = [
    (DbError::Deadlock, (3, 3, 0, true)),
    (DbError::Lost, (3, 0, 3, true)),
    (DbError::UniqueViolation, (1, 1, 0, false)),
    (DbError::DiskFull, (1, 0, 1, true)),
];

#[tokio::test(start_paused = true)]
async fn one_closure_serves_all_layers() {
    for (error, expected) in EXPECTED {
        let errors = classify::errors(by_code);
        assert_eq!(run(error, errors, errors).await, expected, "{error:?}");
        let outcomes = classify::outcomes(|outcome: Result<&u32, &DbError>| outcome.err().map(by_code));
        assert_eq!(run(error, outcomes, outcomes).await, expected, "{error:?}");
        let with_memo = classify::with_memo(
            |id: &u32| *id,
            |id: &u32, outcome: Result<&u32, &DbError>| {
                assert_eq!(*id, 1);
                outcome.err().map(by_code)
            },
        );
        assert_eq!(run(error, with_memo, with_memo).await, expected, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_around_a_closure_serves_all_layers() {
    for (error, expected) in EXPECTED {
        let chain = classify::first(classify::errors(|error: &DbError| Some(by_code(error))))
            .refine(|verdict: Verdict, _: Result<&u32, &DbError>| verdict)
            .or(ErrorClassifier);
        assert_eq!(run(error, chain, chain).await, expected, "{error:?}");
        let checked = IdempotencyCheck::new(classify::errors(by_code), |_: &u32| true);
        assert_eq!(run(error, checked, checked).await, expected, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_custom_classifier_is_applied_through_a_breaker() {
    for (error, expected) in EXPECTED {
        assert_eq!(run(error, ByCode, ThroughBreaker(ByCode)).await, expected, "{error:?}");
    }
}

/// A closure of the user's never decides about a rejection, in whatever way it is wrapped.
#[tokio::test(start_paused = true)]
async fn a_rejection_never_reaches_the_closure() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    circuit.force_open();
    let error: BreakerError<DbError> = BreakerError::Rejected(circuit.try_acquire().unwrap_err());
    fn judged<C: Classifier<(), u32, BreakerError<DbError>>>(c: &C, error: &BreakerError<DbError>) -> [Verdict; 2] {
        let memo = c.memo(&());
        assert!(c.origin(Err(error)).is_rejected());
        [c.classify(&memo, Err(error)), c.opinion(&memo, Err(error)).unwrap()]
    }
    let rejected = [Verdict::rejected(None); 2];
    let panics = |_: &DbError| -> Verdict { panic!("called for a rejection") };
    let errors = classify::errors(panics);
    assert_eq!(judged(&errors, &error), rejected);
    let outcomes = classify::outcomes(|_: Result<&u32, &DbError>| -> Verdict { panic!("called for a rejection") });
    assert_eq!(judged(&outcomes, &error), rejected);
    let with_memo = classify::with_memo(
        |(): &()| (),
        |(): &(), _: Result<&u32, &DbError>| -> Verdict { panic!("called for a rejection") },
    );
    assert_eq!(judged(&with_memo, &error), rejected);
    assert_eq!(judged(&ThroughBreaker(ByCode), &error), rejected);
    let refined = classify::first(errors)
        .refine(|_: Verdict, _: Result<&u32, &DbError>| -> Verdict { panic!("called for a rejection") });
    assert_eq!(judged(&refined, &error), rejected);
}

#[tokio::test(start_paused = true)]
async fn a_predicate_of_a_fallback_works_through_a_breaker() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    let fallback = || {
        FallbackLayer::from_fn(|failed: PrimaryFailure<'_, u32, BreakerError<DbError>>| {
            let is_rejected = matches!(failed.cause, Cause::Rejected { .. });
            async move { Ok::<_, BreakerError<DbError>>(if is_rejected { 8 } else { 7 }) }
        })
        .without_observers()
        .when(|outcome: Result<&u32, &DbError>| outcome == Err(&DbError::Lost))
    };
    let call = async |error: DbError| {
        let service = service_fn(move |(): ()| async move { Err::<u32, _>(error) });
        let mut stack = ServiceBuilder::new().layer(fallback()).layer(BreakerLayer::on(&circuit)).service(service);
        ready_and_call(&mut stack, ()).await.ok()
    };
    assert_eq!((call(DbError::Lost).await, call(DbError::DiskFull).await), (Some(7), None));
    circuit.force_open();
    assert_eq!(call(DbError::DiskFull).await, Some(8), "a rejection is a failure");
}
