use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use crate::{
    Classifier, Verdict,
    classify::{FailureDescription, Origin},
    http::{RequestMemo, StatusClassifier},
};

/// Classifies errors and the statuses 500, 502, 503 and 504 as failures, as
/// [RFC 5861, 4](https://www.rfc-editor.org/rfc/rfc5861#section-4) lists them. It uses the verdict
/// of [`StatusClassifier`] for these, and for responses below 400. All other statuses are neutral.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaleIfErrorClassifier(StatusClassifier);

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for StaleIfErrorClassifier
where
    ResBody: Body + Send + 'static,
    ResBody::Data: Send,
    Err: 'static,
{
    type Memo = RequestMemo;

    fn memo(&self, request: &Request<ReqBody>) -> RequestMemo {
        Classifier::<_, Response<ResBody>, Err>::memo_without_retry(&self.0, request)
    }

    fn classify(&self, memo: &RequestMemo, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        let verdict = Classifier::<Request<ReqBody>, _, _>::classify(&self.0, memo, outcome);
        match outcome {
            Ok(response) if verdict.is_failure() && is_other_error(response.status()) => Verdict::Neutral,
            _ => verdict,
        }
    }

    fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
        Classifier::<Request<ReqBody>, _, _>::origin(&self.0, outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Response<ResBody>, &'a Err>) -> FailureDescription<'a> {
        FailureDescription::of_http(outcome.ok().map(|response| response.status()))
    }
}

/// An error status that RFC 5861 doesn't list.
fn is_other_error(status: StatusCode) -> bool {
    (status.is_client_error() || status.is_server_error()) && !matches!(status.as_u16(), 500 | 502..=504)
}
