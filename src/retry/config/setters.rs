//! Setters for everything except the classifier.

use std::{fmt, sync::Arc, time::Duration};

use super::super::{
    Backoff, Budget, Ledger, RejectionWait, RetryConfig, Switch, Timeouts, budget::AnyBudget, quota::Ledgered,
};
use crate::{Name, Ratio, observe::Observer};
// For the links in the docs.
#[allow(unused_imports)]
use crate::classify::{self, Errors};

impl<C, A, L, K> RetryConfig<C, A, L, K> {
    /// The name in events. `retry` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// How often a request is tried again at most, after its first attempt: with 3, there are 4 attempts in total. 0 for
    /// never; short rejections are [waited out](Self::wait_out_rejections) nonetheless.
    pub fn retries(mut self, retries: u32) -> Self {
        self.settings.retries = retries;
        self
    }

    /// States that every request may be processed more than once: reads, and writes that have the same effect when they are repeated.
    /// Then a failed request is sent again even if it may have been processed. Not stated by default.
    ///
    /// | classifier | without it | with it |
    /// |---|---|---|
    /// | [`Errors`], the default | only what provably wasn't sent is sent again ([`Sent::No`](crate::Sent::No)) | every transient failure is |
    /// | a closure, your own [`Classifier`](crate::Classifier) | its verdicts are believed | the same, and [`unsafe_to_resend`](crate::Verdict::unsafe_to_resend) is ignored |
    /// | `http::Statuses` (of `RetryConfig::http()`) | only idempotent methods, and what provably wasn't processed | every method, POST included |
    /// | `grpc::Statuses` (of `RetryConfig::grpc()`) | gRPC's codes decide; after a lost connection, only what provably wasn't processed | every call after a lost connection, too |
    ///
    /// Without it, the failure is returned with [`Cause::UnsafeToResend`](crate::Cause::UnsafeToResend). If the classifier doesn't know
    /// whether requests are idempotent, the first such failure also emits
    /// [`Event::IdempotencyUnknown`](crate::observe::Event::IdempotencyUnknown).
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
    ///
    /// // The connection was lost. The service may have processed the call, so the error is returned.
    /// let retry = RetryLayer::new(RetryConfig::default());
    /// assert!(retry.run(|attempt| async move { if attempt.number() == 1 { Err(lost()) } else { Ok(()) } }).await.is_err());
    ///
    /// // A read may be repeated.
    /// let retry = RetryLayer::new(RetryConfig::default().idempotent());
    /// assert!(retry.run(|attempt| async move { if attempt.number() == 1 { Err(lost()) } else { Ok(()) } }).await.is_ok());
    /// # }
    /// ```
    ///
    /// *When not to use it*: when some requests aren't idempotent. [`classify::Idempotent`] decides by the request.
    pub fn idempotent(mut self) -> Self {
        self.settings.idempotent = true;
        self
    }

