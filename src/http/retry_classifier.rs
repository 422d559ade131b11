use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{
    Deadline, drain, first_frame, is_idempotent, mark, method::is_repeatable, method::was_in_early_data, retry_after,
};
use crate::{
    Classifier, Delivery, FailureKind, Verdict,
    classify::{DrainFuture, ErrorClassifier, Origin, RejectionMark},
    time::Instant,
};

/// Classifies HTTP outcomes for a retry: responses by status, errors by type.
///
/// The last column tells whether the server may have processed the request.
///
/// | outcome | verdict | processed |
/// |---|---|---|
/// | 408 | timed out | maybe |
/// | 413 with a `Retry-After` | throttled: the condition is temporary ([RFC 9110, 15.5.14](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14)) | no |
/// | 421 | transient: any method may be repeated on another connection ([RFC 9110, 15.5.20](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20)) | no |
/// | 425 | transient: repeated outside of early data ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)); never retried if the request has an `Early-Data` header, because its sender repeats it | no |
/// | 429 | throttled: too many requests ([RFC 6585, 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)) | no |
/// | 503 with a `Retry-After` | throttled | maybe |
/// | 502, 503, 504 | transient | maybe |
/// | 500, any other 5xx | permanent: the same request would fail again; 500 is transient with [`retry_500`](Self::retry_500) | maybe |
/// | any other status, and the body broke off before its first frame | transient, or timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it. Only a [`FirstFrameLayer`](super::FirstFrameLayer) detects it | maybe |
/// | any other status | success, also 4xx: an error of the client is no failure of the service | |
/// | an error | as [`ErrorClassifier`] classifies it | |
///
/// `X-Should-Retry: false` prevents the retry of a failure. With `X-Should-Retry: true`, any 4xx or
/// 5xx is transient. `Stripe-Should-Retry` has the same effect.
///
/// A failure carries the [delay that the server asks for](super#servers-delay). The delay alone
/// doesn't make an outcome a failure: the `Retry-After` of a redirect is ignored.
///
/// # Which requests are resent
///
/// [IdempotencyCheck](super::is_idempotent) requests are. Any other request is resent only if the server
/// provably didn't process it: the server refused the connection, the server refused the HTTP/2
/// stream, a pooled connection was already dead, or the table has "no" for the status. A 502, 503
/// or 504 is no proof, because a gateway also sends it after it has forwarded the request and lost
/// the connection. So a POST, or a PUT with an `If-Match`, isn't resent after it.
///
/// The retry reads up to 16 KiB of a discarded response during the wait, so that its HTTP/1
/// connection can be reused. It doesn't read a 421, because its connection is the wrong one.
///
/// # When to trust an `Idempotency-Key`
///
/// A request with a key counts as idempotent. This is correct if **the server behind this retry**
/// stores keys. In a client, the code that sets the header knows this. In a server or gateway that
/// receives requests from outside, the header proves nothing: any client can set it, and a retry in
/// front of a handler that ignores keys would execute a POST twice. There, use
/// [`ignore_idempotency_key`](Self::ignore_idempotency_key), unless the service behind the retry
/// stores keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryClassifier {
    retry_500: bool,
    follows_redirects: bool,
    ignores_keys: bool,
}

impl RetryClassifier {
    /// Classifies 500 as transient, for servers that send 500 where 503 is meant.
    pub fn retry_500(self) -> Self {
        Self { retry_500: true, ..self }
    }

    /// Doesn't count a request as idempotent because of its `Idempotency-Key`: for servers and
    /// gateways that receive requests from outside. This also applies to keys that an
    /// [`IdempotencyKeyLayer`](super::IdempotencyKeyLayer) sets.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, http::RetryClassifier};
    ///
    /// let config = RetryConfig::http().classifier(RetryClassifier::default().ignore_idempotency_key());
    /// # let _ = config;
    /// ```
    pub fn ignore_idempotency_key(self) -> Self {
        Self { ignores_keys: true, ..self }
    }

    /// States that the inner service follows redirects, or makes several calls per request for
    /// another reason. Then no error and no status proves that the request wasn't processed,
    /// because the error may belong to a later hop. Use it around tower-http's `FollowRedirect`.
    /// Better, put `FollowRedirect` around the retry, which then handles each hop as a separate
    /// request.
    ///
    /// An error that is wrapped by a client of another crate, such as reqwest, never proves that
    /// the request wasn't processed. Neither does a response with reqwest's body type.
    pub fn follows_redirects(self) -> Self {
        Self { follows_redirects: true, ..self }
    }

