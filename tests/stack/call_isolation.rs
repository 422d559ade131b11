//! What one call was told is not believed of another: handlers that call through layers of their own, swallow what those
//! said, and come to an answer, or to a failure, of their own.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio_test::{assert_pending, task::spawn};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Rejection, RetryConfig, RetryLayer, State, Verdict,
    breaker::OpenRule,
    retry::{Backoff, Budget, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn circuit(failures: u32) -> Circuit {
    Circuit::new(BreakerConfig::default().fixed().open_when(OpenRule::consecutive(failures).unwrap()).count_calls())
}

fn open() -> Circuit {
    let circuit = circuit(1);
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// A client of something that is down, behind an open circuit.
fn rejecting() -> impl Service<(), Error: Send, Future: Send> + Clone + Send {
    BreakerLayer::on(&open()).layer(Scripted::<_>::new([Answer("not asked for")]))
}

/// What a handler makes of a rejection that it has swallowed.
#[derive(Clone, Copy)]
enum Then {
    Answers,
    FailsLater,
    FailsAtOnce,
}

/// Asks something that rejects, and goes on without it.
fn handler(then: Then) -> impl Service<(), Response = &'static str, Error = Oops, Future: Send> + Clone {
    let client = rejecting();
    service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ask(&mut client, ()).await.is_err());
            match then {
                Then::Answers => Ok("without it"),
                Then::FailsLater => {
                    yield_now().await;
                    Err(Oops(1))
                }
                Then::FailsAtOnce => Err(Oops(1)),
            }
        }
    })
}

fn at_once() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none())
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_a_swallowed_rejection_is_an_answer() {
    let told = Told::default();
    let fallback = FallbackLayer::value("backup").observe(told.observer());
    assert_eq!(ask(&mut fallback.layer(handler(Then::Answers)), ()).await, Ok("without it"));

    let retry = RetryLayer::new(at_once().observe(told.observer()));
    assert_eq!(ask(&mut retry.layer(handler(Then::Answers)), ()).await, Ok("without it"));
    assert_eq!(ask(&mut fallback.layer(retry.layer(handler(Then::Answers))), ()).await, Ok("without it"));

    let ours = circuit(1);
    assert_eq!(ask(&mut BreakerLayer::on(&ours).layer(handler(Then::Answers)), ()).await, Ok("without it"));
    assert_eq!((ours.stats().total_successes, ours.stats().total_neutral), (Some(1), 0));
    assert_eq!(told.count(""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_later_failure_after_a_swallowed_rejection_is_the_handlers_own() {
    let (told, ours) = (Told::default(), circuit(9));
    let retry = RetryLayer::new(at_once());
    let fallback = FallbackLayer::value("backup").observe(told.observer());
    let mut service = fallback.layer(retry.layer(BreakerLayer::on(&ours).layer(handler(Then::FailsLater))));
    assert_eq!(ask(&mut service, ()).await, Ok("backup"));
    assert!(told.last_has(&["FallbackAsked", "AttemptsSpent { attempts: 4 }"]));
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_after_a_swallowed_rejection_are_counted() {
    let (told, ours) = (Told::default(), circuit(99));
    let retry = RetryLayer::new(at_once().retries(0).observe(told.observer()));
    let mut service = retry.layer(BreakerLayer::on(&ours).layer(handler(Then::FailsAtOnce)));
    for _ in 0..50 {
        assert!(ask(&mut service, ()).await.is_err());
    }
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 1 }"]));
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (50, 0));
}

/// The rejection is gone, and an error that doesn't contain it is an error like any other.
#[tokio::test(start_paused = true)]
async fn an_error_that_drops_the_rejection_is_an_ordinary_failure() {
    let (theirs, ours) = (open(), circuit(99));
    let client = BreakerLayer::on(&theirs).layer(Scripted::<&str>::new([Answer("not asked for")]));
    let mut service = BreakerLayer::on(&ours).layer(tower::util::MapErr::new(client, |_| Oops(1)));
    assert!(ask(&mut service, ()).await.is_err());
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_with_the_type_of_a_swallowed_rejection_are_counted() {
    let ours = circuit(99);
    let client = rejecting();
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ask(&mut client, ()).await.is_err());
            Err::<(), _>(tower_recourse::BreakerError::Inner(Oops(1)))
        }
    });
    let mut service = BreakerLayer::on(&ours).layer(handler);
    for _ in 0..50 {
        assert!(ask(&mut service, ()).await.is_err());
    }
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (50, 0));
}

