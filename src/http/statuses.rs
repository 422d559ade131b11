use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{
    Deadline, drain, first_frame, is_idempotent, mark, method::is_repeatable, method::was_in_early_data, retry_after,
};
use crate::{
    Classifier, FailureKind, Sent, Verdict,
    classify::{Errors, LetGo, Origin, RejectionMark},
    time::Instant,
};

/// What an HTTP outcome means to a retry: by the status of the response, or by the error.
///
/// | outcome | verdict | processed |
/// |---|---|---|
/// | 408 | timed out | yes, as far as is known |
/// | 413 with a `Retry-After` | throttled: the condition is temporary ([RFC 9110, 15.5.14](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14)) | no |
/// | 421 | transient: any method may be repeated on another connection ([RFC 9110, 15.5.20](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20)) | no |
/// | 425 | transient: repeated outside of early data ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)); returned if the request has an `Early-Data` header, since its client repeats it | no |
/// | 429 | throttled: one request too many ([RFC 6585, 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)) | no |
/// | 503 with a `Retry-After` | throttled | yes, as far as is known |
/// | 502, 503, 504 | transient | yes, as far as is known |
/// | 500, any other 5xx | permanent: a fault of the server that the same request meets again; 500 is transient if [asked for](Self::retry_500) | yes |
/// | any other, whose body broke off before its first frame | transient, where a [`FirstFrameLayer`](super::FirstFrameLayer) finds it out; timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it | yes |
/// | any other | success, 4xx included: what the client caused is no failure of the service | |
/// | an error | as [`Errors`] has it | |
///
/// With `X-Should-Retry: false` a failure isn't retried; with `true`, any 4xx or 5xx is transient. (`Stripe-Should-Retry` is read too.)
///
/// A failure carries the [delay that the server asked for](super#servers-delay). It refines the failure, and never makes one: the
/// `Retry-After` of a redirect is ignored.
///
/// # Which requests are sent again
///
/// [Idempotent](super::is_idempotent) ones. Any other is only sent again if it provably wasn't processed: a refused connection, a
/// stream refused by HTTP/2, a pooled connection that had died before, or a status of which the table says so. A
/// 502, 503 or 504 is no proof: a gateway sends it as well when it has forwarded the request and lost the connection before the answer. So a POST,
/// and a PUT with an `If-Match`, isn't sent again after it.
///
/// A response that is retried is let go: up to 16 KiB of it are read during the wait, so that its HTTP/1 connection can be used
/// again. That of a 421 isn't read.
///
/// # When to trust an `Idempotency-Key`
///
/// A request with a key is taken for idempotent. That holds if **the server behind this retry** stores keys. In a client, the code
/// that sets the header knows. In a server or gateway whose requests come from outside, the header proves nothing: any client can set
/// it, and a retry in front of a handler that doesn't know keys would carry out its POST twice. There, use
/// [`ignore_idempotency_key`](Self::ignore_idempotency_key), unless what is behind the retry stores keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statuses {
    retry_500: bool,
    follows_redirects: bool,
    ignores_keys: bool,
}

impl Statuses {
    /// 500 is transient as well: for servers that say so when they mean 503.
    pub fn retry_500(self) -> Self {
        Self { retry_500: true, ..self }
    }

    /// A request isn't taken for idempotent for its `Idempotency-Key`: for servers and gateways whose requests come from outside. A key that an
    /// [`IdempotencyKeyLayer`](super::IdempotencyKeyLayer) has set isn't trusted either.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, http::Statuses};
    ///
    /// let config = RetryConfig::http().classifier(Statuses::default().ignore_idempotency_key());
    /// # let _ = config;
    /// ```
    pub fn ignore_idempotency_key(self) -> Self {
        Self { ignores_keys: true, ..self }
    }

    /// The service within the retry follows redirects, or makes several calls per request for another reason: then no error and no
    /// status proves that the request wasn't processed, as it may be that of a later hop. Needed around tower-http's
    /// `FollowRedirect`; better is that layer around the retry, which then sees each hop as a request of its own.
    ///
    /// An error that a client of another crate wraps, such as reqwest's, proves nothing in any case, and neither does a response with
    /// reqwest's body.
    pub fn follows_redirects(self) -> Self {
        Self { follows_redirects: true, ..self }
    }

    fn judge_error<E: 'static>(self, error: &E) -> Verdict {
        match Errors::judge(error) {
            verdict @ Verdict::Failure(failure)
                if self.follows_redirects && failure.kind() != FailureKind::Rejected =>
            {
                verdict.sent(Sent::Unknown)
            }
            other => other,
        }
    }

    /// `one_hop`: the response is to the request itself, and not to that of a later hop.
    fn judge_status(self, status: StatusCode, waits: bool, memo: &Remembered, one_hop: bool) -> Verdict {
        let unprocessed = if one_hop { Sent::No } else { Sent::Yes };
        match status.as_u16() {
            408 => Verdict::timed_out().sent(Sent::Yes),
            413 if waits => Verdict::throttled().sent(unprocessed),
            425 if memo.forwards_early_data => Verdict::transient().sent(unprocessed).never_retry(),
            421 | 425 => Verdict::transient().sent(unprocessed),
            429 => Verdict::throttled().sent(unprocessed),
            503 if waits => Verdict::throttled().sent(Sent::Yes),
            502..=504 => Verdict::transient().sent(Sent::Yes),
            500 if self.retry_500 => Verdict::transient().sent(Sent::Yes),
            500..=599 => Verdict::permanent().sent(Sent::Yes),
            _ => Verdict::Success,
        }
    }

    fn judge_response<R>(self, memo: &Remembered, response: &Response<R>) -> Verdict {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return first_frame::verdict(response).unwrap_or(Verdict::Success);
        }
        let asked = retry_after::asked(status, response.headers());
        let verdict = self.judge_status(status, asked.is_some(), memo, !self.follows_redirects && !is_reqwests::<R>());
        let verdict = match retry_after::should_retry(response.headers()) {
            Some(false) => return verdict.never_retry(),
            Some(true) => or_transient(verdict),
            None => verdict,
        };
        match verdict {
            Verdict::Failure(failure) if failure.is_final() => verdict,
            _ => asked.map_or(verdict, |asked| verdict.retry_after(asked)),
        }
    }
}

