//! One run: the clients of one scenario call one upstream in tokio's paused time. Arrivals, time
//! limits, retries, circuits, budgets and the upstream read the same clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Uri;
use http_body_util::Empty;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep, sleep_until},
};
use tower::ServiceExt;

use crate::{
    arrivals::Arrivals,
    measures::{Call, Measures},
    model::wait_out::Arrived,
    scenario::Scenario,
    stack::{Guard, Parts, Stack},
    upstream::{BreaksOff, PROTECTED_AFTER, Request, Span, Upstream},
};

/// The calls as the clients observed them.
#[derive(Debug, Default)]
struct Seen {
    /// In the order of arrival.
    calls: Vec<Call>,
    in_flight: usize,
    /// When the last lost call arrived.
    last_lost: Option<Instant>,
}

/// Runs a scenario. With the same seed, all candidates receive the same arrivals.
pub fn run(parts: &Parts, scenario: &Scenario, seed: u64) -> Measures {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(play(parts, scenario, seed))
}

async fn play(parts: &Parts, scenario: &Scenario, seed: u64) -> Measures {
    let start = Instant::now();
    let from = start + scenario.warm_up();
    let fault = Span { from, to: from + scenario.lasts };
    let upstream = Upstream::new(*scenario, fault, seed);
    let stacks: Vec<Stack> =
        (0..scenario.clients).map(|client| parts.stack(scenario, &upstream, seed * 1_000 + client as u64)).collect();
    let waits = matches!(parts.breaker, Guard::Model(..));
    let uri = Uri::from_static("http://upstream/");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut arrivals = Arrivals::new(*scenario, seed);
    loop {
        let (at, client) = arrivals.next();
        sleep_until(start + at).await;
        let now = Instant::now();
        if is_over(scenario, fault, lock(&seen).last_lost, now) {
            break;
        }
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.clone();
        if waits {
            request.extensions_mut().insert(Arrived(now));
        }
        let index = {
            let mut seen = lock(&seen);
            seen.calls.push(Call { at: now, is_lost: false });
            seen.in_flight += 1;
            seen.calls.len() - 1
        };
        tokio::spawn(call(stacks[client].clone(), request, seen.clone(), index));
    }
    // Time limits end the last calls.
    while lock(&seen).in_flight > 0 {
        sleep(PROTECTED_AFTER / 50).await;
    }
    let seen = std::mem::take(&mut *lock(&seen));
    Measures::of(scenario, fault, &seen.calls, upstream.attempts())
}

/// One call of a client.
async fn call(stack: Stack, request: Request, seen: Arc<Mutex<Seen>>, index: usize) {
    let result = stack.oneshot(request).await;
    let is_lost = !result
        .is_ok_and(|response| response.status().is_success() && response.extensions().get::<BreaksOff>().is_none());
    let mut seen = lock(&seen);
    seen.in_flight -= 1;
    if is_lost {
        seen.calls[index].is_lost = true;
        seen.last_lost = seen.last_lost.max(Some(seen.calls[index].at));
    }
}

/// Whether the fault and its consequences are over.
fn is_over(scenario: &Scenario, fault: Span, last_lost: Option<Instant>, now: Instant) -> bool {
    let quiet_since = last_lost.map_or(fault.to, |lost| lost.max(fault.to));
    now > fault.to + Scenario::LONGEST_AFTER || now > quiet_since + scenario.quiet()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tower_recourse::{
        BreakerConfig, RetryConfig,
        breaker::{OpenDuration, TripRule},
        retry::{Backoff, Jitter, RejectionWait},
    };

    use super::*;
    use crate::{
        scenario::Fault,
        stack::{Guard, LimitedBy},
    };

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Opens on the first failure for `open_for`; one retry after 200 ms.
    fn parts(open_for: Duration) -> Parts {
        let backoff = || Backoff::fixed(ms(200)).jitter(Jitter::None);
        let rule = || TripRule::consecutive(1).expect("a row");
        let breaker = move || BreakerConfig::http().open_when(rule()).open_for(OpenDuration::fixed(open_for));
        Parts {
            retry: Some(Box::new(move || {
                let retry = RetryConfig::http().retries(1).backoff(backoff());
                retry.wait_out_rejections(RejectionWait::NONE)
            })),
            breaker: Guard::Breaker(Box::new(breaker)),
            limits: LimitedBy::Retry,
        }
    }

    /// Returns how many attempts of one call reach an upstream that refuses all calls.
    fn attempts_of_a_call(open_for: Duration) -> u64 {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let from = Instant::now();
            let scenario = Scenario::new(Fault::Refuses, Duration::from_secs(1), 1.0, 1);
            let fault = Span { from, to: from + scenario.lasts };
            // In so short a fault, the upstream counts only attempts in the second half.
            sleep(ms(600)).await;
            let upstream = Upstream::new(scenario, fault, 1);
            let stack = parts(open_for).stack(&scenario, &upstream, 1);
            let mut request = Request::new(Empty::new());
            *request.uri_mut() = Uri::from_static("http://upstream/");
            assert!(stack.oneshot(request).await.is_err());
            upstream.attempts()
        })
    }

    #[test]
    fn retry_timers_and_circuits_read_the_same_clock() {
        assert_eq!(attempts_of_a_call(ms(190)), 2, "the open time is over when the retry is made");
        assert_eq!(attempts_of_a_call(ms(210)), 1, "the circuit is still open");
    }

    /// Without a breaker, because the hints of a half-open circuit are random and a seed doesn't
    /// repeat them.
    #[test]
    fn a_seed_repeats_a_run_without_probes() {
        let retry = Parts { breaker: Guard::Nothing, ..parts(ms(100)) };
        let scenario = Scenario::new(Fault::Fails(0.5), Duration::from_secs(5), 50.0, 4);
        let [one, again, other] = [1, 1, 2].map(|seed| run(&retry, &scenario, seed));
        assert_eq!(one, again);
        assert_ne!(one, other);
    }
}
