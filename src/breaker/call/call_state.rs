//! The state of a call in progress.

use std::marker::PhantomData;

use super::completion::CallCompletion;
use crate::{
    CallReport, Classifier, Verdict,
    breaker::{permit::Permit, rejection::OnRejection},
    call_context::result_note::{self, Note},
    classify::{
        evidence::{examine, recognise},
        failure_text::failure_info,
    },
    readiness::Readiness,
};

/// What is needed to classify the outcome of a call, and to end its permit.
pub struct CallState<C, Memo, Req, Done> {
    permit: Permit,
    classifier: C,
    memo: Memo,
    completion: Done,
    request: PhantomData<fn(Req)>,
}

impl<C, Memo, Req, Done> CallState<C, Memo, Req, Done> {
    pub(crate) fn new(permit: Permit, classifier: C, memo: Memo, completion: Done) -> Self {
        Self { permit, classifier, memo, completion, request: PhantomData }
    }

    /// Prepares the state for the time between two polls: a panic of the thread then isn't a
    /// failure of this call.
    pub(crate) fn parked(mut self) -> Self {
        self.permit.attribute_panics(false);
        self
    }

    pub(crate) fn is_done(&self) -> bool {
        self.permit.has_ended()
    }

    #[inline(always)]
    pub(crate) fn is_rejection<Res, Err>(&self, response: &Res) -> bool
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
    {
        self.classifier.origin(Ok(response)).is_rejected()
    }

    /// Completes a call with a successful response, the common case. Returns any other response
    /// with its verdict. The response is passed by value: a reference to it, passed to an outlined
    /// function, would force it onto the stack.
    #[inline(always)]
    pub(crate) fn complete_success<Res, Err>(&mut self, response: Res) -> Result<Done::Response, (Res, Verdict)>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Done: CallCompletion<Res>,
    {
        let verdict = self.classify::<_, Err>(Ok(&response));
        if !matches!(verdict, Verdict::Success) {
            return Err((response, verdict));
        }
        let permit = if self.completion.continues(&response, verdict) {
            Some(self.permit.take().keep_after_response())
        } else {
            self.permit.end_success();
            None
        };
        result_note::reset();
        Ok(Done::respond(response, permit))
    }

    /// Completes a call with a response whose verdict isn't a success.
    #[cold]
    pub(crate) fn complete_response<Reject, Res, Err>(
        &mut self,
        response: Res,
        verdict: Verdict,
    ) -> Result<Done::Response, Reject::Error>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Reject: OnRejection<Res, Err>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        let permit = self.end::<_, Err>(verdict, Ok(&response));
        result_note::reset();
        Ok(Done::respond(response, permit))
    }

    /// Completes a call with any outcome. Returns the result for the caller, and forwards the note
    /// about it (`result_note`).
    #[cold]
    pub(crate) fn complete<Reject, Res, Err>(
        &mut self,
        result: Result<Res, Err>,
        note: Note,
    ) -> Result<Done::Response, Reject::Error>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Reject: OnRejection<Res, Err>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        let report = examine(&result, note, |outcome| self.classifier.origin(outcome));
        let permit = self.classify_and_end(&result, report.as_ref());
        if report.is_some_and(|how| how.holds_rejection) {
            recognise::<Err>();
        }
        let map =
            |result: Result<Res, Err>| result.map(|response| Done::respond(response, permit)).map_err(Reject::pass);
        result_note::forward_mapped(result, report, map)
    }

    /// Completes a call whose service wasn't ready.
    #[cold]
    pub(crate) fn complete_unready<Reject, Res, Err>(
        &mut self,
        mut readiness: Readiness,
    ) -> Result<Done::Response, Reject::Error>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Reject: OnRejection<Res, Err>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        let error = readiness.take_error().expect("`poll_ready` and `call` have one request type");
        self.complete::<Reject, _, _>(Err(error), Note::NONE)
    }

    /// Classifies the outcome and ends the permit. Returns the permit instead if the call continues
    /// after its response.
    pub(crate) fn classify_and_end<Res, Err>(
        &mut self,
        result: &Result<Res, Err>,
        report: Option<&CallReport>,
    ) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        if report.is_some_and(|how| how.rejection().is_some()) {
            // A breaker further in rejected the call, so nothing is known about the service.
            self.permit.end_with(Verdict::Neutral, &|| None);
            return None;
        }
        let verdict = self.classify(result.as_ref());
        self.end(verdict, result.as_ref())
    }

    #[inline(always)]
    fn classify<Res, Err>(&mut self, outcome: Result<&Res, &Err>) -> Verdict
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
    {
        let guard = PanicGuard(self);
        let verdict = guard.0.classifier.classify(&guard.0.memo, outcome);
        guard.disarm();
        verdict
    }

    /// Ends the permit. Returns it instead if the call continues after its response.
    fn end<Res, Err>(&mut self, verdict: Verdict, outcome: Result<&Res, &Err>) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Done: CallCompletion<Res>,
        Err: 'static,
    {
        match outcome {
            Ok(response) if self.completion.continues(response, verdict) => {
                Some(self.permit.take().keep_after_response())
            }
            _ => {
                let classifier = &self.classifier;
                match verdict {
                    Verdict::Success => self.permit.end_success(),
                    Verdict::Failure(failure) => {
                        self.permit.end_with(verdict, &|| Some(failure_info(classifier, failure.kind(), outcome)));
                    }
                    Verdict::Neutral | Verdict::ClientError => self.permit.end_with(verdict, &|| None),
                }
                None
            }
        }
    }
}

/// Held while user code runs. If that code panics, the guard ends the permit as a failure. Between
/// two polls there is no guard: a panic of the thread then isn't a failure of this call.
pub(crate) struct PanicGuard<'a, C, Memo, Req, Done>(&'a mut CallState<C, Memo, Req, Done>);

impl<'a, C, Memo, Req, Done> PanicGuard<'a, C, Memo, Req, Done> {
    pub(crate) fn new(state: &'a mut CallState<C, Memo, Req, Done>) -> Self {
        Self(state)
    }

    pub(crate) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl<C, Memo, Req, Done> Drop for PanicGuard<'_, C, Memo, Req, Done> {
    #[inline]
    fn drop(&mut self) {
        fail_on_panic(&mut self.0.permit);
    }
}

#[cold]
fn fail_on_panic(permit: &mut Permit) {
    let mut permit = permit.take();
    permit.attribute_panics(true);
}
