//! What one call was told is not believed of another: handlers that call through layers of their own, swallow what those
//! said, and come to an answer, or to a failure, of their own.

mod support;

use std::sync::Arc;

use support::*;
use tokio::task::yield_now;
use tokio_test::{assert_pending, task::spawn};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Rejection, RetryConfig, RetryLayer, State, Verdict,
    breaker::OpenRule,
    retry::{Backoff, Budget, Timeouts, TokenBucket},
};

fn circuit(failures: u32) -> Circuit {
    Circuit::new(BreakerConfig::default().open_when(OpenRule::consecutive(failures).unwrap()).count_calls())
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
    RetryConfig::default().backoff(Backoff::none())
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

/// Not to be told from middleware that turns a rejection into an error of its own. That it is one is the better guess:
/// trying again at once would meet the same open circuit.
#[tokio::test(start_paused = true)]
async fn an_error_in_the_same_poll_as_a_rejection_is_taken_for_it() {
    let (told, ours) = (Told::default(), circuit(1));
    let retry = RetryLayer::new(at_once().observe(told.observer()));
    let mut service = retry.layer(BreakerLayer::on(&ours).layer(handler(Then::FailsAtOnce)));
    assert!(ask(&mut service, ()).await.is_err());
    assert!(told.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
    assert_eq!((ours.stats().total_failures, ours.stats().total_neutral), (0, 1));
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
    check!(BreakerLayer::on(&Circuit::new(BreakerConfig::default().classify(judge.clone()))).layer(inner()));
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
