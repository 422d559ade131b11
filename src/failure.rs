//! A failure and its properties.

use std::time::Duration;

/// A failure: its kind, the delay that the server asked for, and whether it is safe to send the
/// request again. [`Verdict`](crate::Verdict) has the methods that make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    server_delay: ServerDelay,
    sent: Delivery,
    resend: Resend,
    refused: bool,
    /// The server asked for no further attempt.
    is_final: bool,
    /// The service answered, although `sent` is `NotSent`.
    answered: bool,
    /// `None`: what the kind shows.
    health: Option<Health>,
}

/// The kinds of failure that the layers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another attempt may succeed. A breaker counts a failure.
    Transient,
    /// The server, or a queue in front of it, asks for fewer calls. A retry waits longer. A breaker
    /// doesn't count it as a failure by default, because the server works;
    /// `BreakerConfig::on_throttled` has the details.
    Throttled,
    /// No answer came within a time limit. A breaker counts a failure.
    TimedOut,
    /// Another attempt would fail in the same way. A breaker counts a success, because the service
    /// works, unless [`Verdict::health`](crate::Verdict::health) states otherwise.
    Permanent,
    /// An inner breaker rejected the call, so the service wasn't called. A retry returns the
    /// rejection, or waits for its end if that comes soon. An outer breaker doesn't count it. A
    /// fallback calls its backup.
    Rejected,
}

impl FailureKind {
    /// A short, stable name for logs and metrics: `transient`, `throttled`, `timed_out`,
    /// `permanent`, `rejected`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed_out",
            Self::Permanent => "permanent",
            Self::Rejected => "rejected",
        }
    }
}

/// What a failure shows about the health of the service. A breaker counts it accordingly.
///
/// The kind of the failure implies it (see [`Failure::health`]).
/// [`Verdict::health`](crate::Verdict::health) overrides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// The service works: the failure is about this request. A breaker counts a success.
    Healthy,
    /// The service is down, broken or too slow. A breaker counts a failure.
    Unhealthy,
    /// The service, or a queue in front of it, asks for fewer calls. A breaker counts the call as
    /// `BreakerConfig::on_throttled` defines.
    Throttled,
    /// The failure shows nothing about the service. A breaker counts neither.
    Unknown,
}

/// Whether the failed request reached the server, as far as it is known.
///
/// It matters for requests that must not be processed twice: see
/// [`Verdict::unsafe_to_resend`](crate::Verdict::unsafe_to_resend).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Provably not sent: the server never received the request, or states that it didn't process
    /// it.
    NotSent,
    /// Unknown: the connection was lost, or the time limit was exceeded.
    #[default]
    Unknown,
    /// Sent: the server answered.
    Sent,
}

/// Whether the request may be processed more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resend {
    Safe,
    Unsafe,
    Unknown,
}

/// The delay that the server asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerDelay {
    None,
    AtLeast(Duration),
    Exactly(Duration),
    /// At least this delay, after which the backoff starts again at its first delay.
    Pushback(Duration),
}

impl Failure {
    pub(crate) const fn of(kind: FailureKind) -> Self {
        Self {
            kind,
            server_delay: ServerDelay::None,
            sent: Delivery::Unknown,
            resend: Resend::Safe,
            refused: false,
            is_final: false,
            answered: false,
            health: None,
        }
    }

    pub(crate) const fn with_server_delay(self, server_delay: ServerDelay) -> Self {
        Self { server_delay, ..self }
    }

    pub(crate) const fn with_sent(self, sent: Delivery) -> Self {
        Self { sent, ..self }
    }

    pub(crate) const fn with_resend(self, resend: Resend) -> Self {
        Self { resend, ..self }
    }

    pub(crate) const fn with_final(self) -> Self {
        Self { is_final: true, ..self }
    }

    pub(crate) const fn with_answered(self) -> Self {
        Self { answered: true, ..self }
    }

    pub(crate) const fn with_health(self, health: Health) -> Self {
        Self { health: Some(health), ..self }
    }

