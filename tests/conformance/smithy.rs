//! AWS, `StandardRetryIntegrationTestResources` of smithy-kotlin: the waits, and the tokens in the
//! bucket after each.
//!
//! The tests use 1 as the random number, with which full jitter has no effect. For throttling, AWS
//! waits longer. We use one backoff for all kinds of failures, so the row for throttling has its
//! own base.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    FailureKind, Ratio, RetryConfig, RetryLayer, Verdict,
    observe::Event,
    retry::{Backoff, Budget, CostBucket, Jitter},
};

/// A status, and the delay that the response requests in milliseconds. `None` also stands for AWS's
/// responses with an unreadable delay.
type Answer = (u16, Option<u64>);

struct Row {
    name: &'static str,
    bucket: CostBucket,
    base: u64,
    longest: u64,
    attempts: u32,
    answers: Vec<Answer>,
    /// Milliseconds of the wait, tokens left.
    waits: Vec<(u64, u32)>,
    ends: (u16, u32),
}

const NO_CAP: u64 = 20_000;

async fn play(row: Row) {
    let Row { name, bucket, base, longest, attempts, answers, waits, ends } = row;
    let bucket = Arc::new(bucket);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (watched, writes) = (Arc::clone(&bucket), Arc::clone(&seen));
    let ms = Duration::from_millis;
    let config = RetryConfig::default()
        .retries(attempts - 1)
        .backoff(Backoff::exponential(ms(base)).max(ms(longest)).jitter(Jitter::None))
        .throttled_backoff(Backoff::none())
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .shared_budget(bucket.clone())
        .observe(move |event: &Event<'_>| {
            if let Event::RetryScheduled { delay, .. } = event {
                writes.lock().unwrap().push((delay.as_millis() as u64, watched.tokens()));
            }
        })
        .classify(|outcome: Result<&Answer, &std::convert::Infallible>| {
            let Ok(&(status, asked)) = outcome else { unreachable!() };
            let verdict = match status {
                200 => Verdict::Success,
                429 => Verdict::throttled(),
                _ => Verdict::transient(),
            };
            asked.map_or(verdict, |asked| verdict.retry_after(Duration::from_millis(asked)))
        });
    let script = Arc::new(Mutex::new(answers.into_iter()));
    let service = ServiceBuilder::new().layer(RetryLayer::new(config)).service(service_fn(move |()| {
        let response = script.lock().unwrap().next().expect("no more calls than responses");
        async move { Ok::<_, std::convert::Infallible>(response) }
    }));
    let began = Instant::now();
    let Ok((status, _)) = service.oneshot(()).await;
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, waits, "{name}: waits and tokens after each");
    assert_eq!((status, bucket.tokens()), ends, "{name}: the end");
    assert_eq!(began.elapsed(), ms(waits.iter().map(|(wait, _)| wait).sum()), "{name}: total wait");
}

fn v2_0(capacity: u32) -> CostBucket {
    CostBucket::capacity(capacity).unwrap()
}

fn v2_1(capacity: u32) -> CostBucket {
    v2_0(capacity).cost(FailureKind::Transient, 14).unwrap().cost(FailureKind::TimedOut, 14).unwrap()
}

fn drained(bucket: CostBucket) -> CostBucket {
    while bucket.withdraw(FailureKind::Transient).is_some() {}
    assert_eq!(bucket.tokens(), 0);
    bucket
}

fn plain(statuses: &[u16]) -> Vec<Answer> {
    statuses.iter().map(|&status| (status, None)).collect()
}

#[tokio::test(start_paused = true)]
async fn standard_mode_2_0() {
    let row = |name, bucket, attempts, statuses: &[u16], waits: &[(u64, u32)], ends| Row {
        name,
        bucket,
        base: 1_000,
        longest: NO_CAP,
        attempts,
        answers: plain(statuses),
        waits: waits.to_vec(),
        ends,
    };
    let preset = CostBucket::aws_2_0;
    play(row("500, 500, 200", preset(), 3, &[500, 500, 200], &[(1_000, 495), (2_000, 490)], (200, 495))).await;
    play(row("502 three times", preset(), 3, &[502; 3], &[(1_000, 495), (2_000, 490)], (502, 490))).await;
    play(row("the bucket holds one retry", v2_0(5), 3, &[500, 502], &[(1_000, 0)], (502, 0))).await;
    play(row("the bucket is empty", drained(v2_0(500)), 3, &[500], &[], (500, 0))).await;
    let waits = [(1_000, 495), (2_000, 490), (4_000, 485), (8_000, 480)];
    play(row("five attempts", preset(), 5, &[500; 5], &waits, (500, 480))).await;
    let waits = [(1_000, 495), (2_000, 490), (3_000, 485), (3_000, 480)];
    let capped = row("the delay is capped", preset(), 5, &[500; 5], &waits, (500, 480));
    play(Row { longest: 3_000, ..capped }).await;
}

#[tokio::test(start_paused = true)]
async fn standard_mode_2_1() {
    let row = |name, bucket, attempts, statuses: &[u16], waits: &[(u64, u32)], ends| Row {
        name,
        bucket,
        base: 50,
        longest: NO_CAP,
        attempts,
        answers: plain(statuses),
        waits: waits.to_vec(),
        ends,
    };
    let preset = CostBucket::aws_2_1;
    play(row("500, 500, 200", preset(), 3, &[500, 500, 200], &[(50, 486), (100, 472)], (200, 486))).await;
    play(row("502 three times", preset(), 3, &[502; 3], &[(50, 486), (100, 472)], (502, 472))).await;
    play(row("the bucket holds one retry", v2_1(14), 3, &[500, 502], &[(50, 0)], (502, 0))).await;
    play(row("the bucket is empty", drained(v2_1(14)), 3, &[500], &[], (500, 0))).await;
    let waits = [(50, 486), (100, 472), (200, 458), (400, 444)];
    play(row("five attempts", preset(), 5, &[500; 5], &waits, (500, 444))).await;
    let waits = [(50, 486), (100, 472), (200, 458), (200, 444)];
    let capped = row("the delay is capped", preset(), 5, &[500; 5], &waits, (500, 444));
    play(Row { longest: 200, ..capped }).await;
    let throttled = row("throttled, then 200", preset(), 3, &[429, 200], &[(1_000, 495)], (200, 500));
    play(Row { base: 1_000, ..throttled }).await;
    for (name, asked, wait) in [("1500 ms", Some(1_500), 1_500), ("0", Some(0), 50), ("what can't be read", None, 50)] {
        let row = row(name, preset(), 3, &[], &[(wait, 486)], (200, 500));
        play(Row { answers: vec![(500, asked), (200, None)], ..row }).await;
    }
}

/// `StandardRetryTokenBucket`: the cost of timeouts, and the gain of a success at the first
/// attempt.
#[test]
fn costs_and_gains_of_the_bucket() {
    let [v2_0, v2_1] = [CostBucket::aws_2_0(), CostBucket::aws_2_1()].map(|bucket| {
        bucket.withdraw(FailureKind::TimedOut);
        bucket.tokens()
    });
    assert_eq!((v2_0, v2_1), (490, 486), "a timeout costs 10, then 14");
    let bucket = CostBucket::aws_2_0();
    bucket.withdraw(FailureKind::TimedOut);
    bucket.on_success(None);
    assert_eq!(bucket.tokens(), 491, "a first success adds 1");
    (0..20).for_each(|_| bucket.on_success(None));
    assert_eq!(bucket.tokens(), 500, "and never more than the capacity");
}