#[test]
fn blocking_failures_after_a_swallowed_rejection_are_counted() {
    let (theirs, ours, told) = (open(), circuit(99), Told::default());
    let retry = RetryLayer::new(at_once().retries(0).observe(told.observer()));
    for _ in 0..50 {
        let failed = retry.run_blocking(|_| {
            ours.call_blocking(|| {
                assert!(theirs.call_blocking(|| Ok::<_, Oops>(())).is_err());
                assert!(theirs.admit().is_err());
                Err::<(), _>(Oops(1))
            })
        });
        assert_eq!(failed.unwrap_err().into_inner(), Some(Oops(1)));
    }
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 1 }"]));
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (50, 0));
}

/// Its classifier calls every error transient, and knows nothing of rejections.
fn ignorant() -> RetryConfig<Ignorant> {
    at_once().classifier(Ignorant)
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

/// The last word counts: what was said before the call that failed is forgotten.
#[tokio::test(start_paused = true)]
async fn a_failed_call_after_a_rejected_one_is_a_failure() {
    let second = RetryLayer::new(at_once().retries(0)).layer(Scripted::<&str>::new([Fail(Oops(2))]));
    let first = rejecting();
    let told = Told::default();
    let mut service = RetryLayer::new(at_once().observe(told.observer())).layer(service_fn(move |()| {
        let (mut first, mut second) = (first.clone(), second.clone());
        async move {
            assert!(ask(&mut first, ()).await.is_err());
            ask(&mut second, ()).await
        }
    }));
    assert_eq!(ask(&mut service, ()).await, Err(Oops(2)));
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
}

/// A success in between is a word too.
#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_after_a_rejected_one_leaves_no_trace_of_it() {
    let (first, cache) = (rejecting(), BreakerLayer::on(&circuit(1)).layer(Scripted::<_>::new([Answer("cached")])));
    let told = Told::default();
    let mut service = RetryLayer::new(at_once().observe(told.observer())).layer(service_fn(move |()| {
        let (mut first, mut cache) = (first.clone(), cache.clone());
        async move {
            assert!(ask(&mut first, ()).await.is_err());
            assert_eq!(ask(&mut cache, ()).await, Ok("cached"));
            Err::<(), _>(Oops(1))
        }
    }));
    assert_eq!(ask(&mut service, ()).await, Err(Oops(1)));
    assert!(told.last_has(&["AttemptsSpent { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn an_inner_retry_that_gave_up_does_not_stop_the_outer_one() {
    let inner = Scripted::<&str>::new([Fail(Oops(1))]);
    let told = Told::default();
    let retry = |times: u32| at_once().retries(times).without_budget();
    let mut service = RetryLayer::new(retry(2).observe(told.observer())).layer(
        RetryLayer::new(retry(1).classify(|_: Result<&&str, &Oops>| tower_recourse::Verdict::permanent()))
            .layer(inner.clone()),
    );
    assert_eq!(ask(&mut service, ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 3, "what is permanent to the inner one is judged anew by the outer one");
    assert!(told.last_has(&["AttemptsSpent { attempts: 3 }"]));
}

/// Two requests on one task, polled in turn.
#[tokio::test(start_paused = true)]
async fn joined_calls_are_told_their_own_causes() {
    let (one, other) = (Told::default(), Told::default());
    let fallback = |told: &Told| FallbackLayer::value("backup").observe(told.observer());
    let open = open();
    let mut rejected = fallback(&one).layer(BreakerLayer::on(&open).layer(Scripted::<&str>::new([Hang])));
    let mut spent = fallback(&other)
        .layer(RetryLayer::new(at_once().retries(1)).layer(Scripted::<&str>::new([Late(ms(5), Err(Oops(1)))])));
    let both = tokio::join!(ask(&mut spent, ()), ask(&mut rejected, ()));
    assert_eq!(both, (Ok("backup"), Ok("backup")));
    assert!(one.last_has(&["FallbackAsked", "Rejected"]));
    assert!(other.last_has(&["FallbackAsked", "AttemptsSpent { attempts: 2 }"]));
}

/// The handler's own failure comes in a poll in which nothing was rejected.
#[tokio::test(start_paused = true)]
async fn a_handler_that_joins_a_rejected_call_and_a_slow_one_fails_by_the_slow_one() {
    let first = rejecting();
    let slow = Scripted::<&str>::new([Late(ms(5), Err(Oops(2)))]);
    let told = Told::default();
    let mut service = RetryLayer::new(at_once().observe(told.observer())).layer(service_fn(move |()| {
        let (mut first, mut slow) = (first.clone(), slow.clone());
        async move {
            let (rejected, slow) = tokio::join!(ask(&mut first, ()), ask(&mut slow, ()));
            assert!(rejected.is_err());
            slow
        }
    }));
    assert_eq!(ask(&mut service, ()).await, Err(Oops(2)));
    assert!(told.last_has(&["AttemptsSpent { attempts: 4 }"]));
}

/// A call that lost a race was not cut off by a time limit, although a retry with one is around.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_by_select_counts_as_nothing() {
    let theirs = circuit(1);
    let client = BreakerLayer::on(&theirs).layer(Scripted::<&str>::new([Hang]));
    let limits = Timeouts::attempt(secs(1)).answer(|_| Err::<&str, _>(Oops(408)));
    let mut service = RetryLayer::new(at_once().timeouts(limits)).layer(service_fn(move |()| {
        let mut client = client.clone();
        async move {
            tokio::select! {
                _ = ask(&mut client, ()) => unreachable!("it never answers"),
                () = tokio::time::sleep(ms(10)) => Ok("the other one"),
            }
        }
    }));
    assert_eq!(ask(&mut service, ()).await, Ok("the other one"));
    let stats = theirs.stats();
    assert_eq!((stats.total_failures, stats.total_dropped, stats.state), (0, 1, State::Closed));
}

/// Being cut off ends with the drop that it is about.
#[tokio::test(start_paused = true)]
async fn after_a_cut_off_a_dropped_call_counts_as_nothing_again() {
    let circuit = circuit(9);
    let breaker = BreakerLayer::on(&circuit).layer(Scripted::<&str>::new([Hang]));
    let inner = tower::util::MapErr::new(breaker, |_| Oops(1));
    let limits = Timeouts::attempt(secs(1)).answer(|_| Err::<&str, _>(Oops(408)));
    let mut service = RetryLayer::new(at_once().timeouts(limits).retries(1)).layer(inner);
    let mut call = spawn(ask(&mut service, ()));
    assert_pending!(call.poll());
    tokio::time::advance(ms(1001)).await;
    assert_pending!(call.poll());
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 0));
    drop(call);
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 1));
}

