use std::sync::Arc;

use ::http::{HeaderMap, Response, header::CONTENT_LENGTH};
use ::http_body::{Body, Frame};
use bytes::Bytes;

use super::{stored_head::StoredHead, stored_response::StoredResponse};
use crate::{fallback::last_good::store::Store, http::remaining_length::RemainingLength, time::Instant};

pub(super) type ResponseStore = Store<Arc<StoredResponse>>;

/// A response whose body is being received. It is stored when the body has ended well.
#[derive(Debug)]
pub(super) struct Recording {
    store: Arc<ResponseStore>,
    key: String,
    head: StoredHead,
    requested_at: Instant,
    bytes: Vec<u8>,
    max_body: usize,
    remaining: RemainingLength,
}

impl Recording {
    pub(super) fn new<B: Body>(
        store: Arc<ResponseStore>,
        key: String,
        head: StoredHead,
        requested_at: Instant,
        max_body: usize,
        response: &Response<B>,
    ) -> Self {
        Self { store, key, head, requested_at, bytes: Vec::new(), max_body, remaining: RemainingLength::of(response) }
    }

    /// Copies a frame. The copy doesn't keep the connection's buffer in memory. `None` if the
    /// response can't be stored: it has trailers, or is too large. Then it removes the older one.
    pub(super) fn add(mut self: Box<Self>, frame: &Frame<Bytes>) -> Option<Box<Self>> {
        self.remaining.subtract(frame);
        match frame.data_ref() {
            Some(data) if data.len() <= self.max_body - self.bytes.len() => {
                self.bytes.extend_from_slice(data);
                Some(self)
            }
            _ => {
                self.store.remove(&self.key, self.requested_at);
                None
            }
        }
    }

    /// Whether all announced bytes have been received.
    pub(super) fn has_all_bytes(&self) -> bool {
        self.remaining.is_complete()
    }

    /// Stores the response, unless its body is shorter or longer than announced.
    pub(super) fn finish(self: Box<Self>) {
        if !self.remaining.is_incomplete() && fits_length(&self.head.headers, self.bytes.len()) {
            self.store();
        }
    }

    /// Stores the response to HEAD, whose headers announce the length of another body.
    pub(super) fn finish_without_body(self: Box<Self>) {
        self.store();
    }

    fn store(self: Box<Self>) {
        let Self { store, key, head, requested_at, bytes, .. } = *self;
        // A boxed slice has no spare capacity.
        let body = Bytes::from(bytes.into_boxed_slice());
        let response = StoredResponse { head, body, requested_at };
        let weight = response.weight(&key);
        store.insert(key, Arc::new(response), weight, requested_at);
    }
}

/// Whether each `Content-Length` is this length.
fn fits_length(headers: &HeaderMap, length: usize) -> bool {
    let is_length = |text: &str| text.parse() == Ok(length);
    headers.get_all(CONTENT_LENGTH).iter().all(|value| value.to_str().is_ok_and(is_length))
}
