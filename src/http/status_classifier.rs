use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{
    drain, first_frame, idempotency::is_repeatable, message::ResponseHead, rejection_mark, request_memo::RequestMemo,
    retry_after,
};
use crate::{
    Classifier, Delivery, FailureKind, Health, Verdict,
    classify::{DrainFuture, ErrorClassifier, FailureDescription, Origin, RejectionMark},
    time::Instant,
};

/// Classifies HTTP outcomes, for all layers: responses by status, errors by type.
///
/// ```
/// use tower_recourse::{BreakerConfig, FallbackLayer, RetryConfig, http::StatusClassifier};
///
/// let classifier = StatusClassifier::default();
/// let retry = RetryConfig::http().classifier(classifier); // the preset's own classifier
/// let breaker = BreakerConfig::http().classifier(classifier); // the preset's own classifier
/// let fallback = FallbackLayer::value(http::Response::new("cached"))
///     .classifier(classifier.ignore_client_errors()); // for 429, 5xx, errors and rejections
/// # let _ = (retry, breaker, fallback);
/// ```
///
/// *Verdict* is what a retry and a fallback use. *Health* is what a breaker counts. *Processed* is
/// whether the server may have processed the request.
///
/// | outcome | verdict | processed | health |
/// |---|---|---|---|
/// | 408 | timed out | maybe | healthy: the request arrived too slowly |
/// | 413 with a `Retry-After` | throttled: the condition is temporary ([RFC 9110, 15.5.14](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14)) | no | healthy: other requests fit |
/// | 421 | transient: any method may be repeated on another connection ([RFC 9110, 15.5.20](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20)) | no | healthy |
/// | 425 | transient: repeated outside of early data ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)); never retried if the request has an `Early-Data` header, because its sender repeats it | no | healthy |
/// | 429 | throttled: too many requests ([RFC 6585, 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)) | no | throttled |
/// | 503 with a [delay that can be parsed](super#servers-delay), such as a `Retry-After` | throttled | maybe | throttled: the service works, and asks for fewer calls |
/// | 502, 503, 504 | transient | maybe | unhealthy |
/// | 500, any other 5xx | permanent: the same request would fail again; 500 is transient with [`retry_500`](Self::retry_500) | maybe | unhealthy |
/// | any other status, and the body broke off before its first frame | transient, or timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it. Only a [`FirstFrameLayer`](super::FirstFrameLayer) detects it | maybe | unhealthy |
/// | any other status | success, also 4xx: an error of the client is no failure of the service | | healthy |
/// | an error | as [`ErrorClassifier`] classifies it | | as [`ErrorClassifier`] classifies it |
///
/// `X-Should-Retry: false` prevents the retry of a failure. With `X-Should-Retry: true`, any 4xx or
/// 5xx is transient. `Stripe-Should-Retry` has the same effect. These headers don't change what a
/// breaker counts.
///
/// A throttled call is neutral for the breaker's rules about health, and counts as not accepted for
/// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) can make it a failure.
///
/// A failure carries the [delay that the server asks for](super#servers-delay). The delay alone
/// doesn't make an outcome a failure: the `Retry-After` of a redirect is ignored.
///
/// # Which requests are resent
///
/// [Idempotent](super::is_idempotent) requests are resent. Any other request is resent only if the
/// server provably didn't process it: the server refused the connection, the server refused the
/// HTTP/2 stream, a pooled connection was already dead, or the table has "no" for the status. A
/// 502, 503 or 504 is no proof, because a gateway also sends it after it has forwarded the request
/// and lost the connection. So these statuses don't cause a POST, or a PUT with an `If-Match`, to
/// be resent.
///
/// The retry reads up to 16 KiB of a discarded response during the wait, so that its HTTP/1
/// connection can be reused. It doesn't read a 421, because its connection is the wrong one.
///
/// # When to trust an `Idempotency-Key`
///
/// A request with a key counts as idempotent. This is correct if **the server behind this retry**
/// stores keys. In a client, the code that sets the header knows this. In a server or gateway that
/// receives requests from outside, the header proves nothing: any client can set it, and a retry in
/// front of a handler that ignores keys would execute a POST twice. In a server or gateway, use
/// [`ignore_idempotency_key`](Self::ignore_idempotency_key), unless the service behind the retry
/// stores keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusClassifier {
    retry_500: bool,
    follows_redirects: bool,
    never_redirects: bool,
    ignores_client_errors: bool,
    pub(crate) ignores_keys: bool,
}

