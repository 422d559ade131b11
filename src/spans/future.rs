use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tracing::Span;

use super::{open_span::OpenSpan, role::Role};
use crate::{Classifier, call_context::result_note};

pin_project! {
    /// A call in its span. The future of [`Spanned`](super::Spanned), [`in_request_span`] and
    /// [`in_attempt_span`].
    ///
    /// [`in_request_span`]: super::in_request_span
    /// [`in_attempt_span`]: super::in_attempt_span
    #[must_use = "futures do nothing unless polled"]
    pub struct SpanFuture<Fut, Req, C, Memo> {
        // `None` only while the future is dropped.
        #[pin]
        call: SyncWrapper<Option<Fut>>,
        span: SyncWrapper<OpenSpan<C, Memo>>,
        request: PhantomData<fn(Req)>,
    }

    impl<Fut, Req, C, Memo> PinnedDrop for SpanFuture<Fut, Req, C, Memo> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut call = this.call.get_pin_mut();
            this.span.get_mut().run_drop(|| call.set(None));
        }
    }
}

impl<Fut, Req, C, Memo> SpanFuture<Fut, Req, C, Memo> {
    /// Starts a call in a span.
    pub(super) fn start(span: Span, role: Role, classifier: C, memo: Memo, call: impl FnOnce() -> Fut) -> Self {
        let mut span = OpenSpan::new(span, role, classifier, memo);
        let call = span.run(call);
        Self { call: SyncWrapper::new(Some(call)), span: SyncWrapper::new(span), request: PhantomData }
    }
}

impl<Fut, Req, C, Res, Err> Future for SpanFuture<Fut, Req, C, C::Memo>
where
    Fut: Future<Output = Result<Res, Err>>,
    C: Classifier<Req, Res, Err>,
    Err: 'static,
{
    type Output = Result<Res, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call.get_pin_mut().as_pin_mut().expect("the call is only dropped with its future");
        let span = this.span.get_mut();
        // The note is taken before the subscriber runs.
        let polled = span.run(|| {
            let (polled, note) = result_note::poll(call, cx);
            polled.map(|result| {
                let noted = note.take(&result);
                (result, noted)
            })
        });
        let (result, noted) = ready!(polled);
        span.end(&result, noted);
        result_note::forward(&result, noted);
        Poll::Ready(result)
    }
}
