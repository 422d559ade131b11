//! The settings of a [`RetryConfig`](super::RetryConfig) that don't depend on the types of the
//! service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use super::{
    super::{
        Backoff, Jitter, RejectedRetry, RejectionWait, RetryQuota, RetrySwitch, TimeLimits,
        budget::{AnyBudget, TokenBucket},
    },
    registry_source::RetrySource,
};
use crate::{Name, Ratio, observe::Observers, random, registry::Registry};

/// The settings with a type that doesn't depend on the service.
#[derive(Clone)]
pub(in crate::retry) struct Settings {
    pub(in crate::retry) name: Name,
    pub(in crate::retry) retries: u32,
    pub(in crate::retry) backoff: Backoff,
    pub(in crate::retry) budget: Option<AnyBudget>,
    /// Whether a request makes its deposit here, if no outer retry has made it.
    pub(in crate::retry) deposits: bool,
    /// The quota, for the description. The default policy uses that of the config, which has a key.
    pub(in crate::retry) quota: Option<RetryQuota>,
    pub(in crate::retry) switch: Option<RetrySwitch>,
    /// The user states that every request may be processed more than once.
    pub(in crate::retry) idempotent: bool,
    pub(in crate::retry) throttled_backoff: Backoff,
    pub(in crate::retry) max_retry_after: Duration,
    pub(in crate::retry) retry_after_jitter: Ratio,
    pub(in crate::retry) rejection_wait: RejectionWait,
    pub(in crate::retry) rejected_retry: RejectedRetry,
    /// The user's limits. See [`set_limits`](Self::set_limits).
    pub(super) user_limits: TimeLimits,
    pub(in crate::retry) reports_requests: bool,
    /// The limits of the policy.
    pub(in crate::retry) limits: TimeLimits,
    pub(in crate::retry) observers: Observers,
    pub(in crate::retry) seed: u64,
    /// Whether the user has set the seed.
    pub(in crate::retry) is_seeded: bool,
    pub(in crate::retry) registry: Option<Registry>,
    /// Keeps the entry in the registry.
    pub(in crate::retry) source: Option<Arc<RetrySource>>,
    /// How many random numbers were drawn. Clones share it, so that they draw different numbers.
    pub(in crate::retry) turns: Arc<AtomicU64>,
    /// Whether `Event::RequestNotReplayable` was emitted.
    pub(in crate::retry) emitted_not_replayable: Arc<AtomicBool>,
    /// Whether `Event::IdempotencyUnknown` was emitted.
    pub(in crate::retry) emitted_idempotency_unknown: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: Name::literal("retry"),
            retries: 3,
            backoff: Backoff::exponential(Duration::from_secs(1)).jitter(Jitter::Bounded(Ratio::HALF)),
            budget: Some(Arc::new(TokenBucket::default()).into()),
            deposits: true,
            quota: None,
            switch: None,
            idempotent: false,
            throttled_backoff: throttled_backoff(),
            max_retry_after: Duration::from_secs(30),
            retry_after_jitter: Ratio::new(0.2).expect("0.2 is a ratio"),
            rejection_wait: RejectionWait::default(),
            rejected_retry: RejectedRetry::default(),
            user_limits: TimeLimits::default(),
            reports_requests: false,
            limits: TimeLimits::default(),
            observers: Observers::default(),
            seed: random::fresh_seed(),
            is_seeded: false,
            registry: None,
            source: None,
            turns: Arc::default(),
            emitted_not_replayable: Arc::default(),
            emitted_idempotency_unknown: Arc::default(),
        }
    }
}

/// 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1.
fn throttled_backoff() -> Backoff {
    Backoff::exponential(Duration::from_secs(1)).max(Duration::from_secs(20)).jitter(Jitter::Equal)
}
