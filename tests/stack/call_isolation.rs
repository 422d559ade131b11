//! A layer leaves a note on how its result came about for the layer around it. A note about one
//! call must not affect another call. For example, a handler calls another service through layers,
//! discards its error, and returns a response or an error of its own.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio_test::{assert_pending, task::spawn};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, FallbackLayer, Rejection, RetryConfig, RetryLayer, State,
    Verdict,
    breaker::TripRule,
    retry::{Backoff, Budget, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn circuit(failures: u32) -> Circuit {
    Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(failures).unwrap()).count_all_calls())
}

fn open() -> Circuit {
    let circuit = circuit(1);
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// A client whose circuit is open, so that all its calls are rejected.
fn rejecting() -> impl Service<(), Error: Send, Future: Send> + Clone + Send {
    BreakerLayer::on(&open()).layer(Script::<_, _, Oops>::new([succeed("not called")]))
}

/// What a handler does after it has discarded a rejection.
#[derive(Clone, Copy)]
enum AfterRejection {
    Responds,
    FailsLater,
    FailsAtOnce,
}

/// Calls a service that is rejected, and continues.
fn handler(then: AfterRejection) -> impl Service<(), Response = &'static str, Error = Oops, Future: Send> + Clone {
    let client = rejecting();
    service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ready_and_call(&mut client, ()).await.is_err());
            match then {
                AfterRejection::Responds => Ok("without it"),
                AfterRejection::FailsLater => {
                    yield_now().await;
                    Err(Oops(1))
                }
                AfterRejection::FailsAtOnce => Err(Oops(1)),
            }
        }
    })
}

fn without_delay() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none())
}

#[tokio::test(start_paused = true)]
async fn a_response_after_a_discarded_rejection_is_a_response() {
    let events = EventLog::default();
    let fallback = FallbackLayer::value("backup").observe(events.observer());
    assert_eq!(ready_and_call(&mut fallback.layer(handler(AfterRejection::Responds)), ()).await, Ok("without it"));

    let retry = RetryLayer::new(without_delay().observe(events.observer()));
    assert_eq!(ready_and_call(&mut retry.layer(handler(AfterRejection::Responds)), ()).await, Ok("without it"));
    assert_eq!(
        ready_and_call(&mut fallback.layer(retry.layer(handler(AfterRejection::Responds))), ()).await,
        Ok("without it")
    );

    let outer_circuit = circuit(1);
    assert_eq!(
        ready_and_call(&mut BreakerLayer::on(&outer_circuit).layer(handler(AfterRejection::Responds)), ()).await,
        Ok("without it")
    );
    assert_eq!((outer_circuit.stats().total_successes, outer_circuit.stats().total_neutral), (Some(1), 0));
    assert_eq!(events.count(""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_later_failure_after_a_discarded_rejection_is_a_failure() {
    let (events, outer_circuit) = (EventLog::default(), circuit(9));
    let retry = RetryLayer::new(without_delay());
    let fallback = FallbackLayer::value("backup").observe(events.observer());
    let mut service =
        fallback.layer(retry.layer(BreakerLayer::on(&outer_circuit).layer(handler(AfterRejection::FailsLater))));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
    assert!(events.last_has(&["FallbackSucceeded", "AttemptsExhausted { attempts: 4 }"]));
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_after_a_discarded_rejection_are_counted() {
    let (events, outer_circuit) = (EventLog::default(), circuit(99));
    let retry = RetryLayer::new(without_delay().retries(0).observe(events.observer()));
    let mut service = retry.layer(BreakerLayer::on(&outer_circuit).layer(handler(AfterRejection::FailsAtOnce)));
    for _ in 0..50 {
        assert!(ready_and_call(&mut service, ()).await.is_err());
    }
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 1 }"]));
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (50, 0));
}

/// `MapErr` drops the rejection and returns an error that doesn't contain it. This error is an
/// ordinary failure.
#[tokio::test(start_paused = true)]
async fn an_error_that_drops_the_rejection_is_an_ordinary_failure() {
    let (inner_circuit, outer_circuit) = (open(), circuit(99));
    let client = BreakerLayer::on(&inner_circuit).layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let mut service = BreakerLayer::on(&outer_circuit).layer(tower::util::MapErr::new(client, |_| Oops(1)));
    assert!(ready_and_call(&mut service, ()).await.is_err());
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_with_the_type_of_a_rejection_are_counted() {
    let outer_circuit = circuit(99);
    let client = rejecting();
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ready_and_call(&mut client, ()).await.is_err());
            Err::<(), _>(tower_recourse::BreakerError::Inner(Oops(1)))
        }
    });
    let mut service = BreakerLayer::on(&outer_circuit).layer(handler);
    for _ in 0..50 {
        assert!(ready_and_call(&mut service, ()).await.is_err());
    }
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (50, 0));
}