/// What was said on this thread before, to nobody, is not taken for an answer to us.
#[tokio::test(start_paused = true)]
async fn a_rejection_said_before_the_call_is_forgotten() {
    let (open, told) = (open(), Told::default());
    let mut service =
        RetryLayer::new(at_once().retries(1).observe(told.observer())).layer(Scripted::<&str>::new([Fail(Oops(1))]));
    let mut call = spawn(ask(&mut service, ()));
    assert!(open.admit().is_err());
    assert_eq!(tokio_test::assert_ready!(call.poll()), Err(Oops(1)));
    assert!(told.last_has(&["AttemptsSpent { attempts: 2 }"]));

    let mut service = FallbackLayer::value("backup").observe(told.observer()).layer(Scripted::new([Fail(Oops(1))]));
    let mut call = spawn(ask(&mut service, ()));
    assert!(open.admit().is_err());
    assert_eq!(tokio_test::assert_ready!(call.poll()), Ok("backup"));
    assert!(told.last_has(&["FallbackAsked", "cause: Failure"]));
}

/// Two requests on one task are two requests to their budget.
#[tokio::test(start_paused = true)]
async fn joined_calls_deposit_each() {
    let budget = Arc::new(TokenBucket::share(1.0).unwrap().reserve(0));
    let layer = RetryLayer::new(at_once().shared_budget(budget.clone()));
    let slow = Scripted::<_>::new([Late(ms(5), Ok("yes"))]);
    let (mut one, mut other) = (layer.layer(slow.clone()), layer.layer(slow));
    let both = tokio::join!(ask(&mut one, ()), ask(&mut other, ()));
    assert_eq!((both, budget.balance()), ((Ok("yes"), Ok("yes")), 2));
}