    /// Whether [`Verdict::health`](crate::Verdict::health) has set the health.
    pub(crate) const fn has_health(&self) -> bool {
        self.health.is_some()
    }

    pub(crate) const fn with_refused(self) -> Self {
        Self { refused: true, ..self }
    }

    /// The failure's kind.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The delay that the server asked for, before any limit is applied.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.server_delay {
            ServerDelay::AtLeast(delay) | ServerDelay::Exactly(delay) | ServerDelay::Pushback(delay) => Some(delay),
            ServerDelay::None => None,
        }
    }

    /// Whether a retry waits exactly the delay that the server asked for. See
    /// [`Verdict::retry_after_exactly`](crate::Verdict::retry_after_exactly).
    pub const fn is_delay_exact(&self) -> bool {
        matches!(self.server_delay, ServerDelay::Exactly(_))
    }

    /// Whether the delay that the server asked for replaces the delay of the retry's backoff. See
    /// [`Verdict::retry_after_exactly`](crate::Verdict::retry_after_exactly) and
    /// [`Verdict::retry_after_pushback`](crate::Verdict::retry_after_pushback).
    pub const fn replaces_backoff(&self) -> bool {
        matches!(self.server_delay, ServerDelay::Exactly(_) | ServerDelay::Pushback(_))
    }

    /// Whether the server asked for no further attempt. See
    /// [`Verdict::never_retry`](crate::Verdict::never_retry).
    pub const fn is_final(&self) -> bool {
        self.is_final
    }

    /// What the failure shows about the health of the service: what
    /// [`Verdict::health`](crate::Verdict::health) has set, or what the kind implies.
    ///
    /// | kind | health |
    /// |---|---|
    /// | [`Transient`](FailureKind::Transient), [`TimedOut`](FailureKind::TimedOut) | [`Unhealthy`](Health::Unhealthy) |
    /// | [`Permanent`](FailureKind::Permanent) | [`Healthy`](Health::Healthy): the same request fails in the same way, other requests don't |
    /// | [`Throttled`](FailureKind::Throttled) | [`Throttled`](Health::Throttled) |
    /// | [`Rejected`](FailureKind::Rejected) | [`Unknown`](Health::Unknown): the service wasn't called |
    pub const fn health(&self) -> Health {
        match (self.health, self.kind) {
            (Some(health), _) => health,
            (None, FailureKind::Transient | FailureKind::TimedOut) => Health::Unhealthy,
            (None, FailureKind::Permanent) => Health::Healthy,
            (None, FailureKind::Throttled) => Health::Throttled,
            (None, FailureKind::Rejected) => Health::Unknown,
        }
    }

    /// Whether the service itself answered: the request was [sent](Delivery::Sent), or
    /// [`Verdict::answered`](crate::Verdict::answered) states it.
    pub const fn is_answered(&self) -> bool {
        self.answered || matches!(self.sent, Delivery::Sent)
    }

    /// Whether the server refused the call before it processed anything. See
    /// [`Verdict::unprocessed`](crate::Verdict::unprocessed).
    pub const fn is_unprocessed(&self) -> bool {
        self.refused
    }

    /// Whether the request reached the server, as far as it is known.
    pub const fn delivery(&self) -> Delivery {
        self.sent
    }

    /// Whether it is safe to send the request again: it provably wasn't sent, or the failure is
    /// marked neither [`unsafe_to_resend`](crate::Verdict::unsafe_to_resend) nor
    /// [`idempotency_unknown`](crate::Verdict::idempotency_unknown).
    pub const fn is_safe_to_resend(&self) -> bool {
        matches!(self.resend, Resend::Safe) || matches!(self.sent, Delivery::NotSent)
    }

    /// Whether the classifier didn't know if the request is idempotent. See
    /// [`Verdict::idempotency_unknown`](crate::Verdict::idempotency_unknown).
    pub const fn is_idempotency_unknown(&self) -> bool {
        matches!(self.resend, Resend::Unknown)
    }
}
