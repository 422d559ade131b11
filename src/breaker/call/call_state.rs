use std::marker::PhantomData;

use super::completion::Ends;
use crate::{
    Classifier, How, Verdict,
    breaker::{permit::Permit, rejection::OnRejection},
    call_context::result_note::{self, Note},
    classify::evidence::{examine, recognise},
    readiness::Readiness,
};

/// What it takes to state the call, and to end it.
pub struct CallState<C, M, Req, E> {
    permit: Permit,
    classifier: C,
    memo: M,
    ends: E,
    request: PhantomData<fn(Req)>,
}

impl<C, M, Req, E> CallState<C, M, Req, E> {
    pub(crate) fn new(permit: Permit, classifier: C, memo: M, ends: E) -> Self {
        Self { permit, classifier, memo, ends, request: PhantomData }
    }

    /// Between two polls, a panic of the thread is somebody else's.
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
        C: Classifier<Req, Res, Err, Memo = M>,
    {
        self.classifier.origin(Ok(response)).is_rejected()
    }

    /// Judges a response of which nothing was report, as nearly every one is. It is held by value, and so are errors that come to
    /// [`settle`](Self::complete): what is lent to code elsewhere must lie in memory.
    #[inline(always)]
    pub(crate) fn complete_response<Res, Err>(&mut self, response: Res) -> E::Answer
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        let permit = self.end::<_, Err>(Ok(&response));
        result_note::reset();
        E::answer(response, permit)
    }

    /// Judges what the service has answered: what the caller gets. Whoever is further out hears what was report of it, too.
    #[cold]
    pub(crate) fn complete<R, Res, Err>(&mut self, result: Result<Res, Err>, note: Note) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let report = examine(&result, note, |outcome| self.classifier.origin(outcome));
        let permit = self.classify_and_end(&result, report.as_ref());
        if report.is_some_and(|how| how.is_held) {
            recognise::<Err>();
        }
        let map = |result: Result<Res, Err>| result.map(|response| E::answer(response, permit)).map_err(R::pass);
        result_note::forward_mapped(result, report, map)
    }

    /// What the caller gets whose service wasn't ready.
    #[cold]
    pub(crate) fn complete_unready<R, Res, Err>(&mut self, mut readiness: Readiness) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let error = readiness.take_error().expect("`poll_ready` and `call` are of one request type");
        self.complete::<R, _, _>(Err(error), Note::NONE)
    }

    /// The permit, if the call goes on beyond its response; otherwise it has ended.
    pub(crate) fn classify_and_end<Res, Err>(
        &mut self,
        result: &Result<Res, Err>,
        report: Option<&How>,
    ) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        if report.is_some_and(|how| how.rejection().is_some()) {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            self.permit.end_with(Verdict::Neutral);
            return None;
        }
        self.end(result.as_ref())
    }

    #[inline(always)]
    fn end<Res, Err>(&mut self, result: Result<&Res, &Err>) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        let guard = PanicGuard(self);
        let verdict = guard.0.classifier.classify(&guard.0.memo, result);
        guard.disarm();
        match result {
            Ok(response) if self.ends.goes_on(response, verdict) => Some(self.permit.take().keep_after_response()),
            _ => {
                self.permit.end_with(verdict);
                None
            }
        }
    }
}

/// Held while the service works: if it panics, the permit ends while the thread is panicking, which is a failure. Between two polls, a
/// panic of the thread is somebody else's.
pub(crate) struct PanicGuard<'a, C, M, Req, E>(&'a mut CallState<C, M, Req, E>);

impl<'a, C, M, Req, E> PanicGuard<'a, C, M, Req, E> {
    pub(crate) fn new(state: &'a mut CallState<C, M, Req, E>) -> Self {
        Self(state)
    }

    pub(crate) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl<C, M, Req, E> Drop for PanicGuard<'_, C, M, Req, E> {
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