/// Whoever judges may call through layers of his own: what those said isn't said of the answer that is judged.
#[tokio::test(start_paused = true)]
async fn what_is_said_to_who_judges_is_not_said_of_the_answer() {
    let client =
        BreakerLayer::on(&open()).respond_when_open(|_: &Rejection| "made").layer(Scripted::<&str>::new([Hang]));
    let judge = move |_: Result<&&'static str, &Oops>| {
        let mut client = client.clone();
        assert!(spawn(ask(&mut client, ())).poll().is_ready());
        Verdict::Success
    };
    let inner = || Scripted::<&'static str>::new([Answer("an answer")]);
    macro_rules! check {
        ($service:expr) => {
            let outer = circuit(1);
            assert_eq!(ask(&mut BreakerLayer::on(&outer).layer($service), ()).await.unwrap(), "an answer");
            assert_eq!((outer.stats().total_successes, outer.stats().total_neutral), (Some(1), 0));
        };
    }
    check!(RetryLayer::new(RetryConfig::default().classify(judge.clone())).layer(inner()));
    check!(BreakerLayer::on(&Circuit::new(BreakerConfig::default().fixed().classify(judge.clone()))).layer(inner()));
    check!(FallbackLayer::value("backup").classify(judge).layer(inner()));
}

/// What answers in place of the service is dropped before the answer is said to be no answer of the service.
#[tokio::test(start_paused = true)]
async fn what_is_said_while_the_answerer_is_dropped_is_not_said_of_the_answer() {
    #[derive(Clone)]
    struct CallsAsItGoes(Circuit);

    impl Drop for CallsAsItGoes {
        fn drop(&mut self) {
            let mut client = BreakerLayer::on(&self.0).layer(Scripted::<_>::new([Answer("all is well")]));
            assert!(spawn(ask(&mut client, ())).poll().is_ready());
        }
    }

    let (outer, farewell) = (circuit(1), CallsAsItGoes(circuit(1)));
    let respond = move |_: &Rejection| {
        let _ = &farewell;
        "made"
    };
    let rejecting = BreakerLayer::on(&open()).respond_when_open(respond).layer(Scripted::<&'static str>::new([Hang]));
    assert_eq!(ask(&mut BreakerLayer::on(&outer).layer(rejecting), ()).await.unwrap(), "made");
    assert_eq!((outer.stats().total_successes, outer.stats().total_neutral), (Some(0), 1));
}

/// In which way a result arrives in another poll than the one in which the breaker rejected.
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
        let (theirs, told, ours) = (open(), Told::default(), circuit(1));
        let budget = Arc::new(TokenBucket::share(0.0).unwrap().reserve(0));
        let breaker = BreakerLayer::on(&theirs).layer(Scripted::<u32>::new([Answer(1)]));
        let inner = service_fn(move |()| {
            let mut breaker = breaker.clone();
            arrives.after(async move { ask(&mut breaker, ()).await })
        });
        let config = at_once().classify(|_: Result<&u32, &_>| Verdict::transient());
        let mut service = tower::ServiceBuilder::new()
            .layer(FallbackLayer::value(7).classify(|_: Result<&u32, &_>| Verdict::Success))
            .layer(RetryLayer::new(config.shared_budget(budget.clone()).observe(told.observer())))
            .layer(BreakerLayer::on(&ours))
            .service(inner);
        assert_eq!(ask(&mut service, ()).await.unwrap(), 7, "{arrives:?}");
        assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
        assert_eq!(theirs.stats().total_rejected, 1, "{arrives:?}");
        assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (0, 1), "{arrives:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_function_that_arrives_later_is_not_retried() {
    for arrives in ALL {
        let (theirs, told) = (open(), Told::default());
        let retry = RetryLayer::new(ignorant().observe(told.observer()));
        let run = retry.run(|_| {
            let theirs = theirs.clone();
            arrives.after(async move { theirs.call(|| async { Ok::<_, Oops>(()) }).await })
        });
        assert!(run.await.is_err());
        assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_by_hand_that_arrives_later_is_not_retried() {
    for arrives in ALL {
        let (theirs, told) = (open(), Told::default());
        let retry = RetryLayer::new(ignorant().observe(told.observer()));
        let run = retry.run(|_| {
            let theirs = theirs.clone();
            arrives.after(async move { theirs.admit().map(drop) })
        });
        assert!(run.await.is_err());
        assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "{arrives:?}");
    }
}

#[test]
fn a_rejection_from_another_thread_is_not_retried_by_run_blocking() {
    let (theirs, told) = (open(), Told::default());
    let retry = RetryLayer::new(ignorant().observe(told.observer()));
    let elsewhere = || theirs.call_blocking(|| Ok::<_, Oops>(()));
    let failed = retry.run_blocking(|_| std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap()));
    assert!(failed.is_err());
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

/// An error of the caller's own. Only `Sources` looks into it.
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

/// One call through a retry and a breaker with these classifiers, of a client whose rejection is the source of the error. Returns
/// what the retry says at last, and how many failures and neutral calls the breaker has counted.
async fn wrapped<R, B>(retry: R, breaker: B) -> (Told, (u64, u64))
where
    R: tower_recourse::Classifier<(), &'static str, tower_recourse::BreakerError<AppError>> + Clone,
    B: tower_recourse::Classifier<(), &'static str, AppError> + Clone,
{
    let told = Told::default();
    let config = BreakerConfig::default().fixed().open_when(OpenRule::consecutive(9).unwrap());
    let ours = Circuit::new(config.classifier(breaker));
    let client = BreakerLayer::on(&open()).layer(Scripted::<&str>::new([Answer("not asked for")]));
    let mut service = tower::ServiceBuilder::new()
        .layer(RetryLayer::new(at_once().classifier(retry).observe(told.observer())))
        .layer(BreakerLayer::on(&ours))
        .map_err(AppError::Client)
        .service(client);
    assert!(ask(&mut service, ()).await.is_err());
    (told, (ours.stats().total_failures, ours.stats().total_neutral))
}

#[tokio::test(start_paused = true)]
async fn an_own_error_around_a_rejection_is_an_ordinary_failure() {
    let (told, counted) = wrapped(Ignorant, Ignorant).await;
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
    assert_eq!(counted, (4, 0));
}

#[tokio::test(start_paused = true)]
async fn sources_recognise_an_own_error_around_a_rejection() {
    use tower_recourse::classify::{Errors, Sources, first, outcomes};

    let (told, counted) = wrapped(Sources(Errors), Sources(Errors)).await;
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
    assert_eq!(counted, (0, 1));

    let transient = outcomes(|_: Result<&&str, &AppError>| Verdict::transient());
    let (told, counted) = wrapped(Ignorant, first(transient).or(Sources(Errors))).await;
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]), "the breaker passes it on");
    assert_eq!(counted, (0, 1));
}

