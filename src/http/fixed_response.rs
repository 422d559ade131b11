use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use ::http::Response;
use bytes::Bytes;

use crate::fallback::{Backup, PrimaryFailure};

/// A stored response as the backup of a [`FallbackLayer`](crate::FallbackLayer). It works for every
/// body type that can be made from bytes, also for those that aren't `Clone`, such as
/// [`ResponseBody`](super::ResponseBody) and axum's `Body`.
///
/// ```
/// use http::Response;
/// use tower_recourse::{FallbackLayer, http::{StatusClassifier, FixedResponse}};
///
/// let layer = FallbackLayer::with(FixedResponse::new(Response::new("[]".into())))
///     .classifier(StatusClassifier::default().ignore_client_errors()) // for 429, 5xx, errors and rejections
///     .keep_primary_error();
/// # let _ = layer;
/// ```
///
/// *When not to use it*: for a response that depends on the request, or that changes. Use
/// [`FallbackLayer::with_request`](crate::FallbackLayer::with_request).
///
/// # Clone
///
/// A clone shares the response. Each answer clones the headers; the body's bytes are shared.
#[derive(Debug, Clone)]
pub struct FixedResponse(Arc<Response<Bytes>>);

impl FixedResponse {
    /// Answers with clones of this response.
    pub fn new(response: Response<Bytes>) -> Self {
        Self(Arc::new(response))
    }
}

impl<Req, B: From<Bytes>, Err> Backup<Req, Response<B>, Err> for FixedResponse {
    type Stored = ();
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn store(&self, _: &Req) {}

    fn answer(self, (): (), _: PrimaryFailure<'_, Response<B>, Err>) -> Self::Future {
        ready(Ok(Response::clone(&self.0).map(B::from)))
    }
}
