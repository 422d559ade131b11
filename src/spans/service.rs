use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{future::SpanFuture, make_span::MakeSpan, role::Role};
use crate::Classifier;

/// A service whose calls have spans. Made by [`RequestSpanLayer`](super::RequestSpanLayer) and
/// [`AttemptSpanLayer`](super::AttemptSpanLayer).
#[derive(Clone)]
pub struct Spanned<S, M, C> {
    inner: S,
    role: Role,
    make_span: M,
    classifier: C,
}

impl<S, M, C> Spanned<S, M, C> {
    pub(super) fn new(inner: S, role: Role, make_span: M, classifier: C) -> Self {
        Self { inner, role, make_span, classifier }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(Spanned<S, M, C>);

impl<S, M, C, Req> Service<Req> for Spanned<S, M, C>
where
    S: Service<Req>,
    S::Error: 'static,
    M: MakeSpan<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SpanFuture<S::Future, Req, C, C::Memo>;

    /// Ready when the inner service is. It isn't polled in a span, because there is no request yet.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let span = self.make_span.make_span(&request);
        let memo = self.classifier.memo_without_retry(&request);
        let inner = &mut self.inner;
        SpanFuture::start(span, self.role, self.classifier.clone(), memo, || inner.call(request))
    }
}

impl<S: fmt::Debug, M, C> fmt::Debug for Spanned<S, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spanned").field("inner", &self.inner).field("role", &self.role).finish_non_exhaustive()
    }
}
