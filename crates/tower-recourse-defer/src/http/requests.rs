use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use tower_recourse::http::is_idempotent;

use super::stored_request;
use crate::{
    ClaimedJob, JobKey,
    codec::{CodecError, Decode, Encode},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Encodes and decodes HTTP requests: method, URI, chosen headers, and the body.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`header`](Self::header) | `accept`, `accept-language`, `content-encoding`, `content-language`, `content-type`, `idempotency-key` | a header that isn't named isn't stored, so no secret gets into the database by accident |
/// | [`keyed_by`](Self::keyed_by) | the header `Idempotency-Key`, or a random key | |
/// | [`max_body`](Self::max_body) | 256 KiB | a queue is no store of files |
/// | [`idempotent`](Self::idempotent) | no: the method, or the header `Idempotency-Key`, decides | the upstream doesn't recognise a repeated `POST` without a key |
///
/// Values that are marked as sensitive are stored only if their header was named. The URI is stored
/// with its query, so it must not contain secrets. Extensions, the HTTP version and trailers aren't
/// stored; a body with trailers is an error.
///
/// A decoded request has the header `Idempotency-Key`: its own, or else the job's key. The upstream
/// recognises a repeated job by it.
///
/// The worker's service gets a `Request<Full<Bytes>>`.
#[derive(Debug, Clone)]
pub struct HttpRequests {
    headers: Vec<HeaderName>,
    named: Vec<HeaderName>,
    max_body: usize,
    idempotent: bool,
    key: fn(&Parts) -> Option<String>,
}

impl Default for HttpRequests {
    fn default() -> Self {
        let headers = [
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_TYPE,
            IDEMPOTENCY_KEY,
        ];
        let (headers, named) = (headers.to_vec(), Vec::new());
        Self { headers, named, max_body: 256 << 10, idempotent: false, key: idempotency_key }
    }
}

impl HttpRequests {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores this header, too, even if its value is marked as sensitive. A stored `authorization`
    /// can be read by everyone who can read the database, and may have expired when the job runs:
    /// let the worker's client add its own instead.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.named.push(name);
        self
    }

    /// The longest body in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// States that the upstream may process each request twice without harm, whatever its method.
    ///
    /// Otherwise, requests for which [`is_idempotent`](tower_recourse::http::is_idempotent) returns
    /// false are deferred only if they provably weren't processed. The job's key doesn't help: the
    /// failed call didn't have it.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Makes the job's key of the request's head; `None` for a random key. Requests of different
    /// clients must not share a key, so if clients choose their idempotency keys freely, add the
    /// identity of the client.
    pub fn keyed_by(mut self, key: fn(&Parts) -> Option<String>) -> Self {
        self.key = key;
        self
    }

    fn stored_headers(&self, headers: &HeaderMap) -> HeaderMap {
        let is_stored = |name: &HeaderName, value: &HeaderValue| {
            self.named.contains(name) || (self.headers.contains(name) && !value.is_sensitive())
        };
        let stored = headers.iter().filter(|(name, value)| is_stored(name, value));
        stored.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The value of the header `Idempotency-Key`, with or without the quotes of a structured field.
fn idempotency_key(head: &Parts) -> Option<String> {
    let value = head.headers.get(IDEMPOTENCY_KEY)?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim_matches('"').to_owned())
}

impl<B> Encode<Request<B>> for HttpRequests
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn encode(&self, request: Request<B>) -> Result<(JobKey, Vec<u8>), CodecError> {
        let (head, body) = request.into_parts();
        let key = match (self.key)(&head) {
            Some(key) => JobKey::new(key).map_err(CodecError::new)?,
            None => JobKey::random(),
        };
        let collected = Limited::new(body, self.max_body).collect().await.map_err(CodecError::new)?;
        if collected.trailers().is_some() {
            return Err(CodecError::new("trailers can't be stored"));
        }
        let headers = self.stored_headers(&head.headers);
        let payload = stored_request::encode(&head.method, &head.uri, &headers, &collected.to_bytes())?;
        Ok((key, payload))
    }

    fn is_idempotent(&self, request: &Request<B>) -> bool {
        self.idempotent || is_idempotent(request)
    }
}

impl Decode for HttpRequests {
    type Request = Request<Full<Bytes>>;

    fn decode(&self, job: &ClaimedJob) -> Result<Self::Request, CodecError> {
        let mut request = stored_request::decode(&job.payload)?;
        if !request.headers().contains_key(IDEMPOTENCY_KEY) {
            let key = HeaderValue::from_str(job.lease.key.as_str()).map_err(CodecError::new)?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        Ok(request.map(Full::new))
    }
}