#[test]
fn blocking_failures_after_a_rejection_are_counted() {
    let (inner_circuit, outer_circuit, events) = (open(), circuit(99), EventLog::default());
    let retry = RetryLayer::new(without_delay().retries(0).observe(events.observer()));
    for _ in 0..50 {
        let failed = retry.run_blocking(|_| {
            outer_circuit.call_blocking(|| {
                assert!(inner_circuit.call_blocking(|| Ok::<_, Oops>(())).is_err());
                assert!(inner_circuit.try_acquire().is_err());
                Err::<(), _>(Oops(1))
            })
        });
        assert_eq!(failed.unwrap_err().into_inner(), Some(Oops(1)));
    }
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 1 }"]));
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (50, 0));
}

/// A retry whose classifier doesn't recognise rejections: every error is a transient failure.
fn ignorant() -> RetryConfig<Ignorant> {
    without_delay().classifier(Ignorant)
}

#[derive(Clone, Copy)]
struct Ignorant;

impl<Req, Res, Err> tower_recourse::Classifier<Req, Res, Err> for Ignorant {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
    }
}

/// A handler makes two calls. The outer retry reads the note of the failed second call; that call
/// has replaced the note of the rejected first one.
#[tokio::test(start_paused = true)]
async fn a_failed_call_after_a_rejected_one_is_a_failure() {
    let second = RetryLayer::new(without_delay().retries(0)).layer(Script::<_, &str, Oops>::new([fail(Oops(2))]));
    let first = rejecting();
    let events = EventLog::default();
    let mut service = RetryLayer::new(without_delay().observe(events.observer())).layer(service_fn(move |()| {
        let (mut first, mut second) = (first.clone(), second.clone());
        async move {
            assert!(ready_and_call(&mut first, ()).await.is_err());
            ready_and_call(&mut second, ()).await
        }
    }));
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(2)));
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
}

/// A call that succeeds also removes the note of the rejected call before it.
#[tokio::test(start_paused = true)]
async fn a_success_after_a_rejected_call_clears_its_note() {
    let (first, cache) =
        (rejecting(), BreakerLayer::on(&circuit(1)).layer(Script::<_, _, Oops>::new([succeed("cached")])));
    let events = EventLog::default();
    let mut service = RetryLayer::new(without_delay().observe(events.observer())).layer(service_fn(move |()| {
        let (mut first, mut cache) = (first.clone(), cache.clone());
        async move {
            assert!(ready_and_call(&mut first, ()).await.is_err());
            assert_eq!(ready_and_call(&mut cache, ()).await, Ok("cached"));
            Err::<(), _>(Oops(1))
        }
    }));
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(1)));
    assert!(events.last_has(&["AttemptsExhausted { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn an_inner_retry_that_gives_up_does_not_stop_the_outer_one() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let events = EventLog::default();
    let retry = |times: u32| without_delay().retries(times).without_budget();
    let mut service = RetryLayer::new(retry(2).observe(events.observer())).layer(
        RetryLayer::new(retry(1).classify(|_: Result<&&str, &Oops>| tower_recourse::Verdict::permanent()))
            .layer(inner.clone()),
    );
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 3, "the outer retry classifies the inner one's permanent failure again");
    assert!(events.last_has(&["AttemptsExhausted { attempts: 3 }"]));
}

/// Two requests on one task, polled in turn.
#[tokio::test(start_paused = true)]
async fn joined_calls_receive_their_own_causes() {
    let (one, other) = (EventLog::default(), EventLog::default());
    let fallback = |events: &EventLog| FallbackLayer::value("backup").observe(events.observer());
    let open = open();
    let mut rejected = fallback(&one).layer(BreakerLayer::on(&open).layer(Script::<_, &str, Oops>::new([hang()])));
    let mut spent = fallback(&other).layer(
        RetryLayer::new(without_delay().retries(1)).layer(Script::<_, &str, Oops>::new([fail(Oops(1)).after(ms(5))])),
    );
    let both = tokio::join!(ready_and_call(&mut spent, ()), ready_and_call(&mut rejected, ()));
    assert_eq!(both, (Ok("backup"), Ok("backup")));
    assert!(one.last_has(&["FallbackSucceeded", "Rejected"]));
    assert!(other.last_has(&["FallbackSucceeded", "AttemptsExhausted { attempts: 2 }"]));
}

/// The rejection and the slow call's failure come in different polls.
#[tokio::test(start_paused = true)]
async fn a_handler_with_joined_calls_fails_by_the_slow_one() {
    let first = rejecting();
    let slow = Script::<_, &str, Oops>::new([fail(Oops(2)).after(ms(5))]);
    let events = EventLog::default();
    let mut service = RetryLayer::new(without_delay().observe(events.observer())).layer(service_fn(move |()| {
        let (mut first, mut slow) = (first.clone(), slow.clone());
        async move {
            let (rejected, slow) = tokio::join!(ready_and_call(&mut first, ()), ready_and_call(&mut slow, ()));
            assert!(rejected.is_err());
            slow
        }
    }));
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(2)));
    assert!(events.last_has(&["AttemptsExhausted { attempts: 4 }"]));
}

