//! The span of one call, from the call to its end.

use tracing::Span;

use super::{record, role::Role};
use crate::{
    CallReport, Classifier,
    call_context::{attempt_count, timeout_scope},
};

/// The span of a call that hasn't ended. Dropping it records that the call was dropped.
pub(super) struct OpenSpan<C, Memo> {
    /// [`Span::none`] after the call has ended.
    span: Span,
    classifier: C,
    memo: Memo,
    role: Role,
    /// How many attempts the request has made. `None` for the span of an attempt.
    count: Option<u32>,
    /// The attempt with a time limit that the call belongs to; 0 if there is none.
    timeout_scope: u16,
    /// The call is running, or has panicked.
    is_running: bool,
    has_ended: bool,
}

impl<C, Memo> OpenSpan<C, Memo> {
    pub(super) fn new(span: Span, role: Role, classifier: C, memo: Memo) -> Self {
        let count = match role {
            Role::Request => Some(0),
            Role::Attempt => {
                if let Some(index) = attempt_count::begin_attempt() {
                    span.record("resilience.attempt.index", index);
                }
                None
            }
        };
        let timeout_scope = timeout_scope::current();
        Self { span, classifier, memo, role, count, timeout_scope, is_running: false, has_ended: false }
    }

    /// Runs a part of the call inside the span.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.is_running = true;
        let result = self.span.in_scope(|| attempt_count::run_with(&mut self.count, work));
        self.is_running = false;
        result
    }

    /// Drops the call inside the span. If it has panicked, that stays known.
    pub(super) fn run_drop(&mut self, drop_call: impl FnOnce()) {
        if self.has_ended {
            return drop_call();
        }
        let has_panicked = self.is_running;
        self.run(drop_call);
        self.is_running = has_panicked;
    }

    /// Records the result, and closes the span.
    pub(super) fn end<Req, Res, Err>(&mut self, result: &Result<Res, Err>, noted: Option<CallReport>)
    where
        C: Classifier<Req, Res, Err, Memo = Memo>,
        Err: 'static,
    {
        self.has_ended = true;
        let span = std::mem::replace(&mut self.span, Span::none());
        if !span.is_disabled() {
            record::result(&span, self.role, &self.classifier, &self.memo, result, noted);
        }
    }
}

impl<C, Memo> Drop for OpenSpan<C, Memo> {
    fn drop(&mut self) {
        if !self.has_ended {
            let is_timed_out = timeout_scope::is_over(self.timeout_scope);
            record::dropped(&self.span, self.is_running, is_timed_out, self.count);
        }
    }
}