/// The failure has another type than the rejection, and can't be inspected.
#[derive(Debug)]
struct Unrelated;

#[tokio::test(start_paused = true)]
async fn a_rejection_kept_elsewhere_does_not_explain_another_error() {
    for by_hand in [true, false] {
        let (theirs, ours, told) = (open(), circuit(99), Told::default());
        let (log, kept) = std::sync::mpsc::channel();
        let asked = theirs.clone();
        let handler = service_fn(move |()| {
            let (theirs, log) = (asked.clone(), log.clone());
            async move {
                let rejection = if by_hand {
                    theirs.admit().unwrap_err()
                } else {
                    theirs.call(|| async { Ok::<_, Oops>(()) }).await.unwrap_err().rejection().unwrap().clone()
                };
                log.send(rejection).unwrap();
                Err::<(), _>(Unrelated)
            }
        });
        let retry = RetryLayer::new(ignorant().observe(told.observer()));
        assert!(ask(&mut retry.layer(BreakerLayer::on(&ours).layer(handler)), ()).await.is_err());
        assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]), "{by_hand}");
        assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (4, 0), "{by_hand}");
        assert_eq!(kept.try_iter().count(), 4);
    }
}

#[test]
fn a_rejection_kept_elsewhere_does_not_explain_a_blocking_error() {
    let (theirs, ours, told) = (open(), circuit(99), Told::default());
    let (log, kept) = std::sync::mpsc::channel();
    let retry = RetryLayer::new(ignorant().observe(told.observer()));
    let asks = |_: tower_recourse::Attempt| {
        log.send(theirs.admit().unwrap_err()).unwrap();
        Err::<(), _>(Unrelated)
    };
    assert!(retry.run_blocking(asks).is_err());
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
    assert!(retry.run_blocking(|made| ours.call_blocking(|| asks(made))).is_err());
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (4, 0));
    assert_eq!(kept.try_iter().count(), 8);
}

