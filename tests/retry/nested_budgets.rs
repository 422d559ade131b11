//! Several retries that share a budget: a request deposits once, and each outcome is reported once.

use std::sync::{Arc, Mutex};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    FailureKind, RetryConfig, RetryLayer,
    retry::{Backoff, Budget, BudgetStats, budget::Token},
};

use crate::scripted::*;

/// Grants every token, and records its calls. Tokens are numbered from 1.
#[derive(Debug, Default)]
struct Log(Mutex<(u64, Vec<String>)>);

impl Log {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().1.push(line.into());
    }

    /// The records since the last call.
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

    fn refund(&self, token: Token) {
        self.write(format!("back {}", token.value()));
    }

    fn on_success(&self, paid: Option<Token>) {
        self.write(paid.map_or("success".into(), |paid| format!("success for {}", paid.value())));
    }

    fn on_failure(&self, _: FailureKind) {
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

fn failing() -> Step<&'static str, Oops> {
    fail(Oops(1))
}

/// The calls that a budget receives from nested retries, the outermost first, around a service with
/// this script.
async fn budget_calls<const N: usize>(retries: [u32; N], steps: &[Step<&'static str, Oops>]) -> String {
    let budget = Arc::new(Log::default());
    let inner = Script::new(steps.iter().cloned());
    match retries[..] {
        [one] => {
            let _ = ready_and_call(&mut retry_on(&budget, one).layer(inner), ()).await;
        }
        [one, two] => {
            let mut stack =
                ServiceBuilder::new().layer(retry_on(&budget, one)).layer(retry_on(&budget, two)).service(inner);
            let _ = ready_and_call(&mut stack, ()).await;
        }
        [one, two, three] => {
            let mut stack = ServiceBuilder::new()
                .layer(retry_on(&budget, one))
                .layer(retry_on(&budget, two))
                .layer(retry_on(&budget, three))
                .service(inner);
            let _ = ready_and_call(&mut stack, ()).await;
        }
        _ => unreachable!("the test has at most nine levels"),
    }
    budget.take()
}

#[tokio::test(start_paused = true)]
async fn one_retry_reports_every_outcome() {
    assert_eq!(budget_calls([1], &[succeed("yes")]).await, "deposit, success");
    assert_eq!(budget_calls([1], &[failing(), succeed("yes")]).await, "deposit, failure, take 1, success for 1");
    assert_eq!(budget_calls([1], &[failing()]).await, "deposit, failure, take 1, failure");
}

#[tokio::test(start_paused = true)]
async fn nested_retries_report_a_success_once() {
    for story in [budget_calls([1, 1], &[succeed("yes")]).await, budget_calls([1, 1, 1], &[succeed("yes")]).await] {
        assert_eq!(story, "deposit, success");
    }
}

#[tokio::test(start_paused = true)]
async fn nested_retries_report_a_failed_attempt_once() {
    let four = "deposit, failure, take 1, failure, take 2, failure, take 3, failure";
    assert_eq!(budget_calls([1, 1], &[failing()]).await, four);
    assert_eq!(budget_calls([1, 1, 0], &[failing()]).await, four);
    assert_eq!(budget_calls([1, 0, 1], &[failing()]).await, four);
    assert_eq!(budget_calls([0, 1, 1], &[failing()]).await, four);
    assert_eq!(budget_calls([3, 0], &[failing()]).await, four);
}

/// Two inner retries run in one poll of the outer retry's attempt. The first one shares the outer
/// retry's budget and reports the failure to it. The second one has another budget; after it has
/// ended, the outer retry must still know that the failure has been reported.
#[tokio::test(start_paused = true)]
async fn the_first_of_two_inner_retries_reports_the_attempt() {
    let (ours, theirs) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let (first, second) = (retry_on(&ours, 0), retry_on(&theirs, 0));
    let both = service_fn(move |()| {
        let mut first = first.layer(Script::<_, &str, Oops>::new([failing()]));
        let mut second = second.layer(Script::<_, _, Oops>::new([succeed("yes")]));
        async move {
            let failed = ready_and_call(&mut first, ()).await;
            ready_and_call(&mut second, ()).await.and(failed)
        }
    });
    assert_eq!(ready_and_call(&mut retry_on(&ours, 0).layer(both), ()).await, Err(Oops(1)));
    assert_eq!(ours.take(), "deposit, failure", "and not twice");
    assert_eq!(theirs.take(), "deposit, success");
}

#[tokio::test(start_paused = true)]
async fn a_success_names_the_token_that_paid_for_it() {
    let inner = "deposit, failure, take 1, success for 1";
    assert_eq!(budget_calls([1, 1], &[failing(), succeed("yes")]).await, inner, "the inner one");
    assert_eq!(
        budget_calls([1, 0], &[failing(), succeed("yes")]).await,
        inner,
        "the outer one: it is the inner one's first attempt"
    );
    assert_eq!(budget_calls([1, 0, 0], &[failing(), succeed("yes")]).await, inner, "the outermost one");
    let third = "deposit, failure, take 1, failure, take 2, success for 2";
    assert_eq!(
        budget_calls([1, 1], &[failing(), failing(), succeed("yes")]).await,
        third,
        "the outer one, after one of each"
    );
}

#[tokio::test(start_paused = true)]
async fn another_budget_in_between_gets_its_own_reports() {
    let (ours, theirs) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let mut retry = ServiceBuilder::new()
        .layer(retry_on(&ours, 0))
        .layer(retry_on(&theirs, 0))
        .layer(retry_on(&ours, 1))
        .service(Script::new([failing(), succeed("yes")]));
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!(ours.take(), "deposit, failure, take 1, success for 1");
    assert_eq!(theirs.take(), "deposit, success", "one attempt, which succeeded");
}

/// A handler calls the inner retry, which ends long before the handler.
#[tokio::test(start_paused = true)]
async fn an_outcome_before_later_work_is_not_reported_again() {
    for (steps, story) in [
        (vec![failing()], "deposit, failure, take 1, failure"),
        (vec![failing(), succeed("yes")], "deposit, failure, take 1, success for 1"),
        (vec![succeed("yes")], "deposit, success"),
    ] {
        let budget = Arc::new(Log::default());
        let client = retry_on(&budget, 1).layer(Script::new(steps));
        let mut retry = retry_on(&budget, 0).layer(tower::service_fn(move |()| {
            let mut client = client.clone();
            async move {
                tokio::task::yield_now().await;
                let response = ready_and_call(&mut client, ()).await;
                tokio::time::sleep(secs(1)).await;
                response
            }
        }));
        let _ = ready_and_call(&mut retry, ()).await;
        assert_eq!(budget.take(), story);
    }
}

#[tokio::test(start_paused = true)]
async fn reports_do_not_leak_into_the_next_request() {
    let budget = Arc::new(Log::default());
    let mut stack = ServiceBuilder::new()
        .layer(retry_on(&budget, 0))
        .layer(retry_on(&budget, 0))
        .service(Script::new([failing(), succeed("yes")]));
    assert_eq!(ready_and_call(&mut stack, ()).await, Err(Oops(1)));
    assert_eq!(ready_and_call(&mut stack, ()).await, Ok("yes"));
    assert_eq!(budget.take(), "deposit, failure, deposit, success");
}

/// Two requests run concurrently on one task, as with `join!`.
#[tokio::test(start_paused = true)]
async fn concurrent_requests_are_reported_separately() {
    let (fails, succeeds) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let stack = |budget: &Arc<Log>, steps: Vec<Step<&'static str, Oops>>| {
        ServiceBuilder::new().layer(retry_on(budget, 0)).layer(retry_on(budget, 1)).service(Script::new(steps))
    };
    let (mut one, mut other) = (stack(&fails, vec![failing()]), stack(&succeeds, vec![succeed("yes").after(secs(1))]));
    let _ = tokio::join!(ready_and_call(&mut one, ()), ready_and_call(&mut other, ()));
    assert_eq!(fails.take(), "deposit, failure, take 1, failure");
    assert_eq!(succeeds.take(), "deposit, success");
}

/// Each attempt of the inner retry is pending first, so its two failures occur in different polls
/// of the outer attempt.
#[tokio::test(start_paused = true)]
async fn an_attempt_of_many_polls_is_reported_once() {
    let budget = Arc::new(Log::default());
    let late = fail(Oops(1)).after(ms(10));
    let mut service = retry_on(&budget, 0).layer(retry_on(&budget, 1).layer(Script::<_, &str, Oops>::new([late])));
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(1)));
    assert_eq!(budget.take(), "deposit, failure, take 1, failure");
}

/// A handler makes two calls in one poll. Each goes through two retries: one on another budget,
/// around one on the budget of the outermost retry.
#[tokio::test(start_paused = true)]
async fn an_attempt_with_calls_on_other_budgets_is_reported_once() {
    let (budget, other) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let client = retry_on(&other, 0).layer(retry_on(&budget, 0).layer(Script::<_, &str, Oops>::new([failing()])));
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            ready_and_call(&mut client, ()).await.unwrap_err();
            ready_and_call(&mut client, ()).await
        }
    });
    assert_eq!(ready_and_call(&mut retry_on(&budget, 0).layer(handler), ()).await, Err(Oops(1)));
    assert_eq!(budget.take(), "deposit, failure, failure");
}