impl StatusClassifier {
    /// Classifies 500 as transient, for servers that send 500 where 503 is meant.
    pub fn retry_500(self) -> Self {
        Self { retry_500: true, ..self }
    }

    /// Ignores idempotency keys, so that only method and headers decide whether a request is
    /// idempotent. Use it in servers and gateways that receive requests from outside. This also
    /// applies to keys that an [`IdempotencyKeyLayer`](super::IdempotencyKeyLayer) sets.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, http::StatusClassifier};
    ///
    /// let config = RetryConfig::http().classifier(StatusClassifier::default().ignore_idempotency_key());
    /// # let _ = config;
    /// ```
    pub fn ignore_idempotency_key(self) -> Self {
        Self { ignores_keys: true, ..self }
    }

    /// Classifies every 4xx except 429 as [`Verdict::ClientError`], for a fallback. Then the
    /// fallback is called for 429, 5xx, errors and rejections. A 408, a 413, a 421 or a 425 passes,
    /// because it is about the caller's own request: without this setting, the caller would get the
    /// stored response of the fallback instead. `X-Should-Retry` doesn't change that.
    ///
    /// *When not to use it*: for a retry. It would return these responses without a retry.
    ///
    /// ```
    /// use http::Response;
    /// use tower_recourse::{FallbackLayer, http::StatusClassifier};
    ///
    /// let layer = FallbackLayer::value(Response::new("[]"))
    ///     .classifier(StatusClassifier::default().ignore_client_errors());
    /// # let _ = layer;
    /// ```
    pub fn ignore_client_errors(self) -> Self {
        Self { ignores_client_errors: true, ..self }
    }

    /// States that the inner service follows redirects, or makes several calls per request for
    /// another reason. Then no error and no status proves that the request wasn't processed,
    /// because it may belong to a later hop. Use it around tower-http's `FollowRedirect`. Better,
    /// put `FollowRedirect` around the retry, which then handles each hop as a separate request.
    ///
    /// An error that is wrapped by a client of another crate, such as reqwest, never proves that
    /// the request wasn't processed. Neither does a response with reqwest's body type, or of
    /// reqwest's type. See [`never_redirects`](Self::never_redirects).
    pub fn follows_redirects(self) -> Self {
        Self { follows_redirects: true, never_redirects: false, ..self }
    }

