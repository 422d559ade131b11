//! The HTTP classifier for reqwest's types.

use ::reqwest::{Request, Response, StatusCode};

use crate::{
    Classifier, Verdict,
    classify::{DrainFuture, FailureDescription, Origin, RejectionMark},
    http::{RequestMemo, StatusClassifier, drain, idempotency::is_repeatable, rejection_mark},
};

impl<Err: 'static> Classifier<Request, Response, Err> for StatusClassifier {
    type Memo = RequestMemo;

    fn memo(&self, request: &Request) -> RequestMemo {
        RequestMemo::new(request, is_repeatable(request, !self.ignores_keys))
    }

    fn memo_without_retry(&self, _: &Request) -> RequestMemo {
        RequestMemo::UNREAD
    }

    fn classify(&self, memo: &RequestMemo, outcome: Result<&Response, &Err>) -> Verdict {
        let verdict = match outcome {
            Ok(response) => self.classify_response(memo, response),
            Err(error) => self.classify_error(error),
        };
        memo.mark(verdict)
    }

    fn discard(&self, outcome: Result<Response, Err>) -> Result<DrainFuture, Result<Response, Err>> {
        match outcome {
            // The connection is the wrong one for this request, so it isn't drained for reuse.
            Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => Err(Ok(response)),
            Ok(response) => Ok(drain::drain_body(::reqwest::Body::from(response))),
            Err(error) => Err(Err(error)),
        }
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response, &Err>) -> Origin {
        rejection_mark::origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Response, &'a Err>) -> FailureDescription<'a> {
        FailureDescription::of_http(outcome.ok().map(|response| response.status()))
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response>> {
        Some(rejection_mark::mark)
    }
}
