use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use super::{
    Backoff, Cloned, Jitter, Ledger, RejectionWait, Switch,
    budget::{AnyBudget, Budget, TokenBucket},
    ledger::{Ledgered, NoLedger},
    timeouts::{Limits, NoTimeouts, Timeouts},
};
use crate::{
    Name, Ratio, Verdict,
    classify::{self, Errors, FromErrorFn, FromFn, FromMemoFn, IntoOpinion},
    observe::{Observer, Observers},
    random,
};

/// What a retry goes by: the [`Policy`](super::Policy) for most purposes. Made of parts that were checked when they were
/// made, so it is always usable.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`retries`](Self::retries) | 3 | 4 attempts in total. What still fails after 7 s is seldom transient |
/// | [`backoff`](Self::backoff) | 1 s, 2 s, 4 s … up to 60 s, each × 0.5–1.5 | gives a dependency time to restart, and spreads those who wait |
/// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | a limit of requests per second or minute isn't over after a shorter wait |
/// | [`longest_server_delay`](Self::longest_server_delay) | 30 s | a longer delay is returned with the failure |
/// | [`server_delay_jitter`](Self::server_delay_jitter) | up to 20 % more than asked | clients that got the same answer don't return together |
/// | [`budget`](Self::budget) | 20 % of the requests plus 10 retries per second | retries add at most that to the load of a dependency that fails |
/// | its [initial tokens](TokenBucket::initial) | 100 | a burst of failures right after the start can be retried |
/// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a request's first 300 ms | without it, a breaker that opens for 100 ms fails calls that a bare client would have saved by waiting |
/// | [`timeouts`](Self::timeouts) | none | the right limits depend on the call |
/// | [`switch`](Self::switch), [`ledger`](Self::ledger) | none | for batches and operators |
/// | classifier | [`Errors`] | errors are transient unless known not to be |
/// | [`idempotent`](Self::idempotent) | not stated | a failed call may have been processed: with [`Errors`], only a request that provably wasn't sent is sent again |
///
/// # Which traffic it fits
///
/// Work that no user waits for, such as jobs and messages: the waits add up to 3.5–10.5 s. For calls that a user waits
/// for, use shorter delays, such as those of `http()`, which also says which numbers depend on what.
///
/// # Clone
///
/// A clone shares the budget, and draws its jitter from the same sequence.
#[derive(Clone)]
pub struct RetryConfig<C = Errors, A = NoTimeouts, L = NoLedger, K = Cloned> {
    pub(super) terms: Terms,
    pub(super) answer: A,
    pub(super) classifier: C,
    pub(super) ledger: L,
    pub(crate) keep: K,
}

/// What doesn't depend on what is called.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) name: Name,
    pub(super) retries: u32,
    pub(super) backoff: Backoff,
    pub(super) budget: Option<AnyBudget>,
    /// Whether a request deposits here.
    pub(super) deposits: bool,
    pub(super) switch: Option<Switch>,
    /// Every request may be processed more than once.
    pub(super) idempotent: bool,
    pub(super) throttled_backoff: Backoff,
    pub(super) longest_server_delay: Duration,
    pub(super) server_delay_jitter: Ratio,
    pub(super) rejection_wait: RejectionWait,
    pub(super) limits: Limits,
    pub(super) observers: Observers,
    pub(super) seed: u64,
    pub(super) turns: Arc<AtomicU64>,
    /// Whether it was told that requests can't be sent again.
    pub(super) told_not_replayable: Arc<AtomicBool>,
    /// Whether the event about unknown idempotency was emitted.
    pub(super) told_idempotency_unknown: Arc<AtomicBool>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let terms = Terms {
            name: Name::literal("retry"),
            retries: 3,
            backoff: Backoff::exponential(Duration::from_secs(1)).jitter(Jitter::Bounded(Ratio::HALF)),
            budget: Some(Arc::new(TokenBucket::default()).into()),
            deposits: true,
            switch: None,
            idempotent: false,
            throttled_backoff: throttled_backoff(),
            longest_server_delay: Duration::from_secs(30),
            server_delay_jitter: Ratio::new(0.2).expect("a fifth is a ratio"),
            rejection_wait: RejectionWait::default(),
            limits: Limits::default(),
            observers: Observers::default(),
            seed: random::fresh_seed(),
            turns: Arc::default(),
            told_not_replayable: Arc::default(),
            told_idempotency_unknown: Arc::default(),
        };
        Self { terms, answer: NoTimeouts, classifier: Errors, ledger: NoLedger, keep: Cloned }
    }
}

