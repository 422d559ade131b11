use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use ::http::{Request, Response, StatusCode};
use ::http_body::Body;
use bytes::Bytes;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_service::Service;

use super::{
    access::{Access, Lookup},
    body::{LastGoodBody, RecordedBody},
    key::RequestKey,
    recording::Recording,
    settings::Shared,
    stored_head::StoredHead,
};
use crate::{
    Classifier, Verdict,
    call_context::result_note,
    http::{ResponseBody, inner_call::poll_inner},
    time::Instant,
};

/// Stores the good responses of a service. A [`StaleIfErrorLayer`](super::StaleIfErrorLayer) puts
/// it around the primary.
#[derive(Clone)]
pub struct RecordResponses<S, K, C> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
    pub(super) key: K,
    pub(super) classifier: C,
}

impl<S: fmt::Debug, K, C> fmt::Debug for RecordResponses<S, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordResponses").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, K, C, ReqBody, B> Service<Request<ReqBody>> for RecordResponses<S, K, C>
where
    S: Service<Request<ReqBody>, Response = Response<B>>,
    S::Error: 'static,
    ReqBody: Body,
    B: Body<Data = Bytes>,
    K: RequestKey<ReqBody>,
    C: Classifier<Request<ReqBody>, Response<LastGoodBody<B>>, S::Error> + Clone,
{
    type Response = Response<LastGoodBody<B>>;
    type Error = S::Error;
    type Future = RecordFuture<S::Future, Pending<C, C::Memo, ReqBody>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let pending = match Access::of(&request, &self.key, &self.shared.vary_by) {
            Access::Bypass => None,
            access => Some(Pending {
                access,
                memo: self.classifier.memo_without_retry(&request),
                classifier: self.classifier.clone(),
                shared: Arc::clone(&self.shared),
                requested_at: Instant::now(),
                request: PhantomData,
            }),
        };
        RecordFuture { call: SyncWrapper::new(self.inner.call(request)), pending: SyncWrapper::new(pending) }
    }
}

/// A call whose response will be stored if it is good.
pub struct Pending<C, Memo, ReqBody> {
    access: Access,
    memo: Memo,
    classifier: C,
    shared: Arc<Shared>,
    requested_at: Instant,
    request: PhantomData<fn(ReqBody)>,
}

impl<C, Memo, ReqBody> Pending<C, Memo, ReqBody> {
    /// Starts the recording of a good response, or removes an older one that no longer holds.
    fn settle<B, Err>(self, response: &mut Response<LastGoodBody<B>>)
    where
        B: Body<Data = Bytes>,
        C: Classifier<Request<ReqBody>, Response<LastGoodBody<B>>, Err, Memo = Memo>,
    {
        let Self { access, memo, classifier, shared, requested_at, .. } = self;
        let status = response.status();
        let lookup = match access {
            Access::Bypass => return,
            Access::Invalidate(keys) => {
                // Up to now, and not up to the start of this call: a response that was requested
                // during the call may be older than its effect.
                let now = Instant::now();
                if status.is_success() || status.is_redirection() {
                    keys.iter().for_each(|key| shared.store.remove(key, now));
                }
                return;
            }
            Access::Use(lookup) => lookup,
        };
        let outcome = Ok(&*response);
        if classifier.origin(outcome).is_rejected() || classifier.classify(&memo, outcome) != Verdict::Success {
            return;
        }
        let Some(head) = StoredHead::of(response, &lookup, &shared.vary_by) else {
            if replaces_older(status, &lookup) {
                shared.store.remove(&lookup.key, requested_at);
            }
            return;
        };
        let store = Arc::clone(&shared.store);
        let recording = Recording::new(store, lookup.key, head, requested_at, shared.max_body, response);
        let recording = Box::new(recording);
        if lookup.is_head {
            recording.finish_without_body();
        } else if let Some(body) = response.body_mut().upstream_mut() {
            body.record(recording);
        }
    }
}

/// Whether a response that isn't stored shows that an older one no longer holds. One that depends
/// on credentials shows nothing about others.
fn replaces_older(status: StatusCode, lookup: &Lookup) -> bool {
    !lookup.has_credentials && matches!(status, StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::GONE)
}

pin_project! {
    /// The future of [`RecordResponses`].
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

impl<Fut, B, Err, C, ReqBody> Future for RecordFuture<Fut, Pending<C, C::Memo, ReqBody>>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body<Data = Bytes>,
    Err: 'static,
    C: Classifier<Request<ReqBody>, Response<LastGoodBody<B>>, Err>,
{
    type Output = Result<Response<LastGoodBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, report) = ready!(poll_inner(this.call.get_pin_mut(), cx));
        let wrap = |body| ResponseBody::upstream(RecordedBody::plain(body));
        let mut result = result.map(|response| response.map(wrap));
        // Neither a rejection nor the response of an inner fallback is good.
        let is_original = report.is_none_or(|report| report.is_of_service());
        let pending = this.pending.get_mut().take().filter(|_| is_original);
        if let (Some(pending), Ok(response)) = (pending, &mut result) {
            pending.settle::<B, Err>(response);
        }
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}