/// `select!` drops the call when another future completes. The call is inside a retry with a time
/// limit, but it hasn't timed out.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_by_select_counts_as_nothing() {
    let inner_circuit = circuit(1);
    let client = BreakerLayer::on(&inner_circuit).layer(Script::<_, &str, Oops>::new([hang()]));
    let limits = Timeouts::attempt(secs(1)).on_timeout(|_| Err::<&str, _>(Oops(408)));
    let mut service = RetryLayer::new(without_delay().timeouts(limits)).layer(service_fn(move |()| {
        let mut client = client.clone();
        async move {
            tokio::select! {
                _ = ready_and_call(&mut client, ()) => unreachable!("the call never ends"),
                () = tokio::time::sleep(ms(10)) => Ok("the other one"),
            }
        }
    }));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("the other one"));
    let stats = inner_circuit.stats();
    assert_eq!((stats.total_failures, stats.total_dropped, stats.state), (0, 1, State::Closed));
}

/// While the retry drops an attempt that timed out, dropped calls count as failures. Later drops
/// don't.
#[tokio::test(start_paused = true)]
async fn after_a_timeout_a_dropped_call_counts_as_nothing_again() {
    let circuit = circuit(9);
    let breaker = BreakerLayer::on(&circuit).layer(Script::<_, &str, Oops>::new([hang()]));
    let inner = tower::util::MapErr::new(breaker, |_| Oops(1));
    let limits = Timeouts::attempt(secs(1)).on_timeout(|_| Err::<&str, _>(Oops(408)));
    let mut service = RetryLayer::new(without_delay().timeouts(limits).retries(1)).layer(inner);
    let mut call = spawn(ready_and_call(&mut service, ()));
    assert_pending!(call.poll());
    tokio::time::advance(ms(1001)).await;
    assert_pending!(call.poll());
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 0));
    drop(call);
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 1));
}

/// The thread may have a note from before the call, which no layer has read. The call's layers must
/// ignore it.
#[tokio::test(start_paused = true)]
async fn a_rejection_before_the_call_is_ignored() {
    let (open, events) = (open(), EventLog::default());
    let mut service =
        RetryLayer::new(without_delay().retries(1).observe(events.observer()))
            .layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let mut call = spawn(ready_and_call(&mut service, ()));
    assert!(open.try_acquire().is_err());
    assert_eq!(tokio_test::assert_ready!(call.poll()), Err(Oops(1)));
    assert!(events.last_has(&["AttemptsExhausted { attempts: 2 }"]));

    let mut service = FallbackLayer::value("backup").observe(events.observer()).layer(Script::new([fail(Oops(1))]));
    let mut call = spawn(ready_and_call(&mut service, ()));
    assert!(open.try_acquire().is_err());
    assert_eq!(tokio_test::assert_ready!(call.poll()), Ok("backup"));
    assert!(events.last_has(&["FallbackSucceeded", "cause: Failure"]));
}