impl RetryConfig {
    /// A retry of database transactions that conflict with each other: `is_conflict` tells the errors after which the database has rolled
    /// the transaction back, such as SQLSTATE 40001 (serialization failure) and 40P01 (deadlock). Every other error is returned.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | retries | 20 | under contention, a transaction loses to others several times before it wins |
    /// | backoff | 5 ms doubling to 500 ms, full jitter | a conflict is over when the other transaction ends; the jitter separates the two |
    /// | budget | none | a conflict says nothing about the database's health, and only retries resolve it |
    /// | classifier | `is_conflict`, believed | the database has undone the transaction, so it may run again |
    ///
    /// The function that is [run](super::RetryLayer::run) must make the whole transaction, from `BEGIN` to `COMMIT`, as the database reports a
    /// conflict in any of its statements. The [cookbook](crate::cookbook::transactions) has a page about it.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// #[derive(Debug)]
    /// struct DbError { sqlstate: &'static str }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), DbError> {
    /// let conflicts = |error: &DbError| matches!(error.sqlstate, "40001" | "40P01");
    /// let retry = RetryLayer::new(RetryConfig::transactions(conflicts));
    /// let transfer = |attempt: tower_recourse::Attempt| async move {
    ///     if attempt.number() < 9 { Err(DbError { sqlstate: "40001" }) } else { Ok("committed") }
    /// };
    /// assert_eq!(retry.run(transfer).await?, "committed");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// *When not to use it*: for a lost connection during `COMMIT`. The transaction may have been committed, so `is_conflict` must not
    /// accept such an error.
    pub fn transactions<F, Err>(is_conflict: F) -> RetryConfig<FromErrorFn<impl Fn(&Err) -> Verdict + Clone>>
    where
        F: Fn(&Err) -> bool + Clone,
    {
        let backoff =
            Backoff::exponential(Duration::from_millis(5)).max(Duration::from_millis(500)).jitter(Jitter::Full);
        let judge = move |error: &Err| if is_conflict(error) { Verdict::transient() } else { Verdict::permanent() };
        Self::default().name("transactions").retries(20).backoff(backoff).without_budget().classify_errors(judge)
    }
}

/// 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1.
fn throttled_backoff() -> Backoff {
    Backoff::exponential(Duration::from_secs(1)).max(Duration::from_secs(20)).jitter(Jitter::Equal)
}