/// An error of the caller's own that a breaker returns in place of its rejections. It can't be inspected.
#[derive(Debug, PartialEq)]
enum Own {
    Open(Rejection),
    Other,
}

#[derive(Clone)]
struct AsOwn;

impl<Res> tower_recourse::breaker::OnRejection<Res, Oops> for AsOwn {
    type Error = Own;

    fn reject(&self, rejection: Rejection) -> Result<Res, Own> {
        Err(Own::Open(rejection))
    }

    fn pass(_: Oops) -> Own {
        Own::Other
    }
}

#[tokio::test(start_paused = true)]
async fn an_opaque_rejection_is_known_by_the_type_the_breaker_returned() {
    let told = Told::default();
    let client = BreakerLayer::on(&open()).on_rejection(AsOwn).layer(Scripted::<&str>::new([Answer("not asked for")]));
    let retry = RetryLayer::new(ignorant().observe(told.observer()));
    assert!(matches!(ask(&mut retry.layer(client.clone()), ()).await, Err(Own::Open(_))));
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));

    // It is dropped, and the call fails for another reason, with the same type.
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ask(&mut client, ()).await.is_err());
            Err::<(), _>(Own::Other)
        }
    });
    assert_eq!(ask(&mut retry.layer(handler), ()).await, Err(Own::Other));
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_source_is_a_rejection_may_arrive_later() {
    let (theirs, told) = (open(), Told::default());
    let config = at_once().classifier(tower_recourse::classify::Sources(tower_recourse::classify::Errors));
    let client = BreakerLayer::on(&theirs).layer(Scripted::<&str>::new([Answer("not asked for")]));
    let mut service = RetryLayer::new(config.observe(told.observer())).layer(service_fn(move |()| {
        let mut client = client.clone();
        async move {
            let result = ask(&mut client, ()).await.map_err(AppError::Client);
            yield_now().await;
            result
        }
    }));
    assert!(ask(&mut service, ()).await.is_err());
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

#[tokio::test(start_paused = true)]
async fn failures_with_an_error_that_may_wrap_a_rejection_are_counted() {
    let ours = circuit(99);
    let client = rejecting();
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            assert!(ask(&mut client, ()).await.is_err());
            Err::<(), _>(AppError::Other)
        }
    });
    let mut service = BreakerLayer::on(&ours).layer(handler);
    for _ in 0..50 {
        assert!(ask(&mut service, ()).await.is_err());
    }
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (50, 0));
}

