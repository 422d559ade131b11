use std::marker::PhantomData;

use super::completion::Ends;
use crate::{
    Classifier, How, Verdict,
    breaker::{permit::Permit, rejection::OnRejection},
    call_context::result_note::{self, Note},
    classify::evidence::{examine, recognise},
    readiness::Readiness,
};

/// What it takes to judge the call, and to end it.
pub struct Judge<C, M, Req, E> {
    permit: Permit,
    classifier: C,
    memo: M,
    ends: E,
    request: PhantomData<fn(Req)>,
}

impl<C, M, Req, E> Judge<C, M, Req, E> {
    pub(crate) fn new(permit: Permit, classifier: C, memo: M, ends: E) -> Self {
        Self { permit, classifier, memo, ends, request: PhantomData }
    }

    /// Between two polls, a panic of the thread is somebody else's.
    pub(crate) fn parked(mut self) -> Self {
        self.permit.blame(false);
        self
    }

    pub(crate) fn has_judged(&self) -> bool {
        self.permit.has_ended()
    }

    #[inline(always)]
    pub(crate) fn is_rejection<Res, Err>(&self, response: &Res) -> bool
    where
        C: Classifier<Req, Res, Err, Memo = M>,
    {
        self.classifier.origin(Ok(response)).is_rejected()
    }

    /// Judges a response of which nothing was said, as nearly every one is. It is held by value, and so are errors that come to
    /// [`settle`](Self::settle): what is lent to code elsewhere must lie in memory.
    #[inline(always)]
    pub(crate) fn settle_response<Res, Err>(&mut self, response: Res) -> E::Answer
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        let permit = self.end::<_, Err>(Ok(&response));
        result_note::reset();
        E::answer(response, permit)
    }

    /// Judges what the service has answered: what the caller gets. Whoever is further out hears what was said of it, too.
    #[cold]
    pub(crate) fn settle<R, Res, Err>(&mut self, result: Result<Res, Err>, note: Note) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let said = examine(&result, note, |outcome| self.classifier.origin(outcome));
        let permit = self.judge(&result, said.as_ref());
        if said.is_some_and(|how| how.is_held) {
            recognise::<Err>();
        }
        let map = |result: Result<Res, Err>| result.map(|response| E::answer(response, permit)).map_err(R::pass);
        result_note::forward_mapped(result, said, map)
    }

    /// What the caller gets whose service wasn't ready.
    #[cold]
    pub(crate) fn answer_unready<R, Res, Err>(&mut self, mut readiness: Readiness) -> Result<E::Answer, R::Error>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        R: OnRejection<Res, Err>,
        E: Ends<Res>,
        Err: 'static,
    {
        let error = readiness.take_error().expect("`poll_ready` and `call` are of one request type");
        self.settle::<R, _, _>(Err(error), Note::NONE)
    }

    /// The permit, if the call goes on beyond its response; otherwise it has ended.
    pub(crate) fn judge<Res, Err>(&mut self, result: &Result<Res, Err>, said: Option<&How>) -> Option<Permit>
    where
        C: Classifier<Req, Res, Err, Memo = M>,
        E: Ends<Res>,
    {
        if said.is_some_and(|how| how.rejection().is_some()) {
            // Another breaker further in: its service wasn't asked, so nothing is known of it.
            self.permit.end_in_place(Verdict::Neutral);
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
        let blame = Blame(self);
        let verdict = blame.0.classifier.classify(&blame.0.memo, result);
        blame.lift();
        match result {
            Ok(response) if self.ends.goes_on(response, verdict) => Some(self.permit.take().answered()),
            _ => {
                self.permit.end_in_place(verdict);
                None
            }
        }
    }
}

/// Held while the service works: if it panics, the permit ends while the thread is panicking, which is a failure. Between two polls, a
/// panic of the thread is somebody else's.
pub(crate) struct Blame<'a, C, M, Req, E>(&'a mut Judge<C, M, Req, E>);

impl<'a, C, M, Req, E> Blame<'a, C, M, Req, E> {
    pub(crate) fn new(judge: &'a mut Judge<C, M, Req, E>) -> Self {
        Self(judge)
    }

    pub(crate) fn lift(self) {
        std::mem::forget(self);
    }
}

impl<C, M, Req, E> Drop for Blame<'_, C, M, Req, E> {
    #[inline]
    fn drop(&mut self) {
        end_blamed(&mut self.0.permit);
    }
}

#[cold]
fn end_blamed(permit: &mut Permit) {
    let mut permit = permit.take();
    permit.blame(true);
}
