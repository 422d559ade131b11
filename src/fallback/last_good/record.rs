use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_service::Service;

use super::{settings::Weigh, store::Store};
use crate::{Classifier, Verdict, call_context::result_note, classify::evidence::examine, time::Instant};

/// Stores the good responses of a service. A [`LastGoodLayer`](super::LastGoodLayer) puts it around
/// the primary.
pub struct RecordGood<S, Res, Key, C> {
    pub(super) inner: S,
    pub(super) store: Arc<Store<Res>>,
    pub(super) key: Key,
    pub(super) weigh: Weigh<Res>,
    pub(super) classifier: C,
}

impl<S: Clone, Res, Key: Clone, C: Clone> Clone for RecordGood<S, Res, Key, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            store: Arc::clone(&self.store),
            key: self.key.clone(),
            weigh: Arc::clone(&self.weigh),
            classifier: self.classifier.clone(),
        }
    }
}

impl<S: fmt::Debug, Res, Key, C> fmt::Debug for RecordGood<S, Res, Key, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordGood").field("inner", &self.inner).field("store", &self.store).finish_non_exhaustive()
    }
}

impl<S, Res, Key, C, Req> Service<Req> for RecordGood<S, Res, Key, C>
where
    S: Service<Req, Response = Res>,
    S::Error: 'static,
    Res: Clone,
    Key: Fn(&Req) -> Option<String>,
    C: Classifier<Req, Res, S::Error> + Clone,
{
    type Response = Res;
    type Error = S::Error;
    type Future = RecordFuture<S::Future, Pending<Res, C, C::Memo, Req>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let pending = (self.key)(&request).map(|key| Pending {
            key,
            memo: self.classifier.memo_without_retry(&request),
            classifier: self.classifier.clone(),
            store: Arc::clone(&self.store),
            weigh: Arc::clone(&self.weigh),
            started_at: Instant::now(),
            request: std::marker::PhantomData,
        });
        RecordFuture { call: SyncWrapper::new(self.inner.call(request)), pending: SyncWrapper::new(pending) }
    }
}

/// A call whose response will be stored if it is good.
pub struct Pending<Res, C, Memo, Req> {
    key: String,
    memo: Memo,
    classifier: C,
    store: Arc<Store<Res>>,
    weigh: Weigh<Res>,
    started_at: Instant,
    request: std::marker::PhantomData<fn(Req)>,
}

pin_project! {
    /// The future of [`RecordGood`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call, and stores nothing.
    #[must_use = "futures do nothing unless polled"]
    pub struct RecordFuture<Fut, P> {
        #[pin]
        call: SyncWrapper<Fut>,
        pending: SyncWrapper<Option<P>>,
    }
}

impl<Fut, Res, Err, C, Req> Future for RecordFuture<Fut, Pending<Res, C, C::Memo, Req>>
where
    Fut: Future<Output = Result<Res, Err>>,
    Res: Clone,
    Err: 'static,
    C: Classifier<Req, Res, Err>,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (polled, note) = result_note::poll(this.call.get_pin_mut(), cx);
        let result = ready!(polled);
        let Some(Pending { key, memo, classifier, store, weigh, started_at, .. }) = this.pending.get_mut().take()
        else {
            let report = note.take(&result);
            result_note::forward(&result, report);
            return Poll::Ready(result);
        };
        let report = examine(&result, note, |outcome| classifier.origin(outcome));
        // Neither a rejection nor the response of an inner fallback is good.
        let is_original = report.is_none_or(|report| report.is_of_service());
        if let (Ok(response), true) = (&result, is_original) {
            if classifier.classify(&memo, Ok(response)) == Verdict::Success {
                let weight = weigh(response);
                store.insert(key, response.clone(), weight, started_at);
            }
        }
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}
