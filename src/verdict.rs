//! The meaning of an outcome.

use std::time::Duration;

use crate::failure::{Delivery, Failure, FailureKind, Health, Resend, ServerDelay};

/// The meaning of an outcome. A [`Classifier`](crate::Classifier) produces it.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::Verdict;
///
/// let busy = Verdict::throttled().retry_after(Duration::from_secs(2));
/// assert!(busy.is_failure());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call succeeded.
    Success,
    /// The call failed.
    Failure(Failure),
    /// The service works, and the request is at fault: `NotFound` for a key that doesn't exist, a
    /// violated constraint. A retry returns the outcome, a breaker counts a success, and a fallback
    /// isn't called. If a fallback should be called, use [`permanent`](Self::permanent).
    ClientError,
    /// The outcome shows nothing about the health of the service. A breaker counts neither a
    /// success nor a failure, and a retry returns the outcome.
    Neutral,
}

impl Verdict {
    /// A failure after which another attempt may succeed.
    pub const fn transient() -> Self {
        Self::failure(FailureKind::Transient)
    }

    /// A failure after which another attempt would fail in the same way. A retry returns it. A
    /// breaker counts it as a success, because the service works; add
    /// `.health(Health::Unhealthy)` if other requests would fail, too. A fallback calls its backup.
    pub const fn permanent() -> Self {
        Self::failure(FailureKind::Permanent)
    }

    /// The server asks for fewer calls. A breaker doesn't count this as a failure by default, but
    /// `TripRule::AdaptiveThrottle` counts it as a request that wasn't accepted. Add
    /// `.delivery(Delivery::Sent)` or [`answered`](Self::answered) if the service itself answered:
    /// such an answer to a probe closes a half-open breaker.
    ///
    /// | layer | effect |
    /// |---|---|
    /// | retry | retried, with [the delay that the server asked for](Self::retry_after) |
    /// | breaker | neutral for the rules about health; not accepted for `TripRule::AdaptiveThrottle`; a failure with `BreakerConfig::on_throttled` |
    /// | fallback | a failure, so the backup is called |
    pub const fn throttled() -> Self {
        Self::failure(FailureKind::Throttled)
    }

    /// No answer came within a time limit.
    pub const fn timed_out() -> Self {
        Self::failure(FailureKind::TimedOut)
    }

    /// An inner breaker, or a limit on this side, rejected the call; `retry_in` is the time after
    /// which a call may be admitted again. The request provably wasn't sent.
    ///
    /// The layers of this crate recognise a breaker's rejection without the classifier. A
    /// classifier must return this verdict for a rejection that the layers can't recognise, such as
    /// one that comes from another task (`tower::buffer`) in a type that they can't inspect.
    ///
    /// A rejected attempt uses neither budget nor quota. If the attempt was made, and you treat it
    /// as a rejection because a circuit has opened meanwhile, add `.delivery(Delivery::Unknown)`.
    pub const fn rejected(retry_in: Option<Duration>) -> Self {
        let server_delay = match retry_in {
            Some(retry_in) => ServerDelay::AtLeast(retry_in),
            None => ServerDelay::None,
        };
        Self::Failure(Failure::of(FailureKind::Rejected).with_server_delay(server_delay).with_sent(Delivery::NotSent))
    }

    /// The server refused the call before it processed anything, for a reason that has nothing to
    /// do with the call: for example, the call opened an HTTP/2 stream while the connection was
    /// closing. The verdict is a transient failure with [`Delivery::NotSent`].
    ///
    /// A retry sends the request again at once, at most once per request. This isn't another
    /// attempt, and costs no budget. A second refusal is an ordinary failure.
    pub const fn unprocessed() -> Self {
        Self::Failure(Failure::of(FailureKind::Transient).with_sent(Delivery::NotSent).with_refused())
    }

    /// A failure of the given kind.
    pub const fn failure(kind: FailureKind) -> Self {
        Self::Failure(Failure::of(kind))
    }

    /// The same failure with the delay that the server asked for. Without effect on a success or a
    /// neutral verdict: a delay never makes an outcome a failure.
    ///
    /// A retry waits this delay or its backoff, whichever is longer. It adds a random part, so that
    /// clients don't return at the same time: see
    /// [`RetryConfig::retry_after_jitter`](crate::RetryConfig::retry_after_jitter).
    pub const fn retry_after(self, delay: Duration) -> Self {
        self.with_server_delay(ServerDelay::AtLeast(delay))
    }

    /// Like [`retry_after`](Self::retry_after), but a retry waits exactly this delay, and its
    /// backoff starts again at its first delay afterwards.
    pub const fn retry_after_exactly(self, delay: Duration) -> Self {
        self.with_server_delay(ServerDelay::Exactly(delay))
    }

    /// Like [`retry_after`](Self::retry_after), but this delay replaces the delay of the retry's
    /// backoff, and the backoff starts again at its first delay afterwards. This is gRPC's pushback
    /// (A6). Unlike with [`retry_after_exactly`](Self::retry_after_exactly), the retry adds a
    /// random part.
    pub const fn retry_after_pushback(self, delay: Duration) -> Self {
        self.with_server_delay(ServerDelay::Pushback(delay))
    }

