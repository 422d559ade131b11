use std::time::Duration;

use crate::{
    Ratio, RetryConfig,
    grpc::{Code, GrpcReplay, StatusClassifier},
    retry::{Backoff, Jitter, NoTimeouts, quota::NoQuota},
};

/// The retry policy of the methods of one `methodConfig`.
pub(super) type MethodRetry<Timeout = NoTimeouts> = RetryConfig<StatusClassifier, Timeout, NoQuota, GrpcReplay>;

/// A valid `methodConfig`.
#[derive(Debug, Clone)]
pub(super) struct MethodConfig {
    pub(super) retry: Option<RetryPolicy>,
    /// The time limit of a call, for all attempts and waits.
    pub(super) timeout: Option<Duration>,
}

/// A valid `retryPolicy`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RetryPolicy {
    pub(super) max_attempts: u32,
    pub(super) initial_backoff: Duration,
    pub(super) max_backoff: Duration,
    pub(super) multiplier: f64,
    pub(super) codes: Vec<Code>,
}

/// Makes the retry config of a policy. Methods without a policy aren't retried.
pub(super) fn method_retry<Timeout: Clone>(
    base: &MethodRetry<Timeout>,
    policy: Option<&RetryPolicy>,
    max_attempts: u32,
) -> MethodRetry<Timeout> {
    let Some(policy) = policy else {
        return base.clone().retries(0).classifier(StatusClassifier::default().retry_codes([]));
    };
    let attempts = policy.attempts(max_attempts);
    base.clone()
        .retries(attempts - 1)
        .backoff(policy.backoff(attempts))
        // A6 has one backoff for all codes, so throttled failures use it too.
        .throttled_backoff(Backoff::none())
        .classifier(StatusClassifier::default().retry_codes(policy.codes.iter().copied()))
}

impl RetryPolicy {
    /// The attempts in total, if the client allows at most `max_attempts`.
    pub(super) fn attempts(&self, max_attempts: u32) -> u32 {
        self.max_attempts.min(max_attempts).max(1)
    }

    /// The delays of A6: `min(initialBackoff * backoffMultiplier^(n-1), maxBackoff)`, times 0.8 to
    /// 1.2. The jittered delay is also capped at `maxBackoff`. The multiplier may be below 1.
    fn backoff(&self, attempts: u32) -> Backoff {
        let nth = |n: u32| {
            let times = self.multiplier.powi(i32::try_from(n).unwrap_or(i32::MAX));
            let delay = Duration::try_from_secs_f64(self.initial_backoff.as_secs_f64() * times);
            delay.unwrap_or(Duration::MAX).min(self.max_backoff)
        };
        // Precompute at most 99 delays. After them, the last one repeats.
        let delays: Vec<Duration> = (0..attempts.clamp(2, 100) - 1).map(nth).collect();
        let jitter = Jitter::Bounded(Ratio::new(0.2).expect("0.2 is a valid ratio"));
        Backoff::schedule(delays).expect("the schedule has at least one delay").max(self.max_backoff).jitter(jitter)
    }
}
