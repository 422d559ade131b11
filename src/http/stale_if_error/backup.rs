use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use ::http::{Request, Response};
use ::http_body::Body;

use super::{
    access::{Access, Lookup},
    body::LastGoodBody,
    key::RequestKey,
    settings::Shared,
};
use crate::fallback::{Backup, PrimaryFailure, last_good::NoStoredResponse};

/// The backup of a [`StaleIfErrorLayer`](super::StaleIfErrorLayer).
#[derive(Clone)]
pub struct StoredResponses<K> {
    pub(super) shared: Arc<Shared>,
    pub(super) key: K,
}

impl<K, ReqBody, B, Err> Backup<Request<ReqBody>, Response<LastGoodBody<B>>, Err> for StoredResponses<K>
where
    K: RequestKey<ReqBody>,
    ReqBody: Body,
{
    type Stored = Option<RequestLookup>;
    type Error = NoStoredResponse;
    type Future = Ready<Result<Response<LastGoodBody<B>>, NoStoredResponse>>;

    fn store(&self, request: &Request<ReqBody>) -> Option<RequestLookup> {
        match Access::of(request, &self.key, &self.shared.vary_by) {
            Access::Use(lookup) if !lookup.refuses_stored => Some(RequestLookup(lookup)),
            _ => None,
        }
    }

    fn answer(
        self,
        lookup: Option<RequestLookup>,
        _: PrimaryFailure<'_, Response<LastGoodBody<B>>, Err>,
    ) -> Self::Future {
        let answer = lookup.and_then(|RequestLookup(lookup)| {
            let stored = self.shared.store.find(&lookup.key)?;
            stored.answer(&lookup, self.shared.max_age)
        });
        ready(answer.ok_or(NoStoredResponse))
    }
}

/// What the backup needs of a request.
pub struct RequestLookup(Lookup);

impl<K> fmt::Debug for StoredResponses<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredResponses").field("store", &self.shared.store).finish_non_exhaustive()
    }
}
