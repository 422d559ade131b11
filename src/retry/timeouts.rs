//! Time limits, and the outcome of an attempt that reaches one.

use std::{fmt, time::Duration};

use crate::Elapsed;

/// The time limits of an attempt, and of a request with all its attempts and delays. If the service
/// isn't ready before the limit, the request isn't sent.
///
/// An attempt ends when the service's future is ready. For HTTP and gRPC, this is when the head of
/// the response has arrived. So the limits don't cover the body:
///
/// | time | covered |
/// |---|---|
/// | readiness, connecting, sending, waiting for the response's head | yes |
/// | delays between attempts | yes, by the total |
/// | the first frame of the body | yes, with an `http::FirstFrameLayer` inside the retry; with a `grpc::PeekLayer`, for at most as long as it waits |
/// | the rest of the body, messages of a stream | no: `http::BodyTimeoutLayer` limits them |
///
/// `None` is no limit. With a limit of zero, each attempt that isn't ready at its first poll times
/// out; [`RetryConfig::validate`](crate::RetryConfig::validate) rejects it. The page on [settings
/// from a file](crate::cookbook::settings) has a complete program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeLimits {
    /// The limit of each attempt. It begins with the call or, for a later attempt, with the wait
    /// for readiness, and ends when the service's future is ready. An attempt never gets more time
    /// than is left of the total.
    pub attempt: Option<Duration>,
    /// The limit of all attempts and the delays between them, until the last attempt's future is
    /// ready.
    pub total: Option<Duration>,
}

impl TimeLimits {
    /// Whether there is no limit, so that the clock isn't read.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.attempt.is_none() && self.total.is_none()
    }
}

/// Time limits, and the outcome of an attempt that reaches one. [`TimeLimits`] lists what they
/// cover: of an HTTP or gRPC response the head, but not the body.
///
/// The total time and the first attempt's time start when [`Retry`](super::Retry) is called. The
/// time of a later attempt starts when it begins to wait for readiness. The timer uses the tokio
/// runtime of the task that polls the future. A first attempt that is ready at its first poll
/// creates no timer.
///
/// The layer doesn't change the service's error type. So a time-out must be turned into that type:
/// by default with `From<Elapsed>`, which `io::Error`, tower's `BoxError`, and a `BreakerError` of
/// one of them implement, or with a custom function.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Elapsed, RetryConfig, retry::Timeouts};
///
/// // For an error type that implements `From<Elapsed>`:
/// let limits = Timeouts::attempt(Duration::from_secs(2)).total(Duration::from_secs(10));
/// let config = RetryConfig::default().timeouts(limits);
///
/// // For any other error type, or to return a response:
/// enum DbError { TooSlow, Refused }
/// let answered = RetryConfig::default().timeouts(limits.on_timeout(|_: Elapsed| Err::<u32, _>(DbError::TooSlow)));
/// # let _ = (config, answered, DbError::Refused);
/// ```
///
/// # Limits from a configuration file
///
/// The type of a [`RetryConfig`](super::RetryConfig) shows how a time-out becomes an outcome, but
/// not whether there are limits. So one type holds both settings, with limits and without:
///
/// ```
/// use std::{io, time::Duration};
/// use tower_recourse::{RetryConfig, RetryLayer, classify::ErrorClassifier, retry::{TimeLimits, TimeoutFromElapsed, Timeouts}};
///
/// type Retries = RetryConfig<ErrorClassifier, TimeoutFromElapsed>;
///
/// fn retries(attempt_seconds: Option<u64>) -> Retries {
///     let limits = TimeLimits { attempt: attempt_seconds.map(Duration::from_secs), total: None };
///     RetryConfig::default().timeouts(limits.into())
/// }
///
/// let configs: [Retries; 3] = [retries(Some(2)), retries(None), RetryConfig::default().timeouts(Timeouts::none())];
/// # let _ = configs;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts<Timeout = TimeoutFromElapsed> {
    pub(crate) limits: TimeLimits,
    pub(crate) on_timeout: Timeout,
}

impl Timeouts {
    /// No limits, in the type of [`attempt`](Self::attempt) and [`request`](Self::request). Limits
    /// can be added: `Timeouts::none().total(…)`.
    ///
    /// It differs from [`NoTimeouts`], the default of a [`RetryConfig`](super::RetryConfig), in two
    /// points: the error type must implement `From<Elapsed>`, unless
    /// [`on_timeout`](Self::on_timeout) sets another outcome; and a deadline that a request carries
    /// ends an attempt.
    pub fn none() -> Self {
        Self::default()
    }

