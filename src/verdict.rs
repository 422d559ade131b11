//! What an outcome means.

use std::time::Duration;

/// What an outcome *means*. Made by a [`Classifier`](crate::Classifier).
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
    /// The call did what it was for.
    Success,
    /// It didn't.
    Failure(Failure),
    /// It says nothing about the health of what was called: neither a success nor a failure is counted, and nothing
    /// is retried.
    Neutral,
}

/// A failure: of which kind, when the other side would have us back, and whether sending the request again can do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    wish: Wish,
    sent: Sent,
    repeatable: Repeatable,
    refused: bool,
}

/// Whether the request may be processed more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    Yes,
    No,
    Unknown,
}

/// When the other side would have us back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    None,
    AtLeast(Duration),
    Exactly(Duration),
    /// At least this long, and the backoff begins anew.
    Pushback(Duration),
    Never,
}

/// The kinds of failure that decisions differ on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another attempt may do better.
    Transient,
    /// The other side, or a queue in front of it, asks for fewer calls. A retry waits longer. A
    /// breaker doesn't count it as a failure by default, because the other side works;
    /// `BreakerConfig::on_throttled` has the details.
    Throttled,
    /// No answer came in time.
    TimedOut,
    /// Another attempt would fail the same way.
    Permanent,
    /// A breaker further in rejected the call, so the service wasn't called. A retry returns it, or waits it out if it is
    /// short. Another breaker doesn't count it. A fallback is called.
    Rejected,
}

/// Whether the failed request reached the other side, as far as it is known.
///
/// It matters for requests that must not take effect twice: see [`Verdict::unsafe_to_resend`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sent {
    /// Provably not: the other side never saw it, or says itself that it did nothing with it.
    No,
    /// Nobody can tell. The connection was lost, or the time was over.
    #[default]
    Unknown,
    /// It was: there is an answer of the other side, of whatever kind.
    Yes,
}

impl Verdict {
    /// A failure that another attempt may mend.
    pub const fn transient() -> Self {
        Self::failure(FailureKind::Transient)
    }

    /// A failure that no other attempt will mend.
    pub const fn permanent() -> Self {
        Self::failure(FailureKind::Permanent)
    }

    /// The other side asks for fewer calls. A breaker doesn't count this as a failure by default,
    /// but `OpenRule::Throttle` counts it as a request that wasn't accepted. State
    /// `.sent(Sent::Yes)` if it is an answer of the service: such an answer to a probe of a
    /// half-open breaker closes it.
    ///
    /// | by a layer | effect |
    /// |---|---|
    /// | retry | retried, with [the delay that was asked for](Self::retry_after) |
    /// | breaker | neutral for the rules about health; not accepted for `OpenRule::Throttle`; a failure with `BreakerConfig::on_throttled` |
    /// | fallback | a failure like any other |
    pub const fn throttled() -> Self {
        Self::failure(FailureKind::Throttled)
    }

    /// No answer came in time.
    pub const fn timed_out() -> Self {
        Self::failure(FailureKind::TimedOut)
    }

    /// A breaker further in rejected the call, and says when to come back. Provably not sent. The layers of this crate find
    /// this out by themselves; a classifier needs it where another task stands in between (`tower::buffer`).
    ///
    /// An attempt that was rejected wasn't made, and costs a budget and a ledger nothing. Of one that was made, but is to be treated
    /// like this as a circuit has opened meanwhile, say so: `.sent(Sent::Unknown)`.
    pub const fn rejected(retry_in: Option<Duration>) -> Self {
        let wish = match retry_in {
            Some(retry_in) => Wish::AtLeast(retry_in),
            None => Wish::None,
        };
        Self::Failure(Failure { wish, sent: Sent::No, ..Failure::of(FailureKind::Rejected) })
    }

    /// The other side refused the call before it did anything with it, and that isn't the call's fault: an HTTP/2 stream that met
    /// the end of its connection, say. Transient and provably not sent. A retry sends it again at once, which counts for nothing: it
    /// is no further attempt, and costs no budget. Once a request; what is refused again is a failure like another.
    pub const fn refused() -> Self {
        Self::Failure(Failure { sent: Sent::No, refused: true, ..Failure::of(FailureKind::Transient) })
    }

    /// A failure of a kind.
    pub const fn failure(kind: FailureKind) -> Self {
        Self::Failure(Failure::of(kind))
    }

    /// The same verdict with the delay that the other side asked for. It refines a failure and never makes one:
    /// on a success or a neutral verdict it has no effect.
    ///
    /// A retry waits at least so long: its own delay, if that is longer. It adds a random part, so that clients don't return
    /// together: see [`RetryConfig::server_delay_jitter`](crate::RetryConfig::server_delay_jitter).
    pub const fn retry_after(self, delay: Duration) -> Self {
        self.wishing(Wish::AtLeast(delay))
    }

    /// As [`retry_after`](Self::retry_after), but a retry waits exactly so long, and its own delays begin anew after that.
    pub const fn retry_exactly_after(self, delay: Duration) -> Self {
        self.wishing(Wish::Exactly(delay))
    }

    /// As [`retry_after`](Self::retry_after), but the delay replaces the retry's own one, and the backoff begins anew after it:
    /// gRPC's pushback (A6). Unlike [`retry_exactly_after`](Self::retry_exactly_after), the retry adds a random part to it.
    pub const fn retry_after_pushback(self, delay: Duration) -> Self {
        self.wishing(Wish::Pushback(delay))
    }

    /// The same failure, whatever its kind, of which the other side said that it isn't to be tried again. On a success or a
    /// neutral verdict it has no effect.
    pub const fn never_retry(self) -> Self {
        self.wishing(Wish::Never)
    }