/// Whether this is a body of reqwest, whose client follows redirects: its response may be that of a later hop. The name of a type
/// isn't reliable, but what it decides here is only whether one more proof is dropped.
fn is_reqwests<R>() -> bool {
    std::any::type_name::<R>().contains("reqwest::")
}

/// The server wants the request to be repeated: a failure that isn't worth it otherwise, and an answer that is none, is transient.
fn or_transient(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure) if failure.kind() != FailureKind::Permanent => verdict,
        _ => Verdict::transient().sent(Sent::Yes),
    }
}

/// What is remembered of an HTTP request.
#[derive(Debug, Clone, Copy)]
pub struct Remembered {
    idempotent: bool,
    forwards_early_data: bool,
    pub(super) deadline: Option<Instant>,
}

impl Remembered {
    #[cfg_attr(not(any(feature = "tower-http", feature = "tower-http-06")), allow(dead_code))]
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self::by(request, is_idempotent(request))
    }

    fn by<B>(request: &Request<B>, idempotent: bool) -> Self {
        let deadline = request.extensions().get().map(Deadline::at);
        Self { idempotent, forwards_early_data: was_in_early_data(request.headers()), deadline }
    }

    /// A failure of a request that isn't idempotent says so.
    pub(super) fn mark(&self, verdict: Verdict) -> Verdict {
        if self.idempotent { verdict } else { verdict.unsafe_to_resend() }
    }
}

impl<B, R, E> Classifier<Request<B>, Response<R>, E> for Statuses
where
    R: Body + Send + 'static,
    R::Data: Send,
    E: 'static,
{
    type Memo = Remembered;

    fn memo(&self, request: &Request<B>) -> Remembered {
        Remembered::by(request, is_repeatable(request, !self.ignores_keys))
    }

    fn classify(&self, memo: &Remembered, outcome: Result<&Response<R>, &E>) -> Verdict {
        let verdict = match outcome {
            Ok(response) => self.judge_response(memo, response),
            Err(error) => self.judge_error(error),
        };
        memo.mark(verdict)
    }

    fn deadline(&self, memo: &Remembered) -> Option<Instant> {
        memo.deadline
    }

    fn let_go(&self, outcome: Result<Response<R>, E>) -> Result<LetGo, Result<Response<R>, E>> {
        match outcome {
            // Its connection is the wrong one for the request.
            Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => Err(Ok(response)),
            Ok(response) => Ok(drain::up_to(response.into_body(), drain::MOST)),
            Err(error) => Err(Err(error)),
        }
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<R>, &E>) -> Origin {
        mark::origin(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<R>>> {
        Some(mark::mark_rejection)
    }
}

/// What an HTTP outcome means to a breaker.
///
/// | outcome | verdict | why |
/// |---|---|---|
/// | 429; 503 with a [delay that can be read](super#servers-delay), such as a `Retry-After` | throttled | the service works, and asks for fewer calls |
/// | any other 5xx | transient | the service is down or broken |
/// | any other response | success | 4xx too: the request is wrong, and the service works |
/// | a response whose body broke off before its first frame, where a [`FirstFrameLayer`](super::FirstFrameLayer) finds it out | transient; timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it | |
/// | an error | by [`Errors`]; a full queue in front of the service (`tower::load_shed`) is throttled | |
///
/// A throttled call is neutral for the rules about health, and counts as not accepted for
/// [`OpenRule::Throttle`](crate::breaker::OpenRule::Throttle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) makes it a failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct Health;

impl<B, R, E: 'static> Classifier<Request<B>, Response<R>, E> for Health {
    type Memo = ();

    fn memo(&self, _: &Request<B>) {}

    fn classify(&self, (): &(), outcome: Result<&Response<R>, &E>) -> Verdict {
        match outcome {
            Ok(response) if is_failed(response.status()) => {
                let asked = retry_after::asked(response.status(), response.headers());
                let verdict = match response.status() {
                    StatusCode::TOO_MANY_REQUESTS => Verdict::throttled(),
                    StatusCode::SERVICE_UNAVAILABLE if asked.is_some() => Verdict::throttled(),
                    _ => Verdict::transient(),
                };
                let verdict = verdict.sent(Sent::Yes);
                asked.map_or(verdict, |asked| verdict.retry_after(asked))
            }
            Ok(response) => first_frame::verdict(response).unwrap_or(Verdict::Success),
            Err(_) => Classifier::<Request<B>, _, _>::classify(&Errors, &(), outcome),
        }
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<R>, &E>) -> Origin {
        mark::origin(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<R>>> {
        Some(mark::mark_rejection)
    }
}

/// Whether [`Health`] judges this status something else than a success.
fn is_failed(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