/// Two requests on one task deposit separately.
#[tokio::test(start_paused = true)]
async fn joined_calls_deposit_each() {
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let layer = RetryLayer::new(without_delay().shared_budget(budget.clone()));
    let slow = Script::<_, _, Oops>::new([succeed("yes").after(ms(5))]);
    let (mut one, mut other) = (layer.layer(slow.clone()), layer.layer(slow));
    let both = tokio::join!(ready_and_call(&mut one, ()), ready_and_call(&mut other, ()));
    assert_eq!((both, budget.balance()), ((Ok("yes"), Ok("yes")), 2));
}

/// A classifier may call other services through layers. Their notes aren't attributed to the
/// response that it classifies.
#[tokio::test(start_paused = true)]
async fn notes_of_a_classifiers_calls_do_not_mark_the_response() {
    let client = BreakerLayer::on(&open())
        .respond_when_open(|_: &Rejection| "made")
        .layer(Script::<_, &str, Oops>::new([hang()]));
    let judge = move |_: Result<&&'static str, &Oops>| {
        let mut client = client.clone();
        assert!(spawn(ready_and_call(&mut client, ())).poll().is_ready());
        Verdict::Success
    };
    let inner = || Script::<_, &'static str, Oops>::new([succeed("a response")]);
    macro_rules! check {
        ($service:expr) => {
            let outer = circuit(1);
            assert_eq!(ready_and_call(&mut BreakerLayer::on(&outer).layer($service), ()).await.unwrap(), "a response");
            assert_eq!((outer.stats().total_successes, outer.stats().total_neutral), (Some(1), 0));
        };
    }
    check!(RetryLayer::new(RetryConfig::default().classify(judge.clone())).layer(inner()));
    check!(BreakerLayer::on(&Circuit::new(BreakerConfig::default().fixed().classify(judge.clone()))).layer(inner()));
    check!(FallbackLayer::value("backup").classify(judge).layer(inner()));
}