    /// States that the inner client makes one call per request, for a client that usually follows
    /// redirects, such as reqwest's with `redirect::Policy::none()`. Then an error or a status may
    /// prove that the request wasn't processed, and a POST is resent after a refused connection.
    ///
    /// *When not to use it*: around a client that follows redirects. After a redirect, the refused
    /// connection may be the one to a second host, and the first host has processed the POST.
    pub fn never_redirects(self) -> Self {
        Self { never_redirects: true, follows_redirects: false, ..self }
    }
}

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for StatusClassifier
where
    ResBody: Body + Send + 'static,
    ResBody::Data: Send,
    Err: 'static,
{
    type Memo = RequestMemo;

    fn memo(&self, request: &Request<ReqBody>) -> RequestMemo {
        RequestMemo::new(request, is_repeatable(request, !self.ignores_keys))
    }

    fn memo_without_retry(&self, _: &Request<ReqBody>) -> RequestMemo {
        RequestMemo::UNREAD
    }

    fn classify(&self, memo: &RequestMemo, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        let verdict = match outcome {
            Ok(response) => self.classify_response(memo, response),
            Err(error) => self.classify_error(error),
        };
        memo.mark(verdict)
    }

    fn deadline(&self, memo: &RequestMemo) -> Option<Instant> {
        memo.deadline
    }

    fn discard(&self, outcome: Result<Response<ResBody>, Err>) -> Result<DrainFuture, Result<Response<ResBody>, Err>> {
        match outcome {
            // The connection is the wrong one for this request, so it isn't drained for reuse.
            Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => Err(Ok(response)),
            Ok(response) => Ok(drain::drain_body(response.into_body())),
            Err(error) => Err(Err(error)),
        }
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
        rejection_mark::origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Response<ResBody>, &'a Err>) -> FailureDescription<'a> {
        FailureDescription::of_http(outcome.ok().map(|response| response.status()))
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
        Some(rejection_mark::mark_rejection)
    }
}

impl StatusClassifier {
    pub(crate) fn classify_response(self, memo: &RequestMemo, response: &impl ResponseHead) -> Verdict {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return first_frame::verdict(response).unwrap_or(Verdict::Success);
        }
        if self.ignores_client_errors && status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return first_frame::verdict(response).unwrap_or(Verdict::ClientError);
        }
        let delay = retry_after::requested_delay(status, response.headers());
        let is_one_hop = !self.follows_redirects && (self.never_redirects || !response.may_be_redirected());
        let verdict =
            match (self.classify_status(memo, status, delay.is_some(), is_one_hop), first_frame::verdict(response)) {
                (Verdict::Success, Some(broken_off)) => broken_off,
                (verdict @ Verdict::Failure(failure), Some(_)) if failure.health() == Health::Healthy => {
                    verdict.health(Health::Unhealthy)
                }
                (verdict, _) => verdict,
            };
        let verdict = match retry_after::should_retry(response.headers()) {
            Some(false) => verdict.never_retry(),
            Some(true) => at_least_transient(verdict),
            None => verdict,
        };
        delay.map_or(verdict, |delay| verdict.retry_after(delay))
    }

    /// `is_one_hop`: the response answers this request, and not one that the client sent to follow
    /// a redirect.
    fn classify_status(self, memo: &RequestMemo, status: StatusCode, has_delay: bool, is_one_hop: bool) -> Verdict {
        let unprocessed = if is_one_hop { Delivery::NotSent } else { Delivery::Sent };
        match status.as_u16() {
            408 => Verdict::timed_out().delivery(Delivery::Sent).health(Health::Healthy),
            413 if has_delay => Verdict::throttled().delivery(unprocessed).health(Health::Healthy),
            425 if memo.forwards_early_data => {
                Verdict::transient().delivery(unprocessed).health(Health::Healthy).never_retry()
            }
            421 | 425 => Verdict::transient().delivery(unprocessed).health(Health::Healthy),
            429 => Verdict::throttled().delivery(unprocessed).answered(),
            503 if has_delay => Verdict::throttled().delivery(Delivery::Sent),
            502..=504 => Verdict::transient().delivery(Delivery::Sent),
            500 if self.retry_500 => Verdict::transient().delivery(Delivery::Sent),
            500..=599 => Verdict::permanent().delivery(Delivery::Sent).health(Health::Unhealthy),
            _ => Verdict::Success,
        }
    }

    pub(crate) fn classify_error<Err: 'static>(self, error: &Err) -> Verdict {
        #[cfg(feature = "reqwest")]
        if self.never_redirects {
            return ErrorClassifier::judge_one_call(error);
        }
        match ErrorClassifier::judge(error) {
            verdict @ Verdict::Failure(failure)
                if self.follows_redirects && failure.kind() != FailureKind::Rejected =>
            {
                verdict.delivery(Delivery::Unknown)
            }
            other => other,
        }
    }
}

/// For a response with `X-Should-Retry: true`: a permanent failure or a success becomes transient.
/// What it shows about the service's health stays the same.
fn at_least_transient(verdict: Verdict) -> Verdict {
    let health = match verdict {
        Verdict::Failure(failure) if failure.kind() != FailureKind::Permanent => return verdict,
        Verdict::Failure(failure) => failure.health(),
        _ => Health::Healthy,
    };
    Verdict::transient().delivery(Delivery::Sent).health(health)
}
