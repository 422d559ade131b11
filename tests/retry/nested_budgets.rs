//! Several retries on one budget: a request deposits once, and what comes of an attempt is told once.

use std::sync::{Arc, Mutex};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    FailureKind, RetryConfig, RetryLayer,
    retry::{Backoff, Budget, BudgetStats, budget::Token},
};

use crate::scripted::*;

/// Has enough, and writes down what it is told. Tokens are numbered from 1.
#[derive(Debug, Default)]
struct Log(Mutex<(u64, Vec<String>)>);

impl Log {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().1.push(line.into());
    }

    /// What was written since this was asked last.
    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap().1).join(", ")
    }
}

impl Budget for Log {
    fn deposit(&self) {
        self.write("deposit");
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        let token = {
            let mut log = self.0.lock().unwrap();
            log.0 += 1;
            log.0
        };
        self.write(format!("take {token}"));
        Some(Token::new(token))
    }

    fn give_back(&self, token: Token) {
        self.write(format!("back {}", token.value()));
    }

    fn succeeded(&self, paid: Option<Token>) {
        self.write(paid.map_or("success".into(), |paid| format!("success for {}", paid.value())));
    }

    fn failed(&self, _: FailureKind) {
        self.write("failure");
    }

    fn stats(&self) -> BudgetStats {
        BudgetStats::default()
    }
}

fn retry_on(budget: &Arc<Log>, retries: u32) -> RetryLayer<RetryConfig> {
    let config = RetryConfig::default().idempotent().backoff(Backoff::none());
    RetryLayer::new(config.retries(retries).shared_budget(budget.clone()))
}

const FAIL: Step<&str, Oops> = Fail(Oops(1));