/// The closure that responds to rejections calls another service when it is dropped. The breaker
/// drops the closure before it writes its own note, so that the other call can't replace that note.
#[tokio::test(start_paused = true)]
async fn notes_from_a_dropped_handler_do_not_mark_the_response() {
    #[derive(Clone)]
    struct CallsInDrop(Circuit);

    impl Drop for CallsInDrop {
        fn drop(&mut self) {
            let mut client = BreakerLayer::on(&self.0).layer(Script::<_, _, Oops>::new([succeed("all is well")]));
            assert!(spawn(ready_and_call(&mut client, ())).poll().is_ready());
        }
    }

    let (outer, farewell) = (circuit(1), CallsInDrop(circuit(1)));
    let respond = move |_: &Rejection| {
        let _ = &farewell;
        "made"
    };
    let rejecting =
        BreakerLayer::on(&open()).respond_when_open(respond).layer(Script::<_, &'static str, Oops>::new([hang()]));
    assert_eq!(ready_and_call(&mut BreakerLayer::on(&outer).layer(rejecting), ()).await.unwrap(), "made");
    assert_eq!((outer.stats().total_successes, outer.stats().total_neutral), (Some(0), 1));
}

/// How the result of a rejected call reaches the outer layers: in a later poll, from another task,
/// from another thread, or from a nested `block_on`.
#[derive(Clone, Copy, Debug)]
enum Arrives {
    Later,
    FromATask,
    FromAThread,
    FromBlocking,
}

const ALL: [Arrives; 4] = [Arrives::Later, Arrives::FromATask, Arrives::FromAThread, Arrives::FromBlocking];

impl Arrives {
    async fn after<T: Send + 'static>(self, call: impl Future<Output = T> + Send + 'static) -> T {
        match self {
            Self::Later => {
                let result = call.await;
                yield_now().await;
                result
            }
            Self::FromATask => tokio::spawn(call).await.unwrap(),
            Self::FromAThread => {
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(call)).await.unwrap()
            }
            Self::FromBlocking => tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(call)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_that_arrives_in_a_later_poll_is_not_retried() {
    for arrives in ALL {
        let (inner_circuit, events, outer_circuit) = (open(), EventLog::default(), circuit(1));
        let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
        let breaker = BreakerLayer::on(&inner_circuit).layer(Script::<_, u32, Oops>::new([succeed(1)]));
        let inner = service_fn(move |()| {
            let mut breaker = breaker.clone();
            arrives.after(async move { ready_and_call(&mut breaker, ()).await })
        });
        let config =
            without_delay().classify(|_: Result<&u32, &BreakerError<BreakerError<Oops>>>| Verdict::transient());
        let mut service = tower::ServiceBuilder::new()
            .layer(
                FallbackLayer::value(7).classify(|_: Result<&u32, &BreakerError<BreakerError<Oops>>>| Verdict::Success),
            )
            .layer(RetryLayer::new(config.shared_budget(budget.clone()).observe(events.observer())))
            .layer(BreakerLayer::on(&outer_circuit))
            .service(inner);
        assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), 7, "{arrives:?}");
        assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
        assert_eq!(inner_circuit.stats().total_rejected, 1, "{arrives:?}");
        assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (0, 1), "{arrives:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_function_that_arrives_later_is_not_retried() {
    for arrives in ALL {
        let (inner_circuit, events) = (open(), EventLog::default());
        let retry = RetryLayer::new(ignorant().observe(events.observer()));
        let run = retry.run(|_| {
            let inner_circuit = inner_circuit.clone();
            arrives.after(async move { inner_circuit.call(|| async { Ok::<_, Oops>(()) }).await })
        });
        assert!(run.await.is_err());
        assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_rejection_that_arrives_later_is_not_retried() {
    for arrives in ALL {
        let (inner_circuit, events) = (open(), EventLog::default());
        let retry = RetryLayer::new(ignorant().observe(events.observer()));
        let run = retry.run(|_| {
            let inner_circuit = inner_circuit.clone();
            arrives.after(async move { inner_circuit.try_acquire().map(drop) })
        });
        assert!(run.await.is_err());
        assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
    }
}

#[test]
fn run_blocking_does_not_retry_another_threads_rejection() {
    let (inner_circuit, events) = (open(), EventLog::default());
    let retry = RetryLayer::new(ignorant().observe(events.observer()));
    let elsewhere = || inner_circuit.call_blocking(|| Ok::<_, Oops>(()));
    let failed = retry.run_blocking(|_| std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap()));
    assert!(failed.is_err());
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

/// The caller's own error type. Only `FollowSources` looks into it.
#[derive(Debug)]
enum AppError {
    Client(tower_recourse::BreakerError<Oops>),
    Other,
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the application failed")
    }
}

impl std::error::Error for AppError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            Self::Other => None,
        }
    }
}

/// Makes one call through a retry and a breaker with these classifiers, of a client whose rejection
/// is the source of the error. Returns the final outcome, and the failures and neutral calls that
/// the breaker counted.
async fn wrapped<R, B>(retry: R, breaker: B) -> (EventLog, (u64, u64))
where
    R: tower_recourse::Classifier<(), &'static str, tower_recourse::BreakerError<AppError>> + Clone,
    B: tower_recourse::Classifier<(), &'static str, AppError> + Clone,
{
    let events = EventLog::default();
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(9).unwrap());
    let outer_circuit = Circuit::new(config.classifier(breaker));
    let client = BreakerLayer::on(&open()).layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let mut service = tower::ServiceBuilder::new()
        .layer(RetryLayer::new(without_delay().classifier(retry).observe(events.observer())))
        .layer(BreakerLayer::on(&outer_circuit))
        .map_err(AppError::Client)
        .service(client);
    assert!(ready_and_call(&mut service, ()).await.is_err());
    (events, (outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral))
}

#[tokio::test(start_paused = true)]
async fn a_custom_error_around_a_rejection_is_a_failure() {
    let (events, counted) = wrapped(Ignorant, Ignorant).await;
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
    assert_eq!(counted, (4, 0));
}

#[tokio::test(start_paused = true)]
async fn sources_recognise_a_custom_error_around_a_rejection() {
    use tower_recourse::classify::{ErrorClassifier, FollowSources, first, outcomes};

    let (events, counted) = wrapped(FollowSources(ErrorClassifier), FollowSources(ErrorClassifier)).await;
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
    assert_eq!(counted, (0, 1));

    let transient = outcomes(|_: Result<&&str, &AppError>| Verdict::transient());
    let (events, counted) = wrapped(Ignorant, first(transient).or(FollowSources(ErrorClassifier))).await;
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "the breaker passes it on");
    assert_eq!(counted, (0, 1));
}

