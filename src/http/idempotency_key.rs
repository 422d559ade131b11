use std::{
    fmt,
    task::{Context, Poll},
};

use ::http::{HeaderName, HeaderValue, Method, Request};
use rand::{TryRng, rngs::SysRng};
use tower_layer::Layer;
use tower_service::Service;

use super::idempotency::{HasKey, IDEMPOTENCY_KEY, has_key_in_header};
use crate::random;

/// Adds an `Idempotency-Key` to each POST and PATCH, so that a retry inside this layer can resend
/// it.
///
/// **Use it only with services that store such keys.** A service that stores keys answers the
/// second request with the same key like the first, without executing it again. Any other service
/// executes a repeated POST twice.
///
/// ```text
/// request ─▶ IdempotencyKey ─▶ Retry ─▶ client
///            one key per request   all attempts have this key
/// ```
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::ServiceBuilder;
/// use tower_recourse::{RetryConfig, RetryLayer, http::IdempotencyKeyLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = ServiceBuilder::new()
///     .layer(IdempotencyKeyLayer::new())                      // one key for all attempts
///     .layer(RetryLayer::new(RetryConfig::http()))
///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
/// # let _ = client;
/// # }
/// ```
///
/// # Order
///
/// Put the layer outside the retry, and outside a fallback that sends the request to the same
/// service, so that all attempts have the same key. Inside the retry, each attempt would have a
/// different key. The retry wouldn't see the keys either, so it wouldn't resend a POST:
///
/// ```
/// # use tower::ServiceBuilder;
/// # use tower_recourse::{RetryConfig, RetryLayer, http::IdempotencyKeyLayer};
/// let stack = ServiceBuilder::new()                           // wrong: one key per attempt
///     .layer(RetryLayer::new(RetryConfig::http()))
///     .layer(IdempotencyKeyLayer::new());
/// # let _ = stack;
/// ```
///
/// # The key
///
/// A request that already has a key keeps it. Otherwise the layer sets a random UUID (version 4)
/// from the operating system's generator, as a quoted string, as the
/// [IETF draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)
/// requires. [`header`](Self::header) sets another header name, and [`generate`](Self::generate)
/// another generator. If the key should name a business event ("order 17 is paid"), set the header
/// on the request yourself: such a key also survives a restart of the client.
///
/// # When not to use it
///
/// In servers and gateways that receive requests from outside: the header doesn't make their
/// handlers idempotent.
///
/// # Errors
///
/// The layer adds none. If the operating system's generator fails, the layer falls back to a
/// generator in the process.
///
/// # Clone
///
/// The layer has no shared state; keys are independent of each other.
///
/// # Cancel safety
///
/// The layer returns the inner service's future unchanged.
#[derive(Clone)]
pub struct IdempotencyKeyLayer<F = fn() -> HeaderValue> {
    header: HeaderName,
    generate: F,
}

impl IdempotencyKeyLayer {
    /// Sets random keys in the header `Idempotency-Key`.
    pub fn new() -> Self {
        Self { header: IDEMPOTENCY_KEY, generate: random_key }
    }
}

impl Default for IdempotencyKeyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> IdempotencyKeyLayer<F> {
    /// Sets the name of the header that the service reads the key from; `Idempotency-Key` by
    /// default. A request that has a key in this header counts as idempotent as well.
    ///
    /// ```
    /// use http::HeaderName;
    /// use tower_recourse::http::IdempotencyKeyLayer;
    ///
    /// let layer = IdempotencyKeyLayer::new().header(HeaderName::from_static("paypal-request-id"));
    /// # let _ = layer;
    /// ```
    pub fn header(self, header: HeaderName) -> Self {
        Self { header, ..self }
    }

    /// Sets a function that makes the keys. Keys must be unique, because the service treats two
    /// requests with the same key as one.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use http::HeaderValue;
    /// use tower_recourse::http::IdempotencyKeyLayer;
    ///
    /// static NEXT: AtomicU64 = AtomicU64::new(0);
    /// let layer = IdempotencyKeyLayer::new().generate(|| HeaderValue::from(NEXT.fetch_add(1, Ordering::Relaxed)));
    /// # let _ = layer;
    /// ```
    pub fn generate<G: Fn() -> HeaderValue>(self, generate: G) -> IdempotencyKeyLayer<G> {
        IdempotencyKeyLayer { header: self.header, generate }
    }
}

impl<S, F: Clone> Layer<S> for IdempotencyKeyLayer<F> {
    type Service = IdempotencyKey<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        IdempotencyKey { inner, keys: self.clone() }
    }
}

impl<F> fmt::Debug for IdempotencyKeyLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyKeyLayer").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Adds a key to POST and PATCH requests. Made by [`IdempotencyKeyLayer`].
#[derive(Debug, Clone)]
pub struct IdempotencyKey<S, F = fn() -> HeaderValue> {
    inner: S,
    keys: IdempotencyKeyLayer<F>,
}

crate::service::call_methods!(IdempotencyKey<S, F>);

impl<S, F, B> Service<Request<B>> for IdempotencyKey<S, F>
where
    S: Service<Request<B>>,
    F: Fn() -> HeaderValue,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let IdempotencyKeyLayer { header, generate } = &self.keys;
        let mut has_key = has_key_in_header(request.headers(), header);
        if !has_key && matches!(*request.method(), Method::POST | Method::PATCH) {
            request.headers_mut().insert(header, generate());
            has_key = true;
        }
        // The retry reads the standard header by itself; for any other header it needs this
        // extension.
        if has_key && *header != IDEMPOTENCY_KEY {
            request.extensions_mut().insert(HasKey);
        }
        self.inner.call(request)
    }
}

/// For example `"8e03978e-40d5-43e8-bc93-6894a57f9324"`, with the quotes.
fn random_key() -> HeaderValue {
    let mut bytes = [0; 16];
    if SysRng.try_fill_bytes(&mut bytes).is_err() {
        let halves = [random::fresh_seed(), random::fresh_seed()].map(u64::to_be_bytes);
        bytes.copy_from_slice(halves.as_flattened());
    }
    HeaderValue::from_str(&quoted_uuid(bytes)).expect("a quoted UUID is a valid header value")
}

/// Formats a version 4 UUID (RFC 9562).
fn quoted_uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = 0x40 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    let number = u128::from_be_bytes(bytes);
    let part = |from: u32, digits: u32| (number >> (128 - 4 * (from + digits))) & ((1 << (4 * digits)) - 1);
    format!("\"{:08x}-{:04x}-{:04x}-{:04x}-{:012x}\"", part(0, 8), part(8, 4), part(12, 4), part(16, 4), part(20, 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(quoted_uuid([0xFF; 16]), "\"ffffffff-ffff-4fff-bfff-ffffffffffff\"");
        assert_eq!(quoted_uuid([0; 16]), "\"00000000-0000-4000-8000-000000000000\"");
        let counted = std::array::from_fn(|place| u8::try_from(place).unwrap());
        assert_eq!(quoted_uuid(counted), "\"00010203-0405-4607-8809-0a0b0c0d0e0f\"");
    }
}