    const fn wishing(self, wish: Wish) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(Failure { wish, ..failure }),
            other => other,
        }
    }

    /// The same failure with what is known of whether the request was sent. [`Sent::Unknown`] unless said. On a success or a
    /// neutral verdict it has no effect.
    ///
    /// ```
    /// use tower_recourse::{Sent, Verdict};
    ///
    /// let refused = Verdict::transient().sent(Sent::No);
    /// # let _ = refused;
    /// ```
    pub const fn sent(self, sent: Sent) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(Failure { sent, ..failure }),
            other => other,
        }
    }

    /// The same failure, of a request that must not take effect twice: it is sent again only if it provably wasn't sent
    /// ([`Sent::No`]). On a success or a neutral verdict it has no effect.
    ///
    /// A classifier that sees the request says this; [`classify::Idempotent`](crate::classify::Idempotent) says it for one
    /// that doesn't.
    ///
    /// ```
    /// use tower_recourse::{Sent, Verdict};
    ///
    /// let Verdict::Failure(lost) = Verdict::transient().unsafe_to_resend() else { unreachable!() };
    /// assert!(!lost.is_safe_to_resend());
    ///
    /// let Verdict::Failure(refused) = Verdict::transient().unsafe_to_resend().sent(Sent::No) else { unreachable!() };
    /// assert!(refused.is_safe_to_resend());
    /// ```
    ///
    /// [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) overrides this mark.
    pub const fn unsafe_to_resend(self) -> Self {
        self.repeatable(Repeatable::No)
    }

    /// The same failure, from a classifier that doesn't know whether the request may be processed more than once. A retry sends
    /// such a request again only if it provably wasn't sent ([`Sent::No`]), or if
    /// [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) states that every request is idempotent. On a success or a
    /// neutral verdict it has no effect.
    ///
    /// [`classify::Errors`](crate::classify::Errors) marks its failures like this, and so do the defaults of closures and of
    /// `Messages`. Breakers and fallbacks ignore the mark.
    ///
    /// ```
    /// use tower_recourse::{Sent, Verdict};
    ///
    /// let Verdict::Failure(lost) = Verdict::transient().idempotency_unknown() else { unreachable!() };
    /// assert!(lost.is_idempotency_unknown() && !lost.is_safe_to_resend());
    /// ```
    pub const fn idempotency_unknown(self) -> Self {
        self.repeatable(Repeatable::Unknown)
    }

    /// The same failure, of a request that may be processed more than once: replaces the mark of
    /// [`unsafe_to_resend`](Self::unsafe_to_resend) or [`idempotency_unknown`](Self::idempotency_unknown). On a success or a
    /// neutral verdict it has no effect.
    ///
    /// This is the state of a new verdict, such as [`Verdict::transient()`]: a classifier that makes one is believed.
    pub const fn safe_to_resend(self) -> Self {
        self.repeatable(Repeatable::Yes)
    }

    /// The same failure, from a classifier of errors that doesn't see the request. The kinds that are never retried have no
    /// mark, so they stay equal to `Verdict::permanent()` and `Verdict::rejected(…)`.
    pub(crate) fn of_any_request(self) -> Self {
        match self {
            Self::Failure(Failure { kind: FailureKind::Permanent | FailureKind::Rejected, .. }) => self,
            other => other.idempotency_unknown(),
        }
    }

    const fn repeatable(self, repeatable: Repeatable) -> Self {
        match self {
            Self::Failure(failure) => Self::Failure(Failure { repeatable, ..failure }),
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

impl Failure {
    const fn of(kind: FailureKind) -> Self {
        Self { kind, wish: Wish::None, sent: Sent::Unknown, repeatable: Repeatable::Yes, refused: false }
    }

    /// Its kind.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The delay that the other side asked for, as it asked: not yet capped.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.wish {
            Wish::AtLeast(delay) | Wish::Exactly(delay) | Wish::Pushback(delay) => Some(delay),
            Wish::None | Wish::Never => None,
        }
    }

    /// Whether the delay that the other side asked for is to be kept exactly. See [`Verdict::retry_exactly_after`].
    pub const fn is_delay_exact(&self) -> bool {
        matches!(self.wish, Wish::Exactly(_))
    }

    /// Whether the delay that the other side asked for replaces the retry's own one. See [`Verdict::retry_exactly_after`] and
    /// [`Verdict::retry_after_pushback`].
    pub const fn replaces_backoff(&self) -> bool {
        matches!(self.wish, Wish::Exactly(_) | Wish::Pushback(_))
    }

    /// Whether the other side said that this isn't to be tried again. See [`Verdict::never_retry`].
    pub const fn is_final(&self) -> bool {
        matches!(self.wish, Wish::Never)
    }

    /// Whether the call was refused before anything was done with it. See [`Verdict::refused`].
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether the request reached the other side, as far as it is known.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether the request may be sent again: it provably wasn't sent, or the verdict has neither the mark
    /// [`unsafe_to_resend`](Verdict::unsafe_to_resend) nor [`idempotency_unknown`](Verdict::idempotency_unknown).
    pub const fn is_safe_to_resend(&self) -> bool {
        matches!(self.repeatable, Repeatable::Yes) || matches!(self.sent, Sent::No)
    }

    /// Whether the classifier didn't know if the request may be processed more than once. See
    /// [`Verdict::idempotency_unknown`].
    pub const fn is_idempotency_unknown(&self) -> bool {
        matches!(self.repeatable, Repeatable::Unknown)
    }
}
