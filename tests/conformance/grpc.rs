//! gRPC, proposal A6: `retryThrottling`.

use tower::{Layer, service_fn};
use tower_recourse::{
    FailureKind::{self, Transient},
    RetryConfig, RetryLayer,
    retry::{Backoff, Budget, RetryThrottle},
};

fn throttle(max_tokens: u32, ratio: f64) -> RetryThrottle {
    RetryThrottle::max_tokens(max_tokens).unwrap().ratio(ratio).unwrap()
}

/// `F` is a retryable failure, `S` a success. Each row has the tokens after it, and for a failure
/// whether it is retried.
#[test]
fn a_failure_takes_one_and_a_success_gives_the_ratio() {
    for (name, max, ratio, sequence) in [
        (
            "10, 0.5: blocked at 5 and below",
            10,
            0.5,
            &[
                ('F', 9.0, true),
                ('F', 8.0, true),
                ('F', 7.0, true),
                ('F', 6.0, true),
                ('F', 5.0, false),
                ('S', 5.5, true),
                ('F', 4.5, false),
                ('S', 5.0, true),
                ('S', 5.5, true),
                ('S', 6.0, true),
                ('S', 6.5, true),
                ('F', 5.5, true),
            ][..],
        ),
        (
            "never above the maximum",
            10,
            0.5,
            &[('S', 10.0, true), ('F', 9.0, true), ('S', 9.5, true), ('S', 10.0, true)],
        ),
        (
            "never below nothing",
            2,
            1.0,
            &[('F', 1.0, false), ('F', 0.0, false), ('F', 0.0, false), ('S', 1.0, true), ('S', 2.0, true)],
        ),
        ("three decimals count", 1, 0.5466, &[('F', 0.0, false), ('S', 0.546, true), ('S', 1.0, true)]),
        ("and all three of them", 1, 0.57, &[('F', 0.0, false), ('S', 0.57, true)]),
    ] {
        let throttle = throttle(max, ratio);
        for (step, &(event, tokens, retried)) in sequence.iter().enumerate() {
            match event {
                'F' => {
                    throttle.on_failure(Transient);
                    assert_eq!(throttle.withdraw(Transient).is_some(), retried, "{name}, step {step}: is it retried");
                }
                _ => throttle.on_success(None),
            }
            assert_eq!(throttle.tokens(), tokens, "{name}, step {step}");
        }
    }
}

/// The throttle as the budget of a retry layer. In each row, either all attempts fail or the first
/// one succeeds.
#[tokio::test(start_paused = true)]
async fn retries_stop_at_half() {
    let budget = std::sync::Arc::new(throttle(10, 0.5));
    let config = RetryConfig::default().idempotent().retries(2).backoff(Backoff::none()).shared_budget(budget.clone());
    let layer = RetryLayer::new(config);
    let calls = std::cell::Cell::new(0);
    // (whether the service fails, attempts, tokens left)
    for (fails, attempts, left) in [
        (true, 3, 7.0),
        (true, 2, 5.0),
        (true, 1, 4.0),
        (false, 1, 4.5),
        (false, 1, 5.0),
        (false, 1, 5.5),
        (true, 1, 4.5),
    ] {
        let mut service = layer.layer(service_fn(|()| {
            calls.set(calls.get() + 1);
            async move { if fails { Err("UNAVAILABLE") } else { Ok(()) } }
        }));
        let response = service.ready().await.unwrap().call(()).await;
        assert_eq!(response.is_err(), fails);
        assert_eq!((calls.take(), budget.tokens()), (attempts, left));
    }
}

/// Following A6, only retryable failures count.
#[test]
fn a_permanent_failure_takes_nothing() {
    let throttle = throttle(10, 0.5);
    throttle.on_failure(FailureKind::Permanent);
    assert_eq!(throttle.tokens(), 10.0);
    for kind in [FailureKind::Transient, FailureKind::Throttled, FailureKind::TimedOut] {
        throttle.on_failure(kind);
    }
    assert_eq!(throttle.tokens(), 7.0);
}

#[test]
fn invalid_throttling() {
    for max_tokens in [0, 1_001, u32::MAX] {
        let refused = RetryThrottle::max_tokens(max_tokens).unwrap_err();
        assert_eq!((refused.field(), refused.value()), ("max_tokens", &*max_tokens.to_string()));
    }
    // 0.0009 is zero when cut to three decimals.
    for ratio in [0.0, -0.1, 0.0009, f64::NAN, f64::INFINITY] {
        let refused = RetryThrottle::default().ratio(ratio).unwrap_err();
        assert_eq!(refused.field(), "ratio", "{ratio}");
    }
    assert!(RetryThrottle::max_tokens(1_000).unwrap().ratio(0.001).is_ok());
}
