use super::completion::Ends;
use crate::{
    Classifier,
    breaker::rejection::{OnRejection, Rejection},
    call_context::{live_rejections, result_note},
    classify::evidence::recognise,
};

/// What it takes to answer a call that was rejected.
pub struct RejectState<R, C> {
    on_rejection: R,
    classifier: C,
}

impl<R, C> RejectState<R, C> {
    pub(crate) fn new(on_rejection: R, classifier: C) -> Self {
        Self { on_rejection, classifier }
    }

    /// What the caller gets: marked as a rejection if it is a response that can be.
    pub(crate) fn reject<E, Req, Res, Err>(self, rejection: Rejection) -> Result<E::Answer, R::Error>
    where
        R: OnRejection<Res, Err>,
        C: Classifier<Req, Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let Self { on_rejection, classifier } = self;
        let (cause, floor) = (rejection.cause(), live_rejections::without_one());
        let mark = classifier.rejection_mark().map(|mark| (mark, rejection.clone()));
        let result = on_rejection.reject(rejection).map(|mut response| {
            if let Some((mark, rejection)) = mark {
                mark(&mut response, rejection);
            }
            E::answer(response, None)
        });
        // Before the note is written: it is code from outside.
        drop((on_rejection, classifier));
        if result.is_err() {
            recognise::<Err>();
        }
        result_note::annotate(&result, cause, floor);
        result
    }
}
