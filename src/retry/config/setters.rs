//! Setters for everything except the classifier.

use std::{fmt, sync::Arc, time::Duration};

use super::super::{
    Backoff, Budget, RejectedRetry, RejectionWait, RetryConfig, RetryQuota, RetrySwitch, Timeouts, budget::AnyBudget,
    quota::KeyedQuota,
};
use crate::{Name, Ratio, observe::Observer};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// The name in events. Default: `retry`, or the name of the preset, such as `transactions`.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.settings.name = name.into().with_labels_of(&self.settings.name);
        self
    }

    /// The maximum number of retries after the first attempt: 3, the default, makes up to 4
    /// attempts in total. With 0, nothing is retried; short rejections are still [waited
    /// out](Self::wait_out_rejections).
    pub fn retries(mut self, retries: u32) -> Self {
        self.settings.retries = retries;
        self
    }

    /// States that every request may be processed more than once: reads, and writes that have the
    /// same effect when they are repeated. Then a failed request is sent again even if it may have
    /// been processed. Not stated by default.
    ///
    /// | classifier | without it | with it |
    /// |---|---|---|
    /// | [`ErrorClassifier`](crate::classify::ErrorClassifier), the default | a request that provably wasn't sent ([`Delivery::NotSent`](crate::Delivery::NotSent)) is retried | every transient failure is retried |
    /// | a closure, your own [`Classifier`](crate::Classifier) | its verdict decides | the same, but [`unsafe_to_resend`](crate::Verdict::unsafe_to_resend) is ignored |
    /// | `http::StatusClassifier` (of `RetryConfig::http()`) | idempotent methods are retried, and requests that provably weren't processed | every method is retried, POST included |
    /// | `grpc::StatusClassifier` (of `RetryConfig::grpc()`) | the status code decides; after a lost connection, only calls that provably weren't processed are retried | after a lost connection, every call is retried, too |
    ///
    /// Without it, the failure is returned with
    /// [`Cause::UnsafeToResend`](crate::Cause::UnsafeToResend). If the classifier doesn't know
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
    /// *When not to use it*: when some requests aren't idempotent.
    /// [`IdempotencyCheck`](crate::classify::IdempotencyCheck) decides by the request.
    pub fn idempotent(mut self) -> Self {
        self.settings.idempotent = true;
        self
    }

    /// The delays before the retries. Default: 1 s, 2 s, 4 s … up to 60 s, each × 0.5–1.5.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// The minimum delay after a failure of the kind [`Throttled`](crate::FailureKind::Throttled)
    /// for which the server requested no delay: a 429 without `Retry-After`, or a call that was
    /// shed. The retry waits for this delay or for its [`backoff`](Self::backoff), whichever is
    /// longer. [`Backoff::none()`] turns it off.
    ///
    /// Default: 1 s, doubling up to 20 s, each × 0.5–1. The standard mode of the AWS SDKs also
    /// begins with 1 s for throttling errors and with 50 ms for others
    /// ([smithy-rs#4638](https://github.com/smithy-lang/smithy-rs/pull/4638)). They use full
    /// jitter, whose delays can be near zero. Here, half of each delay is certain.
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.settings.throttled_backoff = backoff;
        self
    }

    /// The budget. Default: a [`TokenBucket`](super::super::TokenBucket), with 20 % of the requests
    /// plus 10 retries per second.
    pub fn budget(self, budget: impl Budget) -> Self {
        self.shared_budget(Arc::new(budget))
    }

    /// A budget that other retries use, too: an `Arc` of any [`Budget`].
    pub fn shared_budget(mut self, budget: impl Into<AnyBudget>) -> Self {
        self.settings.budget = Some(budget.into());
        self
    }

    /// Makes no deposits, since another retry on the same budget makes them.
    ///
    /// Set it on the inner one of two retries with another task between them (`tower::buffer`, a
    /// spawned call). With such a task in between, the inner retry can't see that the outer one has
    /// made the deposit. On the same task it can, and also for HTTP and gRPC requests, because they
    /// carry the list of their deposits.
    pub fn without_deposits(mut self) -> Self {
        self.settings.deposits = false;
        self
    }

    /// No budget: every request may use all its retries.
    ///
    /// *When not to use it*: for traffic that continues while the service fails. Each request is
    /// then multiplied by the number of attempts, which keeps the service down after its fault is
    /// fixed.
    pub fn without_budget(mut self) -> Self {
        self.settings.budget = None;
        self
    }

    /// The time limits of attempts and requests. Default: none.
    pub fn timeouts<NewTimeout>(mut self, timeouts: Timeouts<NewTimeout>) -> RetryConfig<C, NewTimeout, Quota, Replay> {
        let Timeouts { limits, on_timeout } = timeouts;
        self.settings.set_limits(limits);
        RetryConfig {
            settings: self.settings,
            on_timeout,
            classifier: self.classifier,
            quota: self.quota,
            replay: self.replay,
        }
    }

    /// A switch that turns retries off and on at run time. It is checked first. Default: none, so
    /// retries are on.
    pub fn switch(mut self, switch: &RetrySwitch) -> Self {
        self.settings.switch = Some(switch.clone());
        self
    }

    /// Limits the number of retries across requests: per key of the request, and in total. `key` is
    /// called once per request, before its first attempt. The key is turned into text when an
    /// attempt has failed. Default: none.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, retry::RetryQuota};
    ///
    /// struct Job { tenant: u32 }
    ///
    /// let quota = RetryQuota::new().max_per_key(100).max_total(1_000);
    /// let config = RetryConfig::default().quota(&quota, |job: &Job| job.tenant);
    /// # let _ = config;
    /// ```
    pub fn quota<F, Req, Key>(mut self, quota: &RetryQuota, key: F) -> RetryConfig<C, Timeout, KeyedQuota<F>, Replay>
    where
        F: Fn(&Req) -> Key,
        Key: fmt::Display,
    {
        self.settings.quota = Some(quota.clone());
        let quota = KeyedQuota::new(quota.clone(), key);
        RetryConfig {
            settings: self.settings,
            on_timeout: self.on_timeout,
            classifier: self.classifier,
            quota,
            replay: self.replay,
        }
    }

    /// Stores requests with your own [`RequestReplay`](super::super::RequestReplay). To copy them
    /// with a function, see
    /// [`RetryLayer::copy_request_with`](super::super::RetryLayer::copy_request_with).
    pub fn replay<NewReplay>(self, replay: NewReplay) -> RetryConfig<C, Timeout, Quota, NewReplay> {
        RetryConfig {
            settings: self.settings,
            on_timeout: self.on_timeout,
            classifier: self.classifier,
            quota: self.quota,
            replay,
        }
    }

    /// The longest delay that a server may request with
    /// [`retry_after`](crate::Verdict::retry_after). Default: 30 s. If it requests a longer one,
    /// the failure is returned. [Jitter](Self::retry_after_jitter) isn't part of the comparison.
    ///
    /// The retry waits for the requested delay or for its own, whichever is longer. It doesn't cut
    /// the requested delay short, since an attempt before its end is likely to fail, too. (The AWS
    /// SDKs wait at most 5 s longer than their own delay.)
    pub fn max_retry_after(mut self, longest: Duration) -> Self {
        self.settings.max_retry_after = longest;
        self
    }

    /// The largest share by which a delay that the server requested is prolonged at random.
    /// Default: 0.2. With 0, the delay is exact.
    ///
    /// A server often sends the same `Retry-After` to all its clients. Without jitter, they would
    /// return at the same moment. The delay is never shorter than requested. Up to 10 ms are added
    /// to the shortest delays, and nothing to a delay of zero. At most half of the time that the
    /// deadline leaves after the delay is added.
    /// [`Verdict::retry_after_exactly`](crate::Verdict::retry_after_exactly) has no jitter.
    pub fn retry_after_jitter(mut self, share: Ratio) -> Self {
        self.settings.retry_after_jitter = share;
        self
    }

    /// Which rejections of an inner breaker are waited out. Default: those whose
    /// [`retry_in`](crate::Rejection::retry_in) is at most 250 ms, if the wait ends within the
    /// window, the first 300 ms of the request.
    ///
    /// - The attempt must have ended in its first poll: a breaker directly inside rejects at once,
    ///   before anything is processed. After a pending call, and in
    ///   [`run`](super::super::RetryLayer::run) and
    ///   [`run_blocking`](super::super::RetryLayer::run_blocking), an earlier step may have been
    ///   processed. There, rejections are waited out only if requests are
    ///   [`idempotent`](Self::idempotent).
    /// - The wait is `retry_in` plus 10 to 100 ms at random, so that the waiting requests don't
    ///   return together. The random part is shorter if the window would end before.
    /// - The wait crosses neither the deadline nor the end of the window. A rejection that would
    ///   need such a wait is returned.
    /// - After the wait, the same attempt is made again. It keeps its number, isn't one of the
    ///   [`retries`](Self::retries), and costs neither budget nor quota. If the attempt is a retry,
    ///   its budget token and its quota count are held during the wait.
    /// - Before the wait, the retry gives up what the attempt has reserved in the service, such as
    ///   a permit.
    /// - A rejection without `retry_in` is returned at once, and so is every rejection while the
    ///   [`switch`](Self::switch) is off.
    ///
    /// The age of a request with a time limit or a deadline counts from its start. For other
    /// requests, the clock isn't read at the start: their age counts from the end of the first
    /// attempt that is followed by a delay.
    ///
    /// *When not to use it*: in front of a service that queues its callers, or for callers that
    /// have a fallback and need its response at once. [`RejectionWait::NONE`] turns it off.
    pub fn wait_out_rejections(mut self, wait: RejectionWait) -> Self {
        self.settings.rejection_wait = wait;
        self
    }

    /// What the caller gets if an attempt has failed and an inner breaker then rejects the next
    /// one. Default: the rejection, so that code which turns a rejection into a 503 with
    /// `Retry-After` sees every rejection, and the request keeps nothing of a failed attempt.
    ///
    /// With [`ReturnLastError`](RejectedRetry::ReturnLastError) and
    /// [`ReturnLastOutcome`](RejectedRetry::ReturnLastOutcome), the caller gets the failure before
    /// the rejection. The [report](crate::report) and an outer fallback then get the cause
    /// [`RetryRejected`](crate::Cause::RetryRejected), with the time after which the circuit may
    /// admit a call. Outer layers classify the failure as any other, and don't treat it as a
    /// rejection. The report counts the attempts up to the failure. The event `RetryStopped` has
    /// the cause [`Rejected`](crate::Cause::Rejected) with every setting.
    ///
    /// Rejections that are [waited out](Self::wait_out_rejections) come first: the setting applies
    /// to the rejection that ends the request. A first attempt that is rejected returns its
    /// rejection, since there is no other outcome.
    ///
    /// ```
    /// # #[cfg(feature = "breaker")] {
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::io::{Error, ErrorKind};
    /// use tower_recourse::{
    ///     BreakerConfig, Cause, Circuit, RetryConfig, RetryLayer, breaker::TripRule, report::with_report,
    ///     retry::{Backoff, RejectedRetry},
    /// };
    ///
    /// let circuit = Circuit::new(BreakerConfig::default().open_when(TripRule::consecutive(1).unwrap()));
    /// let config = RetryConfig::default().backoff(Backoff::none()).on_rejected_retry(RejectedRetry::ReturnLastError);
    /// let retry = RetryLayer::new(config);
    /// let refused = || async { Err::<(), _>(Error::from(ErrorKind::ConnectionRefused)) };
    /// let failed = with_report(retry.run(|_| circuit.call(refused))).await.unwrap_err();
    /// assert_eq!(failed.error.into_inner().unwrap().kind(), ErrorKind::ConnectionRefused);
    /// assert!(matches!(failed.report.cause(), Some(Cause::RetryRejected { .. })));
    /// # }
    /// # main() }
    /// ```
    pub fn on_rejected_retry(mut self, rejected_retry: RejectedRetry) -> Self {
        self.settings.rejected_retry = rejected_retry;
        self
    }

    /// Adds an observer, called by the task of the request. A closure: `|event: &Event<'_>| …`.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.settings.observers.add(observer);
        self
    }

    /// Removes all observers, the default one included.
    pub fn without_observers(mut self) -> Self {
        self.settings.observers.clear();
        self
    }

    /// Makes the jitter repeatable, for tests. The sequence of random numbers restarts.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self.settings.is_seeded = true;
        self.settings.turns = Arc::default();
        self
    }
}
