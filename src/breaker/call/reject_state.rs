//! The answer to a rejected call.

use super::completion::CallCompletion;
use crate::{
    Classifier,
    breaker::rejection::{OnRejection, Rejection},
    call_context::{live_rejections, result_note},
    classify::evidence::recognise,
};

/// What is needed to answer a call that was rejected.
pub struct RejectState<Reject, C> {
    on_rejection: Reject,
    classifier: C,
}

impl<Reject, C> RejectState<Reject, C> {
    pub(crate) fn new(on_rejection: Reject, classifier: C) -> Self {
        Self { on_rejection, classifier }
    }

    /// Makes the result for the caller. Marks a response as a rejection, if its type has room for
    /// the mark.
    pub(crate) fn reject<Done, Req, Res, Err>(self, rejection: Rejection) -> Result<Done::Response, Reject::Error>
    where
        Reject: OnRejection<Res, Err>,
        C: Classifier<Req, Res, Err>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        let Self { on_rejection, classifier } = self;
        let (cause, floor) = (rejection.cause(), live_rejections::without_one());
        let mark = classifier.rejection_mark().map(|mark| (mark, rejection.clone()));
        let result = on_rejection.reject(rejection).map(|mut response| {
            if let Some((mark, rejection)) = mark {
                mark(&mut response, rejection);
            }
            Done::respond(response, None)
        });
        // These run user code, so they are dropped before the note is written.
        drop((on_rejection, classifier));
        if result.is_err() {
            recognise::<Err>();
        }
        result_note::annotate(&result, cause, floor);
        result
    }
}
