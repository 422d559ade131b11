use ::http::Response;

use crate::{Classifier, Delivery, FailureKind, Verdict, classify::ErrorClassifier, http::message::ResponseHead};

/// Whether the body of this response broke off before its first frame. Only a
/// [`FirstFrameLayer`](super::FirstFrameLayer) detects it, and a
/// [`FirstEventLayer`](crate::http::FirstEventLayer), also for an event that reports a failure.
pub fn failed_before_first_frame<B>(response: &Response<B>) -> bool {
    response.extensions().get::<FailedBeforeFirstFrame>().is_some()
}

/// The verdict for a response whose body broke off. `None` for any other response.
pub(in crate::http) fn verdict(response: &impl ResponseHead) -> Option<Verdict> {
    let &FailedBeforeFirstFrame { verdict } = response.extensions().get()?;
    Some(verdict.delivery(Delivery::Sent))
}

/// Response extension: the body broke off before its first frame, or its first event reports a
/// failure.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct FailedBeforeFirstFrame {
    verdict: Verdict,
}

impl FailedBeforeFirstFrame {
    /// `error` is what the body failed with, if it didn't just end.
    pub(in crate::http) fn caused_by<E: 'static>(error: Option<&E>) -> Self {
        let verdict = error.map(|error| Classifier::<(), (), E>::classify(&ErrorClassifier, &(), Err(error)));
        let timed_out = match verdict {
            Some(Verdict::Failure(failure)) => failure.kind() == FailureKind::TimedOut,
            _ => false,
        };
        Self { verdict: if timed_out { Verdict::timed_out() } else { Verdict::transient() } }
    }

    /// The first event reports a failure with this verdict.
    pub(in crate::http) fn with_verdict(verdict: Verdict) -> Self {
        Self { verdict: verdict.unhealthy_if_permanent() }
    }
}