    fn judge_error<E: 'static>(self, error: &E) -> Verdict {
        match ErrorClassifier::judge(error) {
            verdict @ Verdict::Failure(failure)
                if self.follows_redirects && failure.kind() != FailureKind::Rejected =>
            {
                verdict.delivery(Delivery::Unknown)
            }
            other => other,
        }
    }

    /// `one_hop`: the response answers this request and not a later hop.
    fn judge_status(self, status: StatusCode, waits: bool, memo: &RequestMemo, one_hop: bool) -> Verdict {
        let unprocessed = if one_hop { Delivery::NotSent } else { Delivery::Sent };
        match status.as_u16() {
            408 => Verdict::timed_out().delivery(Delivery::Sent),
            413 if waits => Verdict::throttled().delivery(unprocessed),
            425 if memo.forwards_early_data => Verdict::transient().delivery(unprocessed).never_retry(),
            421 | 425 => Verdict::transient().delivery(unprocessed),
            429 => Verdict::throttled().delivery(unprocessed),
            503 if waits => Verdict::throttled().delivery(Delivery::Sent),
            502..=504 => Verdict::transient().delivery(Delivery::Sent),
            500 if self.retry_500 => Verdict::transient().delivery(Delivery::Sent),
            500..=599 => Verdict::permanent().delivery(Delivery::Sent),
            _ => Verdict::Success,
        }
    }

    fn judge_response<R>(self, memo: &RequestMemo, response: &Response<R>) -> Verdict {
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

/// Whether the response body is reqwest's, whose client follows redirects: the response may answer
/// a later hop. A type's name isn't guaranteed to be stable, but a false result only affects one
/// proof.
fn is_reqwests<R>() -> bool {
    std::any::type_name::<R>().contains("reqwest::")
}

/// For a response with `X-Should-Retry: true`: a permanent failure or a success becomes transient.
fn or_transient(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure) if failure.kind() != FailureKind::Permanent => verdict,
        _ => Verdict::transient().delivery(Delivery::Sent),
    }
}

/// What [`RetryClassifier`] records about a request before the first attempt.
#[derive(Debug, Clone, Copy)]
pub struct RequestMemo {
    idempotent: bool,
    forwards_early_data: bool,
    pub(super) deadline: Option<Instant>,
}

impl RequestMemo {
    #[cfg_attr(not(any(feature = "tower-http", feature = "tower-http-06")), allow(dead_code))]
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self::by(request, is_idempotent(request))
    }

    fn by<B>(request: &Request<B>, idempotent: bool) -> Self {
        let deadline = request.extensions().get().map(Deadline::at);
        Self { idempotent, forwards_early_data: was_in_early_data(request.headers()), deadline }
    }

    /// Marks the failure of a request that isn't idempotent as unsafe to resend.
    pub(super) fn mark(&self, verdict: Verdict) -> Verdict {
        if self.idempotent { verdict } else { verdict.unsafe_to_resend() }
    }
}

impl<B, R, E> Classifier<Request<B>, Response<R>, E> for RetryClassifier
where
    R: Body + Send + 'static,
    R::Data: Send,
    E: 'static,
{
    type Memo = RequestMemo;

    fn memo(&self, request: &Request<B>) -> RequestMemo {
        RequestMemo::by(request, is_repeatable(request, !self.ignores_keys))
    }

    fn classify(&self, memo: &RequestMemo, outcome: Result<&Response<R>, &E>) -> Verdict {
        let verdict = match outcome {
            Ok(response) => self.judge_response(memo, response),
            Err(error) => self.judge_error(error),
        };
        memo.mark(verdict)
    }

    fn deadline(&self, memo: &RequestMemo) -> Option<Instant> {
        memo.deadline
    }

    fn discard(&self, outcome: Result<Response<R>, E>) -> Result<DrainFuture, Result<Response<R>, E>> {
        match outcome {
            // The connection is the wrong one for this request, so it isn't drained for reuse.
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

/// Classifies HTTP outcomes for a breaker.
///
/// | outcome | verdict | why |
/// |---|---|---|
/// | 429; 503 with a [delay that can be parsed](super#servers-delay), such as a `Retry-After` | throttled | the service works, and asks for fewer calls |
/// | any other 5xx | transient | the service is down or broken |
/// | any other response | success | this includes 4xx: the request is wrong, and the service works |
/// | a response whose body broke off before its first frame | transient, or timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it | only a [`FirstFrameLayer`](super::FirstFrameLayer) detects it |
/// | an error | as [`ErrorClassifier`] classifies it | a full queue in front of the service (`tower::load_shed`) is throttled |
///
/// A throttled call is neutral for the rules about health, and counts as not accepted for
/// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) can make it a failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct BreakerClassifier;

impl<B, R, E: 'static> Classifier<Request<B>, Response<R>, E> for BreakerClassifier {
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
                let verdict = verdict.delivery(Delivery::Sent);
                asked.map_or(verdict, |asked| verdict.retry_after(asked))
            }
            Ok(response) => first_frame::verdict(response).unwrap_or(Verdict::Success),
            Err(_) => Classifier::<Request<B>, _, _>::classify(&ErrorClassifier, &(), outcome),
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

/// Whether [`BreakerClassifier`] classifies this status as anything but a success.
fn is_failed(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
