use std::future::{Ready, ready};

use ::http::{Extensions, HeaderMap, Method, Request, Uri, Version};

use super::{Replay, Replayable, head_copy};
use crate::{
    Attempt,
    http::{Deadline, message_body::is_upgrade, resend_count::count_resend},
    retry::{Deposits, RequestReplay},
    time::Instant,
};

/// The stored copy of a request.
pub struct StoredRequest<B: Replayable> {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
    body: B::Stored,
}

impl<B: Replayable> RequestReplay<Request<B>> for Replay {
    type Request = Request<B>;
    type Stored = StoredRequest<B>;
    type Prepare = Ready<Request<B>>;

    #[inline]
    fn store(&self, request: &mut Request<B>) -> Option<StoredRequest<B>> {
        if is_upgrade(request) {
            return None;
        }
        let body = request.body_mut().store(self)?;
        let (uri, headers) = if B::is_recorded(&body) { head_copy::deep(request) } else { head_copy::shallow(request) };
        Some(StoredRequest {
            method: request.method().clone(),
            uri,
            version: request.version(),
            headers,
            extensions: request.extensions().clone(),
            body,
        })
    }

    #[inline]
    fn wrap_request(&self, request: Request<B>) -> Request<B> {
        request
    }

    fn is_stored(&self, stored: &StoredRequest<B>) -> bool {
        B::is_stored(&stored.body)
    }

    fn copy(&self, stored: &mut StoredRequest<B>) -> Option<Request<B>> {
        let mut request = Request::new(B::copy(&mut stored.body)?);
        count_resend(&mut stored.extensions);
        *request.method_mut() = stored.method.clone();
        *request.uri_mut() = stored.uri.clone();
        *request.version_mut() = stored.version;
        *request.headers_mut() = stored.headers.clone();
        *request.extensions_mut() = stored.extensions.clone();
        Some(request)
    }

    /// Lowers the request's [`Deadline`] to the attempt's. Sets the [`Attempt`] as an extension.
    fn before_attempt(&self, request: &mut Request<B>, attempt: &Attempt, deadline: Option<Instant>) {
        // The first attempt has no extension, because the first one that is inserted allocates.
        if attempt.number() > 1 {
            request.extensions_mut().insert(*attempt);
        }
        if let Some(deadline) = deadline.map(Deadline::new) {
            // With a custom classifier that ignores the request's own deadline, the attempt's may
            // be later. Keep the earlier one.
            deadline.lower(request.extensions_mut());
        }
    }

    fn prepare(&self, request: Request<B>, _: &Attempt) -> Ready<Request<B>> {
        ready(request)
    }

    #[inline]
    fn carries_deposits(&self) -> bool {
        true
    }

    /// Stores the deposits in a request extension.
    fn carry_deposits(&self, request: &mut Request<B>, deposits: Deposits) {
        let carried = request.extensions().get().copied().unwrap_or_default();
        request.extensions_mut().insert(deposits.and(carried));
    }

    #[inline]
    fn deposits(&self, request: &Request<B>) -> Deposits {
        request.extensions().get().copied().unwrap_or_default()
    }
}
