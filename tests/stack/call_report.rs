//! How an answer was got, where it could be mistaken for how another one was.

use std::{convert::Infallible, sync::Arc};

use tokio::{join, select};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackError, FallbackLayer, How, RetryConfig,
    RetryLayer,
    answered::{AnsweredLayer, answered, answered_blocking},
    retry::{Backoff, Budget, Switch, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{Oops, Scripted, Step::*, ask, ms};

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none()).without_budget().unobserved()
}

fn open() -> Circuit {
    let circuit = Circuit::new(BreakerConfig::default().fixed().unobserved());
    circuit.force_open();
    circuit
}

fn failing(retries: u32) -> impl Service<(), Response = &'static str, Error = Oops, Future: Send> + Clone {
    RetryLayer::new(config().retries(retries)).layer(Scripted::new([Fail(Oops(1))]))
}

#[tokio::test(start_paused = true)]
async fn two_stacks_in_one_task_have_their_own_story_each() {
    let (mut one, mut two) = (failing(1), failing(2));
    let (one, two) = join!(answered(ask(&mut one, ())), answered(ask(&mut two, ())));
    let causes = [one, two].map(|failed| failed.unwrap_err().how.cause().unwrap());
    assert_eq!(causes, [Cause::AttemptsSpent { attempts: 2 }, Cause::AttemptsSpent { attempts: 3 }]);
}

#[tokio::test(start_paused = true)]
async fn the_loser_of_a_race_says_nothing_of_the_winner() {
    let mut slow = RetryLayer::new(config()).layer(Scripted::new([Late(ms(9), Err::<&str, _>(Oops(1)))]));
    let mut fast = RetryLayer::new(config()).layer(Scripted::new([Fail(Oops(1)), Late(ms(5), Ok("won"))]));
    let raced = async {
        select! {
            biased;
            slow = ask(&mut slow, ()) => slow,
            fast = ask(&mut fast, ()) => fast,
        }
    };
    let won = answered(raced).await.unwrap();
    assert_eq!((won.response, won.how.attempts(), won.how.cause()), ("won", 2, None));
}

#[tokio::test(start_paused = true)]
async fn a_request_leaves_nothing_for_the_next_one_on_the_thread() {
    let mut failing = failing(3);
    ask(&mut failing, ()).await.unwrap_err();
    let next = answered(std::future::ready(Err::<(), _>(Oops(2)))).await.unwrap_err();
    assert_eq!(next.how, How::default());
    ask(&mut failing, ()).await.unwrap_err();
    assert_eq!(answered_blocking(|| Err::<(), _>(Oops(2))).unwrap_err().how, How::default());
    ask(&mut failing, ()).await.unwrap_err();
    let mut plain = AnsweredLayer.layer(Scripted::<_>::new([Answer("yes")]));
    assert_eq!(ask(&mut plain, ()).await.unwrap().how, How::default());
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_another_task_says_nothing_here() {
    let spawning = service_fn(|()| async {
        let mut inner = failing(2);
        tokio::spawn(async move { ask(&mut inner, ()).await }).await.unwrap()
    });
    assert_eq!(answered(ask(&mut { spawning }, ())).await.unwrap_err().how, How::default());
}

/// The handler's own retry has given up, and the handler then waits for something else.
#[tokio::test(start_paused = true)]
async fn a_stack_in_a_handler_says_nothing_of_what_the_handler_answers_later() {
    let handler = service_fn(|()| async {
        let mut inner = failing(2);
        ask(&mut inner, ()).await.unwrap_err();
        tokio::task::yield_now().await;
        Err::<&str, _>(Oops(7))
    });
    let mut outer =
        ServiceBuilder::new().layer(AnsweredLayer).layer(RetryLayer::new(config().retries(0))).service(handler);
    let failed = ask(&mut outer, ()).await.unwrap_err();
    assert_eq!((failed.error, failed.how.cause()), (Oops(7), Some(Cause::AttemptsSpent { attempts: 1 })));
}

#[tokio::test(start_paused = true)]
async fn the_layer_may_stand_inside_as_well_as_outside() {
    let mut both = ServiceBuilder::new()
        .layer(AnsweredLayer)
        .layer(FallbackLayer::from_fn(|_: tower_recourse::fallback::Failed<'_, _, _>| async {
            Err::<tower_recourse::answered::Answered<&str>, _>(Oops(2))
        }))
        .layer(AnsweredLayer)
        .service(failing(1));
    let failed = ask(&mut both, ()).await.unwrap_err();
    assert_eq!((failed.how.fallbacks_failed(), failed.how.attempts()), (1, 2));
    assert_eq!(failed.how.cause(), Some(Cause::AttemptsSpent { attempts: 2 }));
}

#[tokio::test(start_paused = true)]
async fn a_response_in_place_of_a_rejection_is_known_as_one() {
    let stack = ServiceBuilder::new()
        .layer(AnsweredLayer)
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&open()).respond_when_open(|_| "come back later"))
        .service(Scripted::<_>::new([Answer("not asked")]));
    let answered = ask(&mut { stack }, ()).await.unwrap();
    assert_eq!((answered.response, answered.how.attempts()), ("come back later", 1));
    assert!(answered.how.cause().unwrap().is_rejection());
}