impl<C, A, L, K> RetryConfig<C, A, L, K> {
    /// The name in events. `retry` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.terms.name = name.into();
        self
    }

    /// How often a request is tried again at most, after its first attempt: with 3, there are 4 attempts in total. 0 for
    /// never; short rejections are [waited out](Self::wait_out_rejections) nonetheless.
    pub fn retries(mut self, retries: u32) -> Self {
        self.terms.retries = retries;
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
        self.terms.idempotent = true;
        self
    }

    /// How long to wait before each retry.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.terms.backoff = backoff;
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
        self.terms.throttled_backoff = backoff;
        self
    }

    /// The budget, in place of the default one.
    pub fn budget(self, budget: impl Budget) -> Self {
        self.shared_budget(Arc::new(budget))
    }

    /// A budget that others draw on too: an `Arc` of one, whatever kind it is.
    pub fn shared_budget(mut self, budget: impl Into<AnyBudget>) -> Self {
        self.terms.budget = Some(budget.into());
        self
    }

    /// Requests come through another retry on the same budget, which deposits for them. To be set on the inner one of two retries with
    /// another task in between (`tower::buffer`, a spawned call): there a request can't be known for one that has paid. On one task
    /// it is known, and so it is for requests of HTTP and gRPC, which carry it.
    pub fn without_deposits(mut self) -> Self {
        self.terms.deposits = false;
        self
    }

    /// No budget: every request may use all its retries. When everything fails, the service gets as many times the demand
    /// as there are attempts, which is how retries keep a service down after what broke it is mended.
    pub fn without_budget(mut self) -> Self {
        self.terms.budget = None;
        self
    }

    /// How long attempts, and requests, may take.
    pub fn timeouts<B>(mut self, timeouts: Timeouts<B>) -> RetryConfig<C, B, L, K> {
        let Timeouts { limits, answer } = timeouts;
        self.terms.limits = limits;
        RetryConfig { terms: self.terms, answer, classifier: self.classifier, ledger: self.ledger, keep: self.keep }
    }

    /// A switch that turns retrying off and on while it runs. Off beats all other checks.
    pub fn switch(mut self, switch: &Switch) -> Self {
        self.terms.switch = Some(switch.clone());
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
        RetryConfig { terms: self.terms, answer: self.answer, classifier: self.classifier, ledger, keep: self.keep }
    }

    /// Judges outcomes by a closure: `|outcome: Result<&Res, &Err>| …`. See [`classify::outcomes`](crate::classify::outcomes).
    pub fn classify<F, Res, Err, V>(self, judge: F) -> RetryConfig<FromFn<F>, A, L, K>
    where
        F: Fn(Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::outcomes(judge))
    }

    /// Judges errors by a closure, and takes responses for successes: `|error: &Err| …`. See
    /// [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<F, Err, V>(self, judge: F) -> RetryConfig<FromErrorFn<F>, A, L, K>
    where
        F: Fn(&Err) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::errors(judge))
    }

    /// Judges outcomes by a closure that knows what another one remembered of the request: `|request: &Req| memo`, and
    /// `|memo: &Memo, outcome: Result<&Res, &Err>| …`. See [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with<M, F, Req, Memo, Res, Err, V>(
        self,
        remember: M,
        judge: F,
    ) -> RetryConfig<FromMemoFn<M, F>, A, L, K>
    where
        M: Fn(&Req) -> Memo,
        F: Fn(&Memo, Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, judge))
    }

    /// Judges outcomes by a [`Classifier`](crate::Classifier), which may look at the request too.
    pub fn classifier<D>(self, classifier: D) -> RetryConfig<D, A, L, K> {
        RetryConfig { terms: self.terms, answer: self.answer, classifier, ledger: self.ledger, keep: self.keep }
    }

    /// Keeps requests by a [`Keep`](super::Keep) of one's own. See [`RetryLayer::keep`](super::RetryLayer::keep) for a function.
    pub fn keeping<N>(self, keep: N) -> RetryConfig<C, A, L, N> {
        RetryConfig { terms: self.terms, answer: self.answer, classifier: self.classifier, ledger: self.ledger, keep }
    }

    /// The longest wait that a failure's [`retry_after`](crate::Verdict::retry_after) may ask for; 30 s unless set. When it
    /// asks for more, the failure is returned. What is compared is the time that was asked for, without
    /// [jitter](Self::server_delay_jitter).
    ///
    /// The retry waits at least as long as it is asked to, or for its own delay if that is longer. It doesn't cut the wait short, as the AWS SDKs
    /// do (5 s over their own delay at most), since an attempt before that time is likely to fail, too.
    pub fn longest_server_delay(mut self, longest: Duration) -> Self {
        self.terms.longest_server_delay = longest;
        self
    }

    /// The largest share by which a wait that the other side asked for is prolonged at random; 0.2 unless set. 0 keeps it exact.
    ///
    /// A server often sends the same `Retry-After` to all its clients. Without jitter they would return in the same moment. The
    /// wait is never shorter than asked. Up to 10 ms are added to the shortest waits, nothing to a wait of zero. Of the time that
    /// the deadline leaves after the wait, at most half is added. [`Verdict::retry_exactly_after`](crate::Verdict::retry_exactly_after) has none.
    pub fn server_delay_jitter(mut self, share: Ratio) -> Self {
        self.terms.server_delay_jitter = share;
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
        self.terms.rejection_wait = wait;
        self
    }

    /// One more observer of its events.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.terms.observers.add(observer);
        self
    }

    /// No observers, the default one included.
    pub fn unobserved(mut self) -> Self {
        self.terms.observers.clear();
        self
    }

    /// Makes the jitter repeatable, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.terms.seed = seed;
        self.terms.turns = Arc::default();
        self
    }
}

impl<C: fmt::Debug, A, L: fmt::Debug, K> fmt::Debug for RetryConfig<C, A, L, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryConfig")
            .field("name", &self.terms.name)
            .field("retries", &self.terms.retries)
            .field("backoff", &self.terms.backoff)
            .field("budget", &self.terms.budget)
            .field("limits", &self.terms.limits)
            .field("classifier", &self.classifier)
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}
