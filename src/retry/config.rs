use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use super::{
    Backoff, Jitter,
    budget::{Budget, TokenBucket},
    timeouts::{Limits, NoTimeouts, Timeouts},
};
use crate::{
    Name, Ratio, Verdict,
    classify::{Errors, FromFn},
    observe::{Observer, Observers},
    random,
};

/// What a retry goes by: the [`Policy`](super::Policy) for most purposes. Made of parts that were checked when they were
/// made, so it is always usable.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`retries`](Self::retries) | 3 | most transient failures are over by the second; the fourth attempt rarely does what three didn't |
/// | [`backoff`](Self::backoff) | 1 s, 2 s, 4 s … up to 60 s, each × 0.5–1.5 | gives a dependency time to restart, and spreads those who wait |
/// | [`budget`](Self::budget) | 20 % of traffic plus 10 a second | nothing else keeps retries from making an outage longer |
/// | [`timeouts`](Self::timeouts) | none | what is too long only you know |
/// | classifier | [`Errors`] | errors are transient unless known not to be |
///
/// # Clone
///
/// A clone shares the budget, and draws its jitter from the same sequence.
#[derive(Clone)]
pub struct RetryConfig<C = Errors, A = NoTimeouts> {
    pub(super) name: Name,
    pub(super) retries: u32,
    pub(super) backoff: Backoff,
    pub(super) budget: Option<Arc<dyn Budget>>,
    pub(super) longest_server_delay: Duration,
    pub(super) limits: Limits,
    pub(super) answer: A,
    pub(super) classifier: C,
    pub(super) observers: Observers,
    pub(super) seed: u64,
    pub(super) turns: Arc<AtomicU64>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            name: Name::literal("retry"),
            retries: 3,
            backoff: Backoff::exponential(Duration::from_secs(1)).jitter(Jitter::Bounded(Ratio::HALF)),
            budget: Some(Arc::new(TokenBucket::default())),
            longest_server_delay: Duration::from_secs(30),
            limits: Limits::default(),
            answer: NoTimeouts,
            classifier: Errors,
            observers: Observers::default(),
            seed: random::fresh_seed(),
            turns: Arc::default(),
        }
    }
}

impl<C, A> RetryConfig<C, A> {
    /// The name in events. `retry` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// How often a request is tried again at most, after its first attempt: with 3, there are 4 attempts in all. 0 for
    /// never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long to wait before each retry.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The budget, in place of the default one.
    pub fn budget(self, budget: impl Budget) -> Self {
        self.shared_budget(Arc::new(budget))
    }

    /// A budget that others draw on too.
    pub fn shared_budget(mut self, budget: Arc<dyn Budget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// No budget: every request may use all its retries. When everything fails, the service gets as many times the demand
    /// as there are attempts, which is how retries keep a service down after what broke it is mended.
    pub fn without_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// How long attempts, and requests, may take.
    pub fn timeouts<B>(self, timeouts: Timeouts<B>) -> RetryConfig<C, B> {
        let Timeouts { limits, answer } = timeouts;
        RetryConfig {
            name: self.name,
            retries: self.retries,
            backoff: self.backoff,
            budget: self.budget,
            longest_server_delay: self.longest_server_delay,
            limits,
            answer,
            classifier: self.classifier,
            observers: self.observers,
            seed: self.seed,
            turns: self.turns,
        }
    }

    /// Judges outcomes by a closure: `|outcome: Result<&Res, &Err>| …`.
    pub fn classify<F, Res, Err>(self, classify: F) -> RetryConfig<FromFn<F>, A>
    where
        F: Fn(Result<&Res, &Err>) -> Verdict,
    {
        self.classifier(FromFn(classify))
    }

    /// Judges outcomes by a [`Classifier`](crate::Classifier), which may look at the request too.
    pub fn classifier<D>(self, classifier: D) -> RetryConfig<D, A> {
        RetryConfig {
            name: self.name,
            retries: self.retries,
            backoff: self.backoff,
            budget: self.budget,
            longest_server_delay: self.longest_server_delay,
            limits: self.limits,
            answer: self.answer,
            classifier,
            observers: self.observers,
            seed: self.seed,
            turns: self.turns,
        }
    }

    /// The longest wait that a failure's [`retry_after`](crate::Verdict::retry_after) may ask for; 30 s unless set. When it
    /// asks for more, the failure is returned.
    pub fn longest_server_delay(mut self, longest: Duration) -> Self {
        self.longest_server_delay = longest;
        self
    }

    /// One more observer of its events.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observers.add(observer);
        self
    }

    /// No observers, the default one included.
    pub fn unobserved(mut self) -> Self {
        self.observers.clear();
        self
    }

    /// Makes the jitter repeatable, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.turns = Arc::default();
        self
    }
}

impl<C: fmt::Debug, A> fmt::Debug for RetryConfig<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryConfig")
            .field("name", &self.name)
            .field("retries", &self.retries)
            .field("backoff", &self.backoff)
            .field("budget", &self.budget)
            .field("limits", &self.limits)
            .field("classifier", &self.classifier)
            .finish_non_exhaustive()
    }
}