    /// The same failure, with the server's request not to make another attempt. Without effect on
    /// other verdicts.
    pub const fn never_retry(self) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_final()),
            other => other,
        }
    }

    /// Sets what the failure shows about the health of the service, if the kind implies something
    /// else (see [`Failure::health`]). Only breakers read it. Without effect on other verdicts.
    ///
    /// ```
    /// use tower_recourse::{Health, Verdict};
    ///
    /// // HTTP 500: the same request would fail again, and others probably would, too.
    /// let broken = Verdict::permanent().health(Health::Unhealthy);
    /// // A lost race for a lock: worth a retry, and no sign of an unhealthy database.
    /// let locked = Verdict::transient().health(Health::Healthy);
    /// # let _ = (broken, locked);
    /// ```
    ///
    /// Whatever it is, a breaker doesn't count a [rejected](Self::rejected) call.
    pub const fn health(self, health: Health) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_health(health)),
            other => other,
        }
    }

    /// States that the service itself answered, although it didn't process the request
    /// ([`Delivery::NotSent`]): HTTP 429. If a probe of a half-open breaker is throttled by such an
    /// answer, the breaker closes. Without effect on other verdicts.
    pub const fn answered(self) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_answered()),
            other => other,
        }
    }

    const fn with_server_delay(self, server_delay: ServerDelay) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_server_delay(server_delay)),
            other => other,
        }
    }

    /// The same failure, with the information whether the request was sent: [`Delivery::Unknown`]
    /// unless set. Without effect on a success or a neutral verdict.
    ///
    /// ```
    /// use tower_recourse::{Delivery, Verdict};
    ///
    /// let refused = Verdict::transient().delivery(Delivery::NotSent);
    /// # let _ = refused;
    /// ```
    pub const fn delivery(self, sent: Delivery) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_sent(sent)),
            other => other,
        }
    }

    /// The same failure, marked as that of a request that must not be processed twice. A retry
    /// sends the request again only if it provably wasn't sent ([`Delivery::NotSent`]). Without
    /// effect on a success or a neutral verdict.
    ///
    /// A classifier that sees the request sets this mark.
    /// [`classify::IdempotencyCheck`](crate::classify::IdempotencyCheck) sets it for a classifier
    /// that doesn't.
    ///
    /// ```
    /// use tower_recourse::{Delivery, Verdict};
    ///
    /// let Verdict::Failure(lost) = Verdict::transient().unsafe_to_resend() else { unreachable!() };
    /// assert!(!lost.is_safe_to_resend());
    ///
    /// let Verdict::Failure(refused) = Verdict::transient().unsafe_to_resend().delivery(Delivery::NotSent) else { unreachable!() };
    /// assert!(refused.is_safe_to_resend());
    /// ```
    ///
    /// [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) overrides this mark.
    pub const fn unsafe_to_resend(self) -> Self {
        self.with_resend(Resend::Unsafe)
    }

    /// The same failure, marked as coming from a classifier that doesn't know whether the request
    /// is idempotent. A retry sends the request again only if it provably wasn't sent
    /// ([`Delivery::NotSent`]), or if [`RetryConfig::idempotent`](crate::RetryConfig::idempotent)
    /// states that every request is idempotent. Without effect on a success or a neutral verdict.
    ///
    /// [`classify::ErrorClassifier`](crate::classify::ErrorClassifier) sets this mark, and so do
    /// the defaults of closures and of `ErrorMessages`. Breakers and fallbacks ignore it.
    ///
    /// ```
    /// use tower_recourse::{Delivery, Verdict};
    ///
    /// let Verdict::Failure(lost) = Verdict::transient().idempotency_unknown() else { unreachable!() };
    /// assert!(lost.is_idempotency_unknown() && !lost.is_safe_to_resend());
    /// ```
    pub const fn idempotency_unknown(self) -> Self {
        self.with_resend(Resend::Unknown)
    }

    /// The same failure, of a request that may be processed more than once. It replaces the marks
    /// [`unsafe_to_resend`](Self::unsafe_to_resend) and
    /// [`idempotency_unknown`](Self::idempotency_unknown). Without effect on a success or a neutral
    /// verdict.
    ///
    /// A new verdict, such as [`Verdict::transient()`], has no mark, so a retry treats the request
    /// as safe to send again.
    pub const fn safe_to_resend(self) -> Self {
        self.with_resend(Resend::Safe)
    }

    /// The same failure, marked as idempotency unknown, from a classifier that doesn't see the
    /// request. Kinds that are never retried get no mark, so they stay equal to
    /// `Verdict::permanent()` and `Verdict::rejected(…)`.
    pub(crate) fn of_any_request(self) -> Self {
        match self {
            Self::Failure(failure) if matches!(failure.kind(), FailureKind::Permanent | FailureKind::Rejected) => self,
            other => other.idempotency_unknown(),
        }
    }

    /// The same verdict; a permanent failure shows that the service is unhealthy, unless
    /// [`health`](Self::health) is set.
    #[cfg_attr(not(any(feature = "hyper", feature = "http")), allow(dead_code))]
    pub(crate) const fn unhealthy_if_permanent(self) -> Self {
        match self {
            Self::Failure(failure) if matches!(failure.kind(), FailureKind::Permanent) && !failure.has_health() => {
                self.health(Health::Unhealthy)
            }
            other => other,
        }
    }

    const fn with_resend(self, resend: Resend) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(failure.with_resend(resend)),
            other => other,
        }
    }

    /// Whether it is a success.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }

    /// Whether it is a failure of any kind.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failure(_))
    }
}
