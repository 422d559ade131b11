use std::{fmt, time::Duration};

use crate::Elapsed;

/// How long an attempt, and a request with all its attempts and waits, may take. What isn't ready in its time isn't sent.
///
/// An attempt ends when the service's future is ready. For HTTP and gRPC that is when the head of
/// the response is there, so the body isn't covered:
///
/// | time | covered |
/// |---|---|
/// | waiting for readiness, connecting, sending, waiting for the response's head | yes |
/// | waits between attempts | yes, by the total |
/// | the first frame of the body | yes, with an `http::FirstFrameLayer` within the retry; with a `grpc::PeekLayer` within its wait |
/// | the rest of the body, messages of a stream | no: `http::BodyTimeoutLayer` limits them |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of each attempt, waiting for readiness included, until the service's future is ready. It is
    /// never more than what is left of the whole.
    pub attempt: Option<Duration>,
    /// Of all attempts and the waits between them, until the last attempt's future is ready.
    pub total: Option<Duration>,
}

impl Limits {
    /// Whether the clock has to be read.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.attempt.is_none() && self.total.is_none()
    }
}

/// Limits, and what is answered when one is reached. [`Limits`] lists what they cover: of a
/// response of HTTP or gRPC the head, and not the body.
///
/// Time runs from the call. The timer is tokio's, of the runtime in which the request's future is polled, and is made when the service lets it
/// wait: what is answered at once needs none.
///
/// The service's error type stays what it is, so a time-out must be made into one: by default with `From<Elapsed>`
/// (`io::Error` and tower's `BoxError` have it, and a `BreakerError` of one of them), or by a function of one's own.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Elapsed, RetryConfig, retry::Timeouts};
///
/// // For an error that is `From<Elapsed>`:
/// let limits = Timeouts::attempt(Duration::from_secs(2)).total(Duration::from_secs(10));
/// let config = RetryConfig::default().timeouts(limits);
///
/// // For any other, or for an answer that is a response:
/// enum DbError { TooSlow, Refused }
/// let answered = RetryConfig::default().timeouts(limits.answer(|_: Elapsed| Err::<u32, _>(DbError::TooSlow)));
/// # let _ = (config, answered, DbError::Refused);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timeouts<A = FromElapsed> {
    pub(crate) limits: Limits,
    pub(crate) answer: A,
}

impl Timeouts {
    /// A limit of each attempt.
    pub fn attempt(limit: Duration) -> Self {
        Self { limits: Limits { attempt: Some(limit), total: None }, answer: FromElapsed }
    }

    /// A limit of the whole request: a deadline counted from its first attempt.
    pub fn request(limit: Duration) -> Self {
        Self { limits: Limits { attempt: None, total: Some(limit) }, answer: FromElapsed }
    }
}

impl<A> Timeouts<A> {
    /// A limit of the whole request as well.
    pub fn total(mut self, limit: Duration) -> Self {
        self.limits.total = Some(limit);
        self
    }

    /// What is answered when a limit is reached: an error, or a response.
    pub fn answer<F, Res, Err>(self, answer: F) -> Timeouts<AnswerWith<F>>
    where
        F: Fn(Elapsed) -> Result<Res, Err>,
    {
        Timeouts { limits: self.limits, answer: AnswerWith(answer) }
    }
}

/// Makes the outcome of an attempt that was cut off. It is judged like any other.
#[diagnostic::on_unimplemented(
    message = "a time-out can't be made into `Result<{Res}, {Err}>`",
    label = "`{Err}` has no `From<Elapsed>`",
    note = "say what is answered when the time is up: `Timeouts::attempt(…).answer(|elapsed| Err(…))`"
)]
pub trait Answer<Res, Err> {
    /// The outcome. `None` where there are no limits.
    fn answer(&self, elapsed: Elapsed) -> Option<Result<Res, Err>>;
}

/// No limits, so nothing to answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTimeouts;

impl<Res, Err> Answer<Res, Err> for NoTimeouts {
    fn answer(&self, _: Elapsed) -> Option<Result<Res, Err>> {
        None
    }
}

/// An error made with `From<Elapsed>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromElapsed;

#[diagnostic::do_not_recommend]
impl<Res, Err: From<Elapsed>> Answer<Res, Err> for FromElapsed {
    fn answer(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        Some(Err(elapsed.into()))
    }
}

/// An outcome made by a function.
#[derive(Clone, Copy)]
pub struct AnswerWith<F>(F);

impl<F, Res, Err> Answer<Res, Err> for AnswerWith<F>
where
    F: Fn(Elapsed) -> Result<Res, Err>,
{
    fn answer(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        Some((self.0)(elapsed))
    }
}

impl<F> fmt::Debug for AnswerWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}
