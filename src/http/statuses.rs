use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{Deadline, drain, first_frame::broke_off, is_idempotent, retry_after};
use crate::{
    Classifier, FailureKind, Sent, Verdict,
    classify::{Errors, LetGo},
    time::Instant,
};

/// What an HTTP outcome means to a retry: by the status of the response, or by the error.
///
/// | outcome | verdict |
/// |---|---|
/// | 408 | timed out |
/// | 429, and 503 with a `Retry-After` | throttled |
/// | 425, 502, 503, 504 | transient |
/// | 500, any other 5xx | permanent: a fault of the server that the same request meets again; 500 is transient if [asked for](Self::retry_500) |
/// | any other, whose body broke off before its first frame | transient, where a [`FirstFrameLayer`](super::FirstFrameLayer) finds it out |
/// | any other | success, 4xx included: what the client caused is no failure of the service |
/// | an error | as [`Errors`] has it |
///
/// A failure carries the delay that the server asked for (`Retry-After`, `RateLimit`). It refines the failure, and never makes
/// one: the `Retry-After` of a redirect is none of ours.
///
/// Requests that aren't idempotent are only sent again if they provably weren't sent: a refused connection, a stream refused by
/// HTTP/2, a pooled connection that had died before. Idempotent are GET, HEAD, OPTIONS, TRACE, PUT, DELETE
/// ([RFC 9110, 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)), and whatever has an `Idempotency-Key` that isn't empty.
///
/// A response that is retried is let go: up to 16 KiB of it are read during the wait, so that its HTTP/1 connection can be used
/// again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statuses {
    retry_500: bool,
    follows_redirects: bool,
}

impl Statuses {
    /// 500 is transient as well: for servers that say so when they mean 503.
    pub fn retry_500(self) -> Self {
        Self { retry_500: true, ..self }
    }

    /// The service within the retry follows redirects, or makes several calls per request for another reason: then no error
    /// proves that the request wasn't sent, as it may be the error of a later hop. Needed around tower-http's
    /// `FollowRedirect`; better is that layer around the retry, which then sees each hop as a request of its own.
    ///
    /// An error that a client of another crate wraps, such as reqwest's, proves nothing in any case.
    pub fn follows_redirects(self) -> Self {
        Self { follows_redirects: true, ..self }
    }

    fn judge_error<B, R, E: 'static>(self, error: &E) -> Verdict {
        let verdict = Classifier::<Request<B>, Response<R>, E>::classify(&Errors, &(), Err(error));
        match verdict {
            Verdict::Failure(failure) if self.follows_redirects && failure.kind() != FailureKind::Rejected => {
                verdict.sent(Sent::Unknown)
            }
            other => other,
        }
    }

    fn judge(self, status: StatusCode, waits: bool) -> Verdict {
        let verdict = match status.as_u16() {
            408 => Verdict::timed_out(),
            429 => Verdict::throttled(),
            503 if waits => Verdict::throttled(),
            425 | 502 | 503 | 504 => Verdict::transient(),
            500 if self.retry_500 => Verdict::transient(),
            500..=599 => Verdict::permanent(),
            _ => return Verdict::Success,
        };
        verdict.sent(Sent::Yes)
    }
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
    pub(super) deadline: Option<Instant>,
}

impl Remembered {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self { idempotent: is_idempotent(request), deadline: request.extensions().get().map(Deadline::at) }
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
        Remembered::of(request)
    }

    fn classify(&self, memo: &Remembered, outcome: Result<&Response<R>, &E>) -> Verdict {
        let verdict = match outcome {
            Ok(response) if response.status().is_client_error() || response.status().is_server_error() => {
                let asked = retry_after::asked(response.status(), response.headers());
                let verdict = self.judge(response.status(), asked.is_some());
                match retry_after::should_retry(response.headers()) {
                    Some(false) => memo.mark(verdict.never_retry()),
                    Some(true) => {
                        memo.mark(asked.map_or(or_transient(verdict), |asked| or_transient(verdict).retry_after(asked)))
                    }
                    None => memo.mark(asked.map_or(verdict, |asked| verdict.retry_after(asked))),
                }
            }
            Ok(response) if broke_off(response) => Verdict::transient().sent(Sent::Yes),
            Ok(_) => Verdict::Success,
            Err(error) => self.judge_error::<B, R, E>(error),
        };
        memo.mark(verdict)
    }

    fn deadline(&self, memo: &Remembered) -> Option<Instant> {
        memo.deadline
    }

    fn let_go(&self, outcome: Result<Response<R>, E>) -> Result<LetGo, Result<Response<R>, E>> {
        outcome.map(|response| drain::up_to(response.into_body(), drain::MOST)).map_err(Err)
    }
}

/// What an HTTP outcome means to a breaker: 5xx and errors are failures, any other response is a success of the service. 429 is
/// one too: who asks for less is up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Health;

impl<B, R, E: 'static> Classifier<Request<B>, Response<R>, E> for Health {
    type Memo = ();

    fn memo(&self, _: &Request<B>) {}

    fn classify(&self, (): &(), outcome: Result<&Response<R>, &E>) -> Verdict {
        match outcome {
            Ok(response) if response.status().is_server_error() => {
                let asked = retry_after::asked(response.status(), response.headers());
                let verdict = Verdict::transient().sent(Sent::Yes);
                asked.map_or(verdict, |asked| verdict.retry_after(asked))
            }
            Ok(response) if broke_off(response) => Verdict::transient().sent(Sent::Yes),
            Ok(_) => Verdict::Success,
            Err(_) => Classifier::<Request<B>, _, _>::classify(&Errors, &(), outcome),
        }
    }
}