    /// How long to wait before each retry.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// The least wait after a failure of the kind [`Throttled`](crate::FailureKind::Throttled) for which the other side asked for no
    /// delay: a 429 without `Retry-After`, a shed call. The retry waits for this or for its [`backoff`](Self::backoff), whichever is
    /// longer. [`Backoff::none()`] switches it off.
    ///
    /// Unless set: 1 s, doubling up to 20 s, each × 0.5–1. The AWS SDKs' standard mode also begins with 1 s for throttling
    /// errors and with 50 ms for others ([smithy-rs#4638](https://github.com/smithy-lang/smithy-rs/pull/4638)). They use full jitter, whose
    /// delays can be near zero; here, half of each delay is certain.
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.settings.throttled_backoff = backoff;
        self
    }

    /// The budget, in place of the default one.
    pub fn budget(self, budget: impl Budget) -> Self {
        self.shared_budget(Arc::new(budget))
    }

    /// A budget that others draw on too: an `Arc` of one, whatever kind it is.
    pub fn shared_budget(mut self, budget: impl Into<AnyBudget>) -> Self {
        self.settings.budget = Some(budget.into());
        self
    }

    /// Requests come through another retry on the same budget, which deposits for them. To be set on the inner one of two retries with
    /// another task in between (`tower::buffer`, a spawned call): there a request can't be known for one that has paid. On one task
    /// it is known, and so it is for requests of HTTP and gRPC, which carry it.
    pub fn without_deposits(mut self) -> Self {
        self.settings.deposits = false;
        self
    }

    /// No budget: every request may use all its retries. When everything fails, the service gets as many times the demand
    /// as there are attempts, which is how retries keep a service down after what broke it is mended.
    pub fn without_budget(mut self) -> Self {
        self.settings.budget = None;
        self
    }

    /// How long attempts, and requests, may take.
    pub fn timeouts<B>(mut self, timeouts: Timeouts<B>) -> RetryConfig<C, B, L, K> {
        let Timeouts { limits, answer } = timeouts;
        self.settings.limits = limits;
        RetryConfig {
            settings: self.settings,
            answer,
            classifier: self.classifier,
            ledger: self.ledger,
            keep: self.keep,
        }
    }

    /// A switch that turns retrying off and on while it runs. Off beats all other checks.
    pub fn switch(mut self, switch: &Switch) -> Self {
        self.settings.switch = Some(switch.clone());
        self
    }

    /// Limits that outlive a request: retries per key of the request, and in all. The key is taken before each call, and made text
    /// when one has failed.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, retry::Ledger};
    ///
    /// struct Job { tenant: u32 }
    ///
    /// let ledger = Ledger::new().per_key(100).in_all(1_000);
    /// let config = RetryConfig::default().ledger(&ledger, |job: &Job| job.tenant);
    /// # let _ = config;
    /// ```
    pub fn ledger<F, Req, Key>(self, ledger: &Ledger, key: F) -> RetryConfig<C, A, Ledgered<F>, K>
    where
        F: Fn(&Req) -> Key,
        Key: fmt::Display,
    {
        let ledger = Ledgered::new(ledger.clone(), key);
        RetryConfig {
            settings: self.settings,
            answer: self.answer,
            classifier: self.classifier,
            ledger,
            keep: self.keep,
        }
    }

    /// Keeps requests by a [`Keep`](super::Keep) of one's own. See [`RetryLayer::keep`](super::RetryLayer::keep) for a function.
    pub fn keeping<N>(self, keep: N) -> RetryConfig<C, A, L, N> {
        RetryConfig {
            settings: self.settings,
            answer: self.answer,
            classifier: self.classifier,
            ledger: self.ledger,
            keep,
        }
    }

    /// The longest wait that a failure's [`retry_after`](crate::Verdict::retry_after) may ask for; 30 s unless set. When it
    /// asks for more, the failure is returned. What is compared is the time that was asked for, without
    /// [jitter](Self::server_delay_jitter).
    ///
    /// The retry waits at least as long as it is asked to, or for its own delay if that is longer. It doesn't cut the wait short, as the AWS SDKs
    /// do (5 s over their own delay at most), since an attempt before that time is likely to fail, too.
    pub fn longest_server_delay(mut self, longest: Duration) -> Self {
        self.settings.longest_server_delay = longest;
        self
    }

    /// The largest share by which a wait that the other side asked for is prolonged at random; 0.2 unless set. 0 keeps it exact.
    ///
    /// A server often sends the same `Retry-After` to all its clients. Without jitter they would return in the same moment. The
    /// wait is never shorter than asked. Up to 10 ms are added to the shortest waits, nothing to a wait of zero. Of the time that
    /// the deadline leaves after the wait, at most half is added. [`Verdict::retry_exactly_after`](crate::Verdict::retry_exactly_after) has none.
    pub fn server_delay_jitter(mut self, share: Ratio) -> Self {
        self.settings.server_delay_jitter = share;
        self
    }

    /// Which rejections of a breaker further in are waited out. Unless set, those whose
    /// [`retry_in`](crate::Rejection::retry_in) is at most 250 ms, if the wait ends within the first 300 ms of the request.
    ///
    /// - The attempt must have ended in its first poll: a breaker directly inside rejects at once, and nothing was done before. After
    ///   a pending call, and in [`run`](super::RetryLayer::run) and [`run_blocking`](super::RetryLayer::run_blocking), an earlier step may have
    ///   been carried out: there, rejections are waited out only if requests are [`idempotent`](Self::idempotent).
    /// - The wait is `retry_in` plus 10 to 100 ms at random, less if the window ends before, so that the waiting requests don't
    ///   return together.
    /// - It neither crosses the deadline nor the end of the window: a rejection for which it would is returned.
    /// - After it, the same attempt is sent: its number stays, and it isn't counted as one of the [`retries`](Self::retries). It costs neither
    ///   budget nor quota. What a later attempt has paid before its rejection is held during the wait.
    /// - What the attempt has reserved in the service, such as a permit, is given up before the wait.
    /// - A rejection without a `retry_in` is returned at once, as is every rejection while the [`switch`](Self::switch) is off.
    ///
    /// The age of a request with a limit or a deadline counts from its start. For other requests the clock isn't read at the start: their age
    /// counts from the end of their first attempt that is followed by a wait.
    ///
    /// *When not to use it*: in front of a service that queues its callers anyway, or for callers that would rather use a fallback at
    /// once. [`RejectionWait::NONE`] switches it off.
    pub fn wait_out_rejections(mut self, wait: RejectionWait) -> Self {
        self.settings.rejection_wait = wait;
        self
    }

    /// One more observer of its events.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.settings.observers.add(observer);
        self
    }

    /// No observers, the default one included.
    pub fn unobserved(mut self) -> Self {
        self.settings.observers.clear();
        self
    }

    /// Makes the jitter repeatable, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self.settings.turns = Arc::default();
        self
    }
}