/// What a budget is told by retries on it, the outermost first, around a service that does this.
async fn told<const N: usize>(retries: [u32; N], steps: &[Step<&'static str, Oops>]) -> String {
    let budget = Arc::new(Log::default());
    let inner = Scripted::new(steps.iter().cloned());
    match retries[..] {
        [one] => {
            let _ = ask(&mut retry_on(&budget, one).layer(inner), ()).await;
        }
        [one, two] => {
            let mut stack =
                ServiceBuilder::new().layer(retry_on(&budget, one)).layer(retry_on(&budget, two)).service(inner);
            let _ = ask(&mut stack, ()).await;
        }
        [one, two, three] => {
            let mut stack = ServiceBuilder::new()
                .layer(retry_on(&budget, one))
                .layer(retry_on(&budget, two))
                .layer(retry_on(&budget, three))
                .service(inner);
            let _ = ask(&mut stack, ()).await;
        }
        _ => unreachable!("no test has more"),
    }
    budget.take()
}

#[tokio::test(start_paused = true)]
async fn one_retry_tells_all_there_is_to_tell() {
    assert_eq!(told([1], &[Answer("yes")]).await, "deposit, success");
    assert_eq!(told([1], &[FAIL, Answer("yes")]).await, "deposit, failure, take 1, success for 1");
    assert_eq!(told([1], &[FAIL]).await, "deposit, failure, take 1, failure");
}

#[tokio::test(start_paused = true)]
async fn a_success_is_told_once_however_many_retries_it_crosses() {
    for story in [told([1, 1], &[Answer("yes")]).await, told([1, 1, 1], &[Answer("yes")]).await] {
        assert_eq!(story, "deposit, success");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_is_told_once_however_many_retries_it_crosses() {
    let four = "deposit, failure, take 1, failure, take 2, failure, take 3, failure";
    assert_eq!(told([1, 1], &[FAIL]).await, four);
    assert_eq!(told([1, 1, 0], &[FAIL]).await, four);
    assert_eq!(told([1, 0, 1], &[FAIL]).await, four);
    assert_eq!(told([0, 1, 1], &[FAIL]).await, four);
    assert_eq!(told([3, 0], &[FAIL]).await, four);
}

/// In one poll of the outer one's attempt: what the first has told is still known when the second has begun and ended.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_told_once_by_the_first_of_two_retries_in_it_whatever_the_second_draws_on() {
    let (ours, theirs) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let (first, second) = (retry_on(&ours, 0), retry_on(&theirs, 0));
    let both = service_fn(move |()| {
        let mut first = first.layer(Scripted::<&str>::new([FAIL]));
        let mut second = second.layer(Scripted::<_, Oops>::new([Answer("yes")]));
        async move {
            let failed = ask(&mut first, ()).await;
            ask(&mut second, ()).await.and(failed)
        }
    });
    assert_eq!(ask(&mut retry_on(&ours, 0).layer(both), ()).await, Err(Oops(1)));
    assert_eq!(ours.take(), "deposit, failure", "and not twice");
    assert_eq!(theirs.take(), "deposit, success");
}

#[tokio::test(start_paused = true)]
async fn a_success_names_the_token_that_paid_for_it_whoever_took_it() {
    let inner = "deposit, failure, take 1, success for 1";
    assert_eq!(told([1, 1], &[FAIL, Answer("yes")]).await, inner, "the inner one");
    assert_eq!(told([1, 0], &[FAIL, Answer("yes")]).await, inner, "the outer one: it is the inner one's first attempt");
    assert_eq!(told([1, 0, 0], &[FAIL, Answer("yes")]).await, inner, "the outermost one");
    let third = "deposit, failure, take 1, failure, take 2, success for 2";
    assert_eq!(told([1, 1], &[FAIL, FAIL, Answer("yes")]).await, third, "the outer one, after one of each");
}

#[tokio::test(start_paused = true)]
async fn another_budget_in_between_is_told_for_itself_and_hides_nothing() {
    let (ours, theirs) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let mut retry = ServiceBuilder::new()
        .layer(retry_on(&ours, 0))
        .layer(retry_on(&theirs, 0))
        .layer(retry_on(&ours, 1))
        .service(Scripted::new([FAIL, Answer("yes")]));
    assert_eq!(ask(&mut retry, ()).await, Ok("yes"));
    assert_eq!(ours.take(), "deposit, failure, take 1, success for 1");
    assert_eq!(theirs.take(), "deposit, success", "to it, it was one attempt, which succeeded");
}

/// The inner one is called by a handler, and done long before the handler is.
#[tokio::test(start_paused = true)]
async fn what_was_told_before_a_handler_went_on_is_not_told_again() {
    for (steps, story) in [
        (vec![FAIL], "deposit, failure, take 1, failure"),
        (vec![FAIL, Answer("yes")], "deposit, failure, take 1, success for 1"),
        (vec![Answer("yes")], "deposit, success"),
    ] {
        let budget = Arc::new(Log::default());
        let client = retry_on(&budget, 1).layer(Scripted::new(steps));
        let mut retry = retry_on(&budget, 0).layer(tower::service_fn(move |()| {
            let mut client = client.clone();
            async move {
                tokio::task::yield_now().await;
                let answer = ask(&mut client, ()).await;
                tokio::time::sleep(secs(1)).await;
                answer
            }
        }));
        let _ = ask(&mut retry, ()).await;
        assert_eq!(budget.take(), story);
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_says_nothing_for_the_next() {
    let budget = Arc::new(Log::default());
    let mut stack = ServiceBuilder::new()
        .layer(retry_on(&budget, 0))
        .layer(retry_on(&budget, 0))
        .service(Scripted::new([FAIL, Answer("yes")]));
    assert_eq!(ask(&mut stack, ()).await, Err(Oops(1)));
    assert_eq!(ask(&mut stack, ()).await, Ok("yes"));
    assert_eq!(budget.take(), "deposit, failure, deposit, success");
}

/// Two at once on one task, as `join!` has them.
#[tokio::test(start_paused = true)]
async fn requests_at_once_say_nothing_of_each_other() {
    let (fails, succeeds) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let stack = |budget: &Arc<Log>, steps: Vec<Step<&'static str, Oops>>| {
        ServiceBuilder::new().layer(retry_on(budget, 0)).layer(retry_on(budget, 1)).service(Scripted::new(steps))
    };
    let (mut one, mut other) = (stack(&fails, vec![FAIL]), stack(&succeeds, vec![Late(secs(1), Ok("yes"))]));
    let _ = tokio::join!(ask(&mut one, ()), ask(&mut other, ()));
    assert_eq!(fails.take(), "deposit, failure, take 1, failure");
    assert_eq!(succeeds.take(), "deposit, success");
}

/// Of two attempts further in, each in a poll of its own.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_told_once_however_many_polls_it_takes() {
    let budget = Arc::new(Log::default());
    let late = Late(ms(10), Err(Oops(1)));
    let mut service = retry_on(&budget, 0).layer(retry_on(&budget, 1).layer(Scripted::<&str>::new([late])));
    assert_eq!(ask(&mut service, ()).await, Err(Oops(1)));
    assert_eq!(budget.take(), "deposit, failure, take 1, failure");
}

/// Of two calls that a handler makes in one poll, each through a retry on another budget.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_told_once_however_many_calls_it_makes_through_other_budgets() {
    let (budget, other) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let client = retry_on(&other, 0).layer(retry_on(&budget, 0).layer(Scripted::<&str>::new([FAIL])));
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            ask(&mut client, ()).await.unwrap_err();
            ask(&mut client, ()).await
        }
    });
    assert_eq!(ask(&mut retry_on(&budget, 0).layer(handler), ()).await, Err(Oops(1)));
    assert_eq!(budget.take(), "deposit, failure, failure");
}