/// An error of another type than the rejection. Its sources aren't visible to the layers.
#[derive(Debug)]
struct Unrelated;

#[tokio::test(start_paused = true)]
async fn a_rejection_kept_elsewhere_does_not_explain_another_error() {
    for by_hand in [true, false] {
        let (inner_circuit, outer_circuit, events) = (open(), circuit(99), EventLog::default());
        let (log, kept) = std::sync::mpsc::channel();
        let asked = inner_circuit.clone();
        let handler = service_fn(move |()| {
            let (inner_circuit, log) = (asked.clone(), log.clone());
            async move {
                let rejection = if by_hand {
                    inner_circuit.try_acquire().unwrap_err()
                } else {
                    inner_circuit.call(|| async { Ok::<_, Oops>(()) }).await.unwrap_err().rejection().unwrap().clone()
                };
                log.send(rejection).unwrap();
                Err::<(), _>(Unrelated)
            }
        });
        let retry = RetryLayer::new(ignorant().observe(events.observer()));
        assert!(ready_and_call(&mut retry.layer(BreakerLayer::on(&outer_circuit).layer(handler)), ()).await.is_err());
        assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]), "{by_hand}");
        assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (4, 0), "{by_hand}");
        assert_eq!(kept.try_iter().count(), 4);
    }
}

#[test]
fn a_rejection_kept_elsewhere_does_not_explain_a_blocking_error() {
    let (inner_circuit, outer_circuit, events) = (open(), circuit(99), EventLog::default());
    let (log, kept) = std::sync::mpsc::channel();
    let retry = RetryLayer::new(ignorant().observe(events.observer()));
    let asks = |_: tower_recourse::Attempt| {
        log.send(inner_circuit.try_acquire().unwrap_err()).unwrap();
        Err::<(), _>(Unrelated)
    };
    assert!(retry.run_blocking(asks).is_err());
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
    assert!(retry.run_blocking(|made| outer_circuit.call_blocking(|| asks(made))).is_err());
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (4, 0));
    assert_eq!(kept.try_iter().count(), 8);
}

/// The caller's own error type, which a breaker returns for its rejections. This type doesn't
/// implement `Error`, so the layers can't search its sources.
#[derive(Debug, PartialEq)]
enum ReplacedError {
    Open(Rejection),
    Other,
}

#[derive(Clone)]
struct ReplaceError;

impl<Res> tower_recourse::breaker::OnRejection<Res, Oops> for ReplaceError {
    type Error = ReplacedError;

    fn reject(&self, rejection: Rejection) -> Result<Res, ReplacedError> {
        Err(ReplacedError::Open(rejection))
    }

    fn pass(_: Oops) -> ReplacedError {
        ReplacedError::Other
    }
}

#[tokio::test(start_paused = true)]
async fn an_opaque_rejection_is_recognised_by_its_type() {
    let events = EventLog::default();
    let client = BreakerLayer::on(&open())
        .on_rejection(ReplaceError)
        .layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let retry = RetryLayer::new(ignorant().observe(events.observer()));
    assert!(matches!(ready_and_call(&mut retry.layer(client.clone()), ()).await, Err(ReplacedError::Open(_))));
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));

    // The handler drops the rejection and fails for another reason, with an error of the same type.
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ready_and_call(&mut client, ()).await.is_err());
            Err::<(), _>(ReplacedError::Other)
        }
    });
    assert_eq!(ready_and_call(&mut retry.layer(handler), ()).await, Err(ReplacedError::Other));
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_source_is_a_rejection_may_arrive_later() {
    let (inner_circuit, events) = (open(), EventLog::default());
    let config =
        without_delay().classifier(tower_recourse::classify::FollowSources(tower_recourse::classify::ErrorClassifier));
    let client = BreakerLayer::on(&inner_circuit).layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let mut service = RetryLayer::new(config.observe(events.observer())).layer(service_fn(move |()| {
        let mut client = client.clone();
        async move {
            let result = ready_and_call(&mut client, ()).await.map_err(AppError::Client);
            yield_now().await;
            result
        }
    }));
    assert!(ready_and_call(&mut service, ()).await.is_err());
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

#[tokio::test(start_paused = true)]
async fn failures_with_an_error_that_may_wrap_a_rejection_are_counted() {
    let outer_circuit = circuit(99);
    let client = rejecting();
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ready_and_call(&mut client, ()).await.is_err());
            Err::<(), _>(AppError::Other)
        }
    });
    let mut service = BreakerLayer::on(&outer_circuit).layer(handler);
    for _ in 0..50 {
        assert!(ready_and_call(&mut service, ()).await.is_err());
    }
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (50, 0));
}

