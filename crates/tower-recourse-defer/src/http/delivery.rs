use http::{Request, Response};
use http_body::Body;
use tower_recourse::{
    Classifier, RetryConfig, Verdict,
    classify::{DrainFuture, FailureDescription, Origin, RejectionMark},
    http::StatusClassifier,
    time::Instant,
};

use crate::worker::default_policy;

/// Classifies responses for a worker: only a status of 2xx ends a job as done.
///
/// [`StatusClassifier`] decides about everything else. For a caller, it returns a success for
/// most statuses of 4xx, because the service works and the caller sees the response. No caller sees
/// the response of a job. So every response that isn't a failure and isn't 2xx is a permanent
/// failure here, and the job becomes a dead letter.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryClassifier(StatusClassifier);

impl DeliveryClassifier {
    /// Uses a changed [`StatusClassifier`].
    pub fn new(statuses: StatusClassifier) -> Self {
        Self(statuses)
    }
}

/// [`default_policy`] with a [`DeliveryClassifier`], for [`Worker::policy`](crate::Worker::policy).
pub fn http_policy() -> RetryConfig<DeliveryClassifier> {
    default_policy().classifier(DeliveryClassifier::default())
}

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for DeliveryClassifier
where
    ResBody: Body + Send + 'static,
    ResBody::Data: Send,
    Err: 'static,
{
    type Memo = <StatusClassifier as Classifier<Request<ReqBody>, Response<ResBody>, Err>>::Memo;

    fn memo(&self, request: &Request<ReqBody>) -> Self::Memo {
        Classifier::<_, Response<ResBody>, Err>::memo(&self.0, request)
    }

    fn classify(&self, memo: &Self::Memo, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        let verdict = Classifier::<Request<ReqBody>, _, _>::classify(&self.0, memo, outcome);
        let is_delivered = outcome.is_ok_and(|response| response.status().is_success());
        if verdict.is_failure() || is_delivered { verdict } else { Verdict::permanent() }
    }

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        Classifier::<Request<ReqBody>, Response<ResBody>, Err>::deadline(&self.0, memo)
    }

    fn discard(&self, outcome: Result<Response<ResBody>, Err>) -> Result<DrainFuture, Result<Response<ResBody>, Err>> {
        Classifier::<Request<ReqBody>, _, _>::discard(&self.0, outcome)
    }

    fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
        Classifier::<Request<ReqBody>, _, _>::origin(&self.0, outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Response<ResBody>, &'a Err>) -> FailureDescription<'a> {
        Classifier::<Request<ReqBody>, _, _>::describe_failure(&self.0, outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
        Classifier::<Request<ReqBody>, Response<ResBody>, Err>::rejection_mark(&self.0)
    }
}
