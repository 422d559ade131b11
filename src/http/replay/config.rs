use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use ::http::{Extensions, HeaderMap, Method, Request, Uri, Version};
use ::http_body::Body;
use bytes::Bytes;

use super::{CloneableBody, Replayable, head, memory_limit::Pool};
use crate::{
    Attempt, InvalidConfig,
    http::{Deadline, method::upgrades},
    retry::{Deposits, RequestReplay},
    time::Instant,
};

/// Copies HTTP requests so that they can be resent: clones the head, and records the body while it
/// is sent. See the [module](super).
///
/// # Clone
///
/// Clones share the memory limit for all bodies.
#[derive(Clone)]
pub struct Replay {
    pub(super) max_body: usize,
    pub(super) pool: Arc<Pool>,
    max_memory: usize,
}

impl Default for Replay {
    fn default() -> Self {
        let max_memory = 64 << 20;
        Self { max_body: 64 << 10, pool: Arc::new(Pool::new(max_memory)), max_memory }
    }
}

impl Replay {
    /// Sets how many bytes of one body are stored at most: 64 KiB by default, like linkerd. With 0,
    /// only empty bodies can be resent.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how many bytes of all bodies together are stored at most: 64 MiB by default. The limit
    /// is shared with clones that are made after this call.
    ///
    /// # Errors
    ///
    /// If `bytes` is less than [`max_body`](Self::max_body).
    pub fn max_memory(mut self, bytes: usize) -> Result<Self, InvalidConfig> {
        if bytes < self.max_body {
            return Err(InvalidConfig::new("max_memory", bytes, "at least `max_body`"));
        }
        self.max_memory = bytes;
        self.pool = Arc::new(Pool::new(bytes));
        Ok(self)
    }

    /// Makes the request's body cloneable. All clones share one stored copy. See [`CloneableBody`].
    pub fn cloneable<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Request<CloneableBody<B>> {
        if upgrades(&request) {
            return request.map(CloneableBody::once);
        }
        let mut shared = request.map(|body| CloneableBody::new(body, self));
        if shared.body().is_recorded() {
            let (uri, headers) = own_head(&shared);
            (*shared.uri_mut(), *shared.headers_mut()) = (uri, headers);
        }
        shared
    }

    /// The number of bytes that are stored now.
    pub fn memory_in_use(&self) -> usize {
        self.pool.used()
    }
}

#[inline]
fn head<B>(request: &Request<B>) -> (Uri, HeaderMap) {
    (request.uri().clone(), request.headers().clone())
}

// Out of line, because most requests have no body to record.
#[inline(never)]
fn own_head<B>(request: &Request<B>) -> (Uri, HeaderMap) {
    (head::uri(request.uri()), head::headers(request.headers()))
}

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
        if upgrades(request) {
            return None;
        }
        let body = request.body_mut().store(self)?;
        let (uri, headers) = if B::is_recorded(&body) { own_head(request) } else { head(request) };
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
    fn into_request(&self, request: Request<B>) -> Request<B> {
        request
    }

    fn is_stored(&self, kept: &StoredRequest<B>) -> bool {
        B::is_stored(&kept.body)
    }

    fn copy(&self, kept: &mut StoredRequest<B>) -> Option<Request<B>> {
        let mut request = Request::new(B::copy(&mut kept.body)?);
        *request.method_mut() = kept.method.clone();
        *request.uri_mut() = kept.uri.clone();
        *request.version_mut() = kept.version;
        *request.headers_mut() = kept.headers.clone();
        *request.extensions_mut() = kept.extensions.clone();
        Some(request)
    }

    /// Lowers the request's [`Deadline`] to the attempt's.
    fn before_attempt(&self, request: &mut Request<B>, _: &Attempt, ends_at: Option<Instant>) {
        if let Some(ends_at) = ends_at.map(Deadline::new) {
            // A custom classifier may ignore the request's own deadline. It is never raised here.
            let deadline = request.extensions().get().map_or(ends_at, |own: &Deadline| ends_at.min(*own));
            request.extensions_mut().insert(deadline);
        }
    }

    fn prepare(&self, request: Request<B>, _: &Attempt) -> Ready<Request<B>> {
        ready(request)
    }

    #[inline]
    fn carries_deposits(&self) -> bool {
        true
    }

    /// Stores them in a request extension.
    fn carry_deposits(&self, request: &mut Request<B>, deposits: Deposits) {
        let carried = request.extensions().get().copied().unwrap_or_default();
        request.extensions_mut().insert(deposits.and(carried));
    }

    #[inline]
    fn deposits(&self, request: &Request<B>) -> Deposits {
        request.extensions().get().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("max_body", &self.max_body)
            .field("max_memory", &self.max_memory)
            .field("memory", &self.memory_in_use())
            .finish_non_exhaustive()
    }
}