#[tokio::test(start_paused = true)]
async fn runs_in_runs_on_one_budget_deposit_once_however_they_run() {
    let budget = Arc::new(TokenBucket::share(1.0).unwrap().reserve(0));
    let layer = RetryLayer::new(config().without_budget().shared_budget(budget.clone()));
    let inner = layer.clone();
    layer.run(|_| inner.run(|_| async { Ok::<_, Oops>(()) })).await.unwrap();
    assert_eq!(budget.balance(), 1);
    layer.run(|_| async { inner.run(|_| async { Ok::<_, Oops>(()) }).await }).await.unwrap();
    assert_eq!(budget.balance(), 2);
    layer.run_blocking(|_| inner.run_blocking(|_| Ok::<_, Oops>(()))).unwrap();
    assert_eq!(budget.balance(), 3);
    let mut service = layer.layer(service_fn(|()| inner.run(|_| async { Ok::<_, Oops>(()) })));
    ask(&mut service, ()).await.unwrap();
    assert_eq!(budget.balance(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_function_may_change_what_it_borrows() {
    let mut seen = Vec::new();
    let text = String::from("borrowed");
    let layer = RetryLayer::new(config().retries(1));
    let run = layer.run(|attempt| {
        seen.push((attempt.number(), text.as_str()));
        async { Err::<(), _>(Oops(1)) }
    });
    run.await.unwrap_err();
    assert_eq!(seen, [(1, "borrowed"), (2, "borrowed")]);
}

/// What was said of the outcome before isn't lost when the request can't be sent again.
#[tokio::test(start_paused = true)]
async fn a_ladder_inside_is_known_though_the_request_is_lost() {
    let copies = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let once = move |(): &()| (copies.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0).then_some(());
    let mut stack = ServiceBuilder::new()
        .layer(AnsweredLayer)
        .layer(RetryLayer::new(config()).keep(once))
        .layer(
            FallbackLayer::from_fn(|_: tower_recourse::fallback::Failed<'_, &str, Oops>| async {
                Err::<&str, _>(Oops(2))
            })
            .join_errors(|_, fallback| fallback),
        )
        .service(Scripted::new([Fail(Oops(1))]));
    let failed = ask(&mut stack, ()).await.unwrap_err();
    assert_eq!((failed.error, failed.how.cause()), (Oops(2), Some(Cause::NotReplayable)));
    assert_eq!(failed.how.fallbacks_failed(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_still_an_error_of_the_breaker_to_who_has_no_retry() {
    let mut stack = BreakerLayer::on(&open()).layer(Scripted::<_>::new([Answer("not asked")]));
    assert!(matches!(ask(&mut stack, ()).await, Err(BreakerError::<Oops>::Rejected(_))));
}

/// A backup may be a ladder itself: its rungs count as those of the one that it is in.
#[tokio::test(start_paused = true)]
async fn the_rungs_of_a_ladder_in_a_ladder_add_up() {
    let failing = || Scripted::<&str>::new([Fail(Oops(1))]);
    let fails = |name: &'static str| FallbackLayer::new(failing()).name(name).join_errors(|_, last: Oops| last);
    let not_asked = || fails("not asked").when(|_: Result<&&str, &Oops>| false);
    let inner = ServiceBuilder::new().layer(FallbackLayer::value("got it").name("last"));
    let inner = inner.layer(fails("inner")).layer(not_asked()).service(failing());
    let outer = FallbackLayer::new(inner).name("ladder").join_errors(|_, _: FallbackError<Oops, Infallible>| Oops(9));
    let outer = ServiceBuilder::new().layer(AnsweredLayer).layer(outer).layer(fails("outer")).layer(not_asked());
    let answered = ask(&mut outer.service(failing()), ()).await.unwrap();
    let how = answered.how;
    assert_eq!((answered.response, how.fallback()), ("got it", Some("last")));
    assert_eq!(how.fallbacks_failed(), 3, "`outer`, the service of `ladder`, and `inner`");
    assert_eq!(how.rung(), 6, "two weren't asked");
}

/// Why nothing was tried again is one thing; that the service wasn't called is another, and stays known.
#[tokio::test(start_paused = true)]
async fn a_rejection_is_still_known_where_retrying_is_switched_off() {
    let retry = RetryLayer::new(config().switch(&Switch::off()));
    let mut stack = ServiceBuilder::new()
        .layer(AnsweredLayer)
        .layer(FallbackLayer::value("backup").when(|_: Result<&_, &_>| false))
        .layer(retry)
        .layer(BreakerLayer::on(&open()))
        .service(Scripted::<&str, Oops>::new([Answer("not asked")]));
    let answered = ask(&mut stack, ()).await.unwrap();
    assert_eq!((answered.response, answered.how.cause()), ("backup", Some(Cause::SwitchedOff)));
}
