use ::http::{Request, Response};
use ::http_body::Body;

use super::{
    Code,
    fault::Fault,
    told::{Pushback, Seen, Told},
};
use crate::{
    Classifier, Failure, FailureKind, Sent, Verdict,
    classify::{Origin, RejectionMark},
    http::mark,
};

/// What the outcome of a gRPC call means to a breaker. A failure is what tells of a service that is down or broken:
///
/// | outcome | verdict | why |
/// |---|---|---|
/// | UNAVAILABLE | failure | it isn't there |
/// | INTERNAL, DATA_LOSS | failure | it is broken |
/// | UNKNOWN | failure | servers return it for a panic; it also stands for a response without a status, and for one that isn't gRPC |
/// | DEADLINE_EXCEEDED | failure | it is too slow |
/// | CANCELLED | neutral | the caller's doing |
/// | RESOURCE_EXHAUSTED | success | who asks for less is up; a quota is of one caller |
/// | UNIMPLEMENTED | success | of one method; the others work |
/// | any other | success | an answer about the request |
/// | an answer whose messages have begun | success | |
/// | an error | failure; neutral if gRPC has CANCELLED or RESOURCE_EXHAUSTED for it: see [`Statuses`](super::Statuses) | nothing was answered |
///
/// [`OpenFor::as_asked`](crate::breaker::OpenFor::as_asked) uses the pushback, or without one the delay of a `RetryInfo`: see
/// [`Statuses`](super::Statuses).
#[derive(Debug, Clone, Copy, Default)]
pub struct Health;

impl<B, R, E> Classifier<Request<B>, Response<R>, E> for Health
where
    R: Body,
    E: 'static,
{
    type Memo = ();

    fn memo(&self, _: &Request<B>) {}

    fn classify(&self, (): &(), outcome: Result<&Response<R>, &E>) -> Verdict {
        let fault = match outcome.map(Seen::of) {
            Ok(Seen::Begun) => return Verdict::Success,
            Ok(Seen::Told(told)) => return by_status(told),
            Ok(Seen::Broke(fault)) => fault,
            Err(error) => Fault::of(error),
        };
        match fault.verdict {
            Verdict::Failure(failure) if failure.kind() != FailureKind::Rejected => by_fault(fault.code, failure),
            verdict => verdict,
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

fn by_status(Told { code, pushback, delay }: Told) -> Verdict {
    let verdict = by_code(code).sent(Sent::Yes);
    let asked = match pushback {
        Some(Pushback::After(delay)) => Some(delay),
        Some(Pushback::Never) => None,
        None => delay,
    };
    asked.map_or(verdict, |delay| verdict.retry_after(delay))
}

/// Never a success: the service hasn't answered.
fn by_fault(code: Code, failure: Failure) -> Verdict {
    let verdict = match code {
        Code::Cancelled | Code::ResourceExhausted => Verdict::Neutral,
        Code::DeadlineExceeded => Verdict::timed_out(),
        _ => Verdict::transient(),
    };
    verdict.sent(failure.sent())
}

fn by_code(code: Code) -> Verdict {
    match code {
        Code::Unavailable | Code::Internal | Code::DataLoss | Code::Unknown => Verdict::transient(),
        Code::DeadlineExceeded => Verdict::timed_out(),
        Code::Cancelled => Verdict::Neutral,
        _ => Verdict::Success,
    }
}