    /// Limits each attempt. With zero, each attempt that isn't ready at its first poll times out.
    pub fn attempt(limit: Duration) -> Self {
        Self { limits: TimeLimits { attempt: Some(limit), total: None }, on_timeout: TimeoutFromElapsed }
    }

    /// Limits the whole request: the deadline is this long after the call. Zero as for
    /// [`attempt`](Self::attempt).
    pub fn request(limit: Duration) -> Self {
        Self { limits: TimeLimits { attempt: None, total: Some(limit) }, on_timeout: TimeoutFromElapsed }
    }
}

impl<Timeout> Timeouts<Timeout> {
    /// Also limits the whole request.
    pub fn total(mut self, limit: Duration) -> Self {
        self.limits.total = Some(limit);
        self
    }

    /// Sets the function that makes the outcome when a limit is reached: an error, or a response.
    pub fn on_timeout<F, Res, Err>(self, on_timeout: F) -> Timeouts<TimeoutWith<F>>
    where
        F: Fn(Elapsed) -> Result<Res, Err>,
    {
        self.timeout_outcome(TimeoutWith(on_timeout))
    }

    /// Sets the [`TimeoutOutcome`] when a limit is reached, such as
    #[cfg_attr(feature = "http", doc = "[`GatewayTimeout`](crate::http::GatewayTimeout) for HTTP, or")]
    #[cfg_attr(not(feature = "http"), doc = "`http::GatewayTimeout` for HTTP, or")]
    #[cfg_attr(feature = "grpc", doc = "[`DeadlineExceeded`](crate::grpc::DeadlineExceeded) for gRPC.")]
    #[cfg_attr(not(feature = "grpc"), doc = "`grpc::DeadlineExceeded` for gRPC.")]
    /// Its type has a name, so the type of the stack can be written down.
    ///
    #[cfg_attr(feature = "http", doc = "```")]
    #[cfg_attr(not(feature = "http"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use tower_recourse::{RetryConfig, http::GatewayTimeout, retry::Timeouts};
    ///
    /// let limits = Timeouts::attempt(Duration::from_secs(2)).timeout_outcome(GatewayTimeout);
    /// let config = RetryConfig::http().timeouts(limits);
    /// # let _ = config;
    /// ```
    pub fn timeout_outcome<Other>(self, on_timeout: Other) -> Timeouts<Other> {
        Timeouts { limits: self.limits, on_timeout }
    }
}

/// Sets the limits that are `Some`.
impl From<TimeLimits> for Timeouts {
    fn from(limits: TimeLimits) -> Self {
        Self { limits, on_timeout: TimeoutFromElapsed }
    }
}

/// Makes the outcome of an attempt that has reached a limit. The classifier gets it like any other
/// outcome.
#[diagnostic::on_unimplemented(
    message = "a time-out can't be turned into `Result<{Res}, {Err}>`",
    label = "`{Err}` doesn't implement `From<Elapsed>`",
    note = "implement `From<Elapsed>` for `{Err}` (for `E` if it is a `BreakerError<E>`), or add the bound `{Err}: From<Elapsed>` if it is a type parameter",
    note = "or set the outcome of a time-out with a function: `Timeouts::attempt(…).on_timeout(|elapsed| Err(…))`",
    note = "for an error of another crate: `map_err(BoxError::from)` inside the retry, because boxed errors implement it"
)]
pub trait TimeoutOutcome<Res, Err> {
    /// The outcome. `None`: the attempt goes on.
    fn outcome(&self, elapsed: Elapsed) -> Option<Result<Res, Err>>;
}

/// No limits. A deadline that a request carries doesn't end an attempt either.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTimeouts;

impl<Res, Err> TimeoutOutcome<Res, Err> for NoTimeouts {
    fn outcome(&self, _: Elapsed) -> Option<Result<Res, Err>> {
        None
    }
}

/// The outcome is an error made with `From<Elapsed>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeoutFromElapsed;

#[diagnostic::do_not_recommend]
impl<Res, Err: From<Elapsed>> TimeoutOutcome<Res, Err> for TimeoutFromElapsed {
    fn outcome(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        Some(Err(elapsed.into()))
    }
}

/// A function makes the outcome.
#[derive(Clone, Copy)]
pub struct TimeoutWith<F>(pub(crate) F);

impl<F, Res, Err> TimeoutOutcome<Res, Err> for TimeoutWith<F>
where
    F: Fn(Elapsed) -> Result<Res, Err>,
{
    fn outcome(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        Some((self.0)(elapsed))
    }
}

impl<F> fmt::Debug for TimeoutWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}
