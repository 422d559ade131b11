use std::{any::Any, error::Error, io};

use super::Classifier;
use crate::Verdict;

type BoxError = Box<dyn Error + Send + Sync>;

/// The default: a response is a success, an error is transient, unless more is known about it.
///
/// What is known: an [`io::Error`] by its kind, and whatever is found along the `source` chain of a boxed error
/// (`Box<dyn Error + Send + Sync>`, tower's `BoxError`): time-outs of this crate and of tokio, and a breaker's
/// [`Rejection`](crate::Rejection). The same behind a breaker, as the `Inner` of its error.
///
/// | `io::ErrorKind` | verdict |
/// |---|---|
/// | `TimedOut` | timed out |
/// | `NotFound`, `PermissionDenied`, `AlreadyExists`, `InvalidInput`, `InvalidData`, `Unsupported`, `OutOfMemory` | permanent |
/// | any other | transient |
///
/// *When not to use it*: when some of your service's own errors are permanent (bad input, no such row), or when
/// responses can be failures (HTTP statuses). Then `classify` with a closure.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors;

impl<Req, Res, Err: 'static> Classifier<Req, Res, Err> for Errors {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        match outcome {
            Ok(_) => Verdict::Success,
            Err(error) => open(error).and_then(judge_chain).unwrap_or(Verdict::transient()),
        }
    }
}

/// The error as one that can be looked into, where its type is one of those that are known to be.
fn open<Err: 'static>(error: &Err) -> Option<&(dyn Error + 'static)> {
    open_as::<BoxError>(error, |boxed| boxed.as_ref())
        .or_else(|| open_as::<Box<dyn Error>>(error, |boxed| boxed.as_ref()))
        .or_else(|| open_as::<io::Error>(error, |io| io))
}

/// If it is an `E`, or that of a breaker around it: what is known of an error is still known outside.
fn open_as<E: 'static>(error: &dyn Any, open: fn(&E) -> &(dyn Error + 'static)) -> Option<&(dyn Error + 'static)> {
    #[cfg(feature = "breaker")]
    match error.downcast_ref::<crate::BreakerError<E>>() {
        Some(crate::BreakerError::Inner(inner)) => return Some(open(inner)),
        Some(crate::BreakerError::Rejected(rejection)) => return Some(rejection),
        None => {}
    }
    error.downcast_ref().map(open)
}

/// The verdict of the first link that one is known for.
fn judge_chain(error: &(dyn Error + 'static)) -> Option<Verdict> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(judge)
}

fn judge(error: &(dyn Error + 'static)) -> Option<Verdict> {
    if let Some(io) = error.downcast_ref::<io::Error>() {
        // One that wraps an error of the service's own says more inside.
        let inside = io.get_ref().and_then(|inside| judge_chain(inside));
        return Some(inside.unwrap_or_else(|| judge_io(io.kind())));
    }
    if error.is::<tokio::time::error::Elapsed>() {
        return Some(Verdict::timed_out());
    }
    if error.is::<crate::Elapsed>() {
        return Some(Verdict::timed_out());
    }
    #[cfg(feature = "breaker")]
    if let Some(rejection) = error.downcast_ref::<crate::Rejection>() {
        return Some(Verdict::rejected(rejection.retry_in()));
    }
    None
}

fn judge_io(kind: io::ErrorKind) -> Verdict {
    use io::ErrorKind::*;
    match kind {
        TimedOut => Verdict::timed_out(),
        NotFound | PermissionDenied | AlreadyExists | InvalidInput | InvalidData | Unsupported | OutOfMemory => {
            Verdict::permanent()
        }
        _ => Verdict::transient(),
    }
}