/// A boxed error can be inspected, and isn't one: also while the rejection is kept elsewhere.
#[tokio::test(start_paused = true)]
async fn failures_with_a_boxed_error_are_counted_while_a_rejection_is_kept() {
    let ours = circuit(99);
    let (client, kept) = (rejecting(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let handler = service_fn(move |()| {
        let (mut client, kept) = (client.clone(), kept.clone());
        async move {
            let rejected = ask(&mut client, ()).await.map(drop);
            kept.lock().unwrap().push(rejected);
            Err::<(), _>(Box::<dyn std::error::Error + Send + Sync>::from("for another reason"))
        }
    });
    let mut service = BreakerLayer::on(&ours).layer(handler);
    for _ in 0..50 {
        assert!(ask(&mut service, ()).await.is_err());
    }
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (50, 0));
}

/// A call that hangs, and holds something that is dropped with it.
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

/// Runs a call through a breaker on this circuit until a retry around cuts it off.
async fn cut_off(circuit: &Circuit, inner: impl Service<(), Response = &'static str, Error = Oops> + Clone) {
    let limits = Timeouts::attempt(secs(1)).answer(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let retry = RetryLayer::new(at_once().timeouts(limits).retries(0));
    let mut service = retry.layer(BreakerLayer::on(circuit).layer(inner));
    assert!(ask(&mut service, ()).await.is_err());
}

fn ends(circuit: &Circuit) -> (u64, u64) {
    (circuit.stats().total_failures, circuit.stats().total_dropped)
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_call_does_not_charge_a_permit_given_outside() {
    let (ours, theirs) = (circuit(9), circuit(9));
    let permit = Arc::new(std::sync::Mutex::new(theirs.admit().ok()));
    cut_off(&ours, hangs_with(move || permit.lock().unwrap().take())).await;
    assert_eq!((ends(&ours), ends(&theirs)), ((1, 0), (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_call_charges_a_permit_given_inside() {
    let (ours, theirs) = (circuit(9), circuit(9));
    let asked = theirs.clone();
    cut_off(&ours, hangs_with(move || asked.admit())).await;
    assert_eq!((ends(&ours), ends(&theirs)), ((1, 0), (1, 0)));
}

/// Another call, with a time limit of its own, that is under way and was begun elsewhere.
#[tokio::test(start_paused = true)]
async fn a_timed_out_call_does_not_charge_another_timed_call() {
    let (ours, theirs) = (circuit(9), circuit(9));
    let limits = Timeouts::attempt(secs(60)).answer(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let client = BreakerLayer::on(&theirs).layer(Scripted::<&str>::new([Hang]));
    let mut client = RetryLayer::new(at_once().timeouts(limits)).layer(client);
    let mut call = Box::pin(client.call_when_ready(()));
    assert_pending!(spawn(&mut call).poll());
    let call = Arc::new(std::sync::Mutex::new(Some(call)));
    cut_off(&ours, hangs_with(move || call.lock().unwrap().take())).await;
    assert_eq!((ends(&ours), ends(&theirs)), ((1, 0), (0, 1)));
}

/// A destructor that asks a circuit, within the drop of a call that took too long.
#[tokio::test(start_paused = true)]
async fn a_timed_out_call_does_not_charge_a_permit_given_in_its_drop() {
    struct Asks(Circuit);

    impl Drop for Asks {
        fn drop(&mut self) {
            drop(self.0.admit());
        }
    }

    let (ours, theirs) = (circuit(9), circuit(9));
    let asked = theirs.clone();
    cut_off(&ours, hangs_with(move || Asks(asked.clone()))).await;
    assert_eq!((ends(&ours), ends(&theirs)), ((1, 0), (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_outer_time_limit_charges_the_calls_of_an_inner_one() {
    let theirs = circuit(9);
    let limits = |time| Timeouts::attempt(time).answer(|_| Err(tower_recourse::BreakerError::Inner(Oops(408))));
    let mut service = tower::ServiceBuilder::new()
        .layer(RetryLayer::new(at_once().timeouts(limits(secs(1))).retries(0)))
        .layer(RetryLayer::new(at_once().timeouts(limits(secs(9))).retries(0)))
        .layer(BreakerLayer::on(&theirs))
        .service(Scripted::<&str>::new([Hang]));
    assert!(ask(&mut service, ()).await.is_err());
    assert_eq!(ends(&theirs), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_boundary_keeps_notes_from_the_layers_around() {
    use tower_recourse::{
        answered::{AnsweredLayer, answered_blocking},
        boundary::{BoundaryLayer, boundary_blocking},
    };

    let failing = || RetryLayer::new(at_once().retries(2)).layer(Scripted::<&str>::new([Fail(Oops(1))]));
    let mut noted = AnsweredLayer.layer(failing());
    assert_eq!(ask(&mut noted, ()).await.unwrap_err().how.attempts(), 3);
    let mut bounded = AnsweredLayer.layer(BoundaryLayer.layer(failing()));
    let unanswered = ask(&mut bounded, ()).await.unwrap_err();
    assert_eq!((unanswered.how.attempts(), unanswered.how.cause()), (1, None));

    let retry = RetryLayer::new(at_once().retries(2));
    let run = || retry.run_blocking(|_| Err::<(), _>(Oops(1)));
    assert_eq!(answered_blocking(run).unwrap_err().how.attempts(), 3);
    assert_eq!(answered_blocking(|| boundary_blocking(run)).unwrap_err().how.attempts(), 1);
}

/// An answer of the same type as the made one, which can't be told from it: but with a boundary.
#[tokio::test(start_paused = true)]
async fn a_boundary_keeps_a_made_response_from_the_layers_around() {
    let client =
        BreakerLayer::on(&open()).respond_when_open(|_: &Rejection| "made").layer(Scripted::<&str>::new([Hang]));
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move { ask(&mut client, ()).await.map(|_| "cached") }
    });
    let mut service = FallbackLayer::value("backup").layer(tower_recourse::boundary::BoundaryLayer.layer(handler));
    assert_eq!(ask(&mut service, ()).await.unwrap(), "cached");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_goes_through_a_boundary() {
    let told = Told::default();
    let client = BreakerLayer::on(&open()).layer(Scripted::<&str>::new([Hang]));
    let retry = RetryLayer::new(at_once().observe(told.observer()));
    assert!(ask(&mut retry.layer(tower_recourse::boundary::BoundaryLayer.layer(client)), ()).await.is_err());
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

/// Of requests that can't carry anything, only a setting can say that they have paid.
#[tokio::test(start_paused = true)]
async fn a_retry_without_deposits_leaves_them_to_the_one_around() {
    let budget = Arc::new(TokenBucket::share(1.0).unwrap().reserve(0));
    let config = || at_once().shared_budget(budget.clone());
    let inner = RetryLayer::new(config().without_deposits()).layer(Scripted::<_>::new([Answer("yes")]));
    let mut service = RetryLayer::new(config()).layer(tower::buffer::Buffer::new(inner, 8));
    assert_eq!(ask(&mut service, ()).await.unwrap(), "yes");
    assert_eq!(budget.balance(), 1);
}