/// The layers can inspect a boxed error. If it isn't a rejection, it is a failure, even while the
/// handler keeps a rejection elsewhere.
#[tokio::test(start_paused = true)]
async fn boxed_failures_are_counted_while_a_rejection_is_kept() {
    let outer_circuit = circuit(99);
    let (client, kept) = (rejecting(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let handler = service_fn(move |()| {
        let (mut client, kept) = (client.clone(), kept.clone());
        async move {
            let rejected = ready_and_call(&mut client, ()).await.map(drop);
            kept.lock().unwrap().push(rejected);
            Err::<(), _>(Box::<dyn std::error::Error + Send + Sync>::from("for another reason"))
        }
    });
    let mut service = BreakerLayer::on(&outer_circuit).layer(handler);
    for _ in 0..50 {
        assert!(ready_and_call(&mut service, ()).await.is_err());
    }
    assert_eq!((outer_circuit.stats().total_failures, outer_circuit.stats().total_neutral), (50, 0));
}

/// A service whose calls hang. Each call holds a value until it is dropped.
fn hangs_with<T: Send + 'static>(
    held: impl Fn() -> T + Clone,
) -> impl Service<(), Response = &'static str, Error = Oops> + Clone {
    service_fn(move |()| {
        let held = held();
        async move {
            let _held = held;
            std::future::pending().await
        }
    })
}

