//! Properties of the retry for any service, any settings, and callers that give up at any time: no
//! more attempts than allowed, no wait beyond the deadline, and every token either paid for an
//! attempt or was returned.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, FileFailurePersistence},
};
use tokio::{
    runtime,
    task::JoinSet,
    time::{Instant, timeout},
};
use tower::Layer;
use tower_recourse::{
    Ratio, RetryConfig, RetryLayer, Verdict,
    observe::Event,
    retry::{Backoff, Budget, Jitter, Timeouts, TokenBucket},
};

use crate::scripted::*;

type Steps = Vec<Step<u32, Oops>>;

#[derive(Debug, Clone)]
struct Settings {
    retries: u32,
    backoff: Backoff,
    /// The limit per attempt, and the limit of the whole request. An hour means no limit.
    limits: (Duration, Duration),
    tokens: u32,
    seed: u64,
}

#[derive(Debug, Clone)]
struct Request {
    begins: Duration,
    gives_up: Option<Duration>,
    script: Steps,
    /// The delay that the service requests in each of its failures.
    retry_after: Option<Duration>,
}

const HOUR: Duration = secs(3_600);

fn any_time() -> impl Strategy<Value = Duration> {
    (0_u64..3_000).prop_map(ms)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let jitters = vec![Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Bounded(Ratio::HALF), Jitter::Decorrelated];
    let backoff = (any_time(), any_time(), select(jitters), 0..3).prop_map(|(base, max, jitter, curve)| {
        let backoff = match curve {
            0 => Backoff::fixed(base),
            1 => Backoff::linear(base, base / 2),
            _ => Backoff::exponential(base),
        };
        backoff.max(max).jitter(jitter)
    });
    let limit = || prop_oneof![any_time(), Just(HOUR)];
    (0_u32..6, backoff, (limit(), limit()), 0_u32..12, any::<u64>())
        .prop_map(|(retries, backoff, limits, tokens, seed)| Settings { retries, backoff, limits, tokens, seed })
}

fn any_call() -> impl Strategy<Value = Step<u32, Oops>> {
    prop_oneof![
        1 => Just(succeed(200)),
        4 => Just(fail(Oops(503))),
        3 => any_time().prop_map(|time| fail(Oops(504)).after(time)),
        1 => any_time().prop_map(|time| succeed(200).after(time)),
        1 => Just(hang()),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let step = prop_oneof![8 => any_call(), 1 => Just(readiness_error(Oops(1))), 1 => Just(not_ready())];
    // The first attempt is always made, so that the number of calls distinguishes it from the
    // retries.
    let script = (any_call(), vec(step, 0..8)).prop_map(|(first, then)| [vec![first], then].concat());
    (any_time(), option::of(any_time()), script, option::of(any_time()))
        .prop_map(|(begins, gives_up, script, retry_after)| Request { begins, gives_up, script, retry_after })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn limits_hold_and_tokens_add_up(settings in any_settings(), requests in vec(any_request(), 1..8)) {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(settings, requests))?;
    }
}

fn config() -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1_000;
    }
    let file = "tests/retry/properties.regressions.txt";
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(file)));
    config
}

/// One deposit per request, this many initial tokens, and enough capacity for all.
fn budget(tokens: u32) -> Arc<TokenBucket> {
    let budget = TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0).capacity(1_000).unwrap();
    (0..tokens).for_each(|_| budget.deposit());
    Arc::new(budget)
}

async fn run(settings: Settings, requests: Vec<Request>) -> Result<(), TestCaseError> {
    let Settings { retries, backoff, limits: (attempt, total), tokens, seed } = settings;
    let budget = budget(tokens);
    let count = requests.len() as u64;
    let mut calls = JoinSet::new();
    for request in requests {
        let Request { begins, gives_up, script, retry_after } = request;
        let waits = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&waits);
        let config = RetryConfig::default()
            .retries(retries)
            .backoff(backoff.clone())
            .seed(seed)
            .shared_budget(budget.clone())
            .observe(move |event: &Event<'_>| {
                if let Event::RetryScheduled { delay, .. } = event {
                    seen.lock().unwrap().push((Instant::now(), *delay));
                }
            })
            .timeouts(Timeouts::attempt(attempt).total(total).on_timeout(|_| Err(Oops(408))))
            .classify(move |outcome: Result<&u32, &Oops>| match outcome {
                Ok(_) => Verdict::Success,
                Err(_) => retry_after.map_or(Verdict::transient(), |asked| Verdict::transient().retry_after(asked)),
            });
        let inner = Script::new(script);
        let mut service = RetryLayer::new(config).layer(inner.clone());
        calls.spawn(async move {
            tokio::time::sleep(begins).await;
            let began = Instant::now();
            let _ = timeout(gives_up.unwrap_or(2 * HOUR), ready_and_call(&mut service, ())).await;
            Ended { inner, began, ended: Instant::now(), waits: std::mem::take(&mut *waits.lock().unwrap()) }
        });
    }
    let mut retried = 0;
    for Ended { inner, began, ended, waits } in calls.join_all().await {
        let made = inner.calls();
        prop_assert!(made >= 1 && made <= 1 + retries as usize, "{made} attempts");
        prop_assert!(waits.len() <= retries as usize, "{} waits", waits.len());
        prop_assert!(ended - began <= total, "it took {:?} of {total:?}", ended - began);
        for (at, delay) in &waits {
            prop_assert!(*at + *delay < began + total, "a wait of {delay:?} after {:?} of {total:?}", *at - began);
        }
        let waited: Duration = waits.iter().map(|(_, delay)| *delay).sum();
        prop_assert!(waited < total || waits.is_empty(), "{waited:?} of {total:?} waited");
        retried += made as u64 - 1;
    }
    let stats = budget.stats();
    prop_assert_eq!(stats.granted, retried, "exactly the retries that were made are paid");
    prop_assert_eq!(stats.balance + retried, u64::from(tokens) + count, "and the other tokens were returned");
    Ok(())
}

struct Ended {
    inner: Script<(), u32, Oops>,
    began: Instant,
    ended: Instant,
    /// The time and the length of each wait.
    waits: Vec<(Instant, Duration)>,
}