/// Runs a call through a breaker on this circuit until a retry around it times out.
async fn cut_off(circuit: &Circuit, inner: impl Service<(), Response = &'static str, Error = Oops> + Clone) {
    let limits = Timeouts::attempt(secs(1)).on_timeout(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let retry = RetryLayer::new(without_delay().timeouts(limits).retries(0));
    let mut service = retry.layer(BreakerLayer::on(circuit).layer(inner));
    assert!(ready_and_call(&mut service, ()).await.is_err());
}

fn ends(circuit: &Circuit) -> (u64, u64) {
    (circuit.stats().total_failures, circuit.stats().total_dropped)
}

#[tokio::test(start_paused = true)]
async fn a_timeout_does_not_fail_a_permit_issued_outside() {
    let (outer_circuit, inner_circuit) = (circuit(9), circuit(9));
    let permit = Arc::new(std::sync::Mutex::new(inner_circuit.try_acquire().ok()));
    cut_off(&outer_circuit, hangs_with(move || permit.lock().unwrap().take())).await;
    assert_eq!((ends(&outer_circuit), ends(&inner_circuit)), ((1, 0), (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_fails_a_permit_issued_inside() {
    let (outer_circuit, inner_circuit) = (circuit(9), circuit(9));
    let asked = inner_circuit.clone();
    cut_off(&outer_circuit, hangs_with(move || asked.try_acquire())).await;
    assert_eq!((ends(&outer_circuit), ends(&inner_circuit)), ((1, 0), (1, 0)));
}

/// The call that times out holds another call, which has its own time limit, began elsewhere and is
/// still running.
#[tokio::test(start_paused = true)]
async fn a_timeout_does_not_fail_another_call_with_a_time_limit() {
    let (outer_circuit, inner_circuit) = (circuit(9), circuit(9));
    let limits = Timeouts::attempt(secs(60)).on_timeout(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let client = BreakerLayer::on(&inner_circuit).layer(Script::<_, &str, Oops>::new([hang()]));
    let mut client = RetryLayer::new(without_delay().timeouts(limits)).layer(client);
    let mut call = Box::pin(client.call_when_ready(()));
    assert_pending!(spawn(&mut call).poll());
    let call = Arc::new(std::sync::Mutex::new(Some(call)));
    cut_off(&outer_circuit, hangs_with(move || call.lock().unwrap().take())).await;
    assert_eq!((ends(&outer_circuit), ends(&inner_circuit)), ((1, 0), (0, 1)));
}

/// A destructor uses a circuit while a call that timed out is dropped.
#[tokio::test(start_paused = true)]
async fn a_timeout_does_not_fail_a_permit_issued_in_its_drop() {
    struct Asks(Circuit);

    impl Drop for Asks {
        fn drop(&mut self) {
            drop(self.0.try_acquire());
        }
    }

    let (outer_circuit, inner_circuit) = (circuit(9), circuit(9));
    let asked = inner_circuit.clone();
    cut_off(&outer_circuit, hangs_with(move || Asks(asked.clone()))).await;
    assert_eq!((ends(&outer_circuit), ends(&inner_circuit)), ((1, 0), (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_outer_time_limit_fails_the_calls_of_an_inner_one() {
    let inner_circuit = circuit(9);
    let limits = |time| Timeouts::attempt(time).on_timeout(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let mut service = tower::ServiceBuilder::new()
        .layer(RetryLayer::new(without_delay().timeouts(limits(secs(1))).retries(0)))
        .layer(RetryLayer::new(without_delay().timeouts(limits(secs(9))).retries(0)))
        .layer(BreakerLayer::on(&inner_circuit))
        .service(Script::<_, &str, Oops>::new([hang()]));
    assert!(ready_and_call(&mut service, ()).await.is_err());
    assert_eq!(ends(&inner_circuit), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_boundary_hides_notes_from_outer_layers() {
    use tower_recourse::{
        Cause,
        boundary::{BoundaryLayer, boundary_blocking},
        report::{ReportLayer, with_report_blocking},
    };

    let failing = || RetryLayer::new(without_delay().retries(2)).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let mut noted = ReportLayer.layer(failing());
    assert_eq!(ready_and_call(&mut noted, ()).await.unwrap_err().report.attempts(), 3);
    let mut bounded = ReportLayer.layer(BoundaryLayer.layer(failing()));
    let unanswered = ready_and_call(&mut bounded, ()).await.unwrap_err();
    assert_eq!((unanswered.report.attempts(), unanswered.report.cause()), (1, Some(Cause::Failure)));

    let retry = RetryLayer::new(without_delay().retries(2));
    let run = || retry.run_blocking(|_| Err::<(), _>(Oops(1)));
    assert_eq!(with_report_blocking(run).unwrap_err().report.attempts(), 3);
    assert_eq!(with_report_blocking(|| boundary_blocking(run)).unwrap_err().report.attempts(), 1);
}

/// The handler's response has the same type as the breaker's response to a rejection. Without a
/// boundary, outer layers would take it for that response.
#[tokio::test(start_paused = true)]
async fn a_boundary_hides_a_rejection_response_from_outer_layers() {
    let client = BreakerLayer::on(&open())
        .respond_when_open(|_: &Rejection| "made")
        .layer(Script::<_, &str, Oops>::new([hang()]));
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move { ready_and_call(&mut client, ()).await.map(|_| "cached") }
    });
    let mut service = FallbackLayer::value("backup").layer(tower_recourse::boundary::BoundaryLayer.layer(handler));
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), "cached");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_passes_through_a_boundary() {
    let events = EventLog::default();
    let client = BreakerLayer::on(&open()).layer(Script::<_, &str, Oops>::new([hang()]));
    let retry = RetryLayer::new(without_delay().observe(events.observer()));
    assert!(ready_and_call(&mut retry.layer(tower_recourse::boundary::BoundaryLayer.layer(client)), ()).await.is_err());
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

/// This type of request can't carry the information that the budget has its deposit, so the inner
/// retry is configured not to deposit.
#[tokio::test(start_paused = true)]
async fn a_retry_without_deposits_leaves_them_to_the_outer_one() {
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let config = || without_delay().shared_budget(budget.clone());
    let inner = RetryLayer::new(config().without_deposits()).layer(Script::<_, _, Oops>::new([succeed("yes")]));
    let mut service = RetryLayer::new(config()).layer(tower::buffer::Buffer::new(inner, 8));
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), "yes");
    assert_eq!(budget.balance(), 1);
}
