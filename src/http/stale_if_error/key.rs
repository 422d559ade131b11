use std::fmt;

use ::http::{Request, header::HOST};

/// The key of a request, as the layer needs it.
pub trait RequestKey<B> {
    /// Whether the key covers the credentials of the request.
    const COVERS_CREDENTIALS: bool;

    /// The key, or `None` if the layer must ignore this request.
    fn key(&self, request: &Request<B>) -> Option<String>;
}

/// The default key: scheme, authority, `Host`, path and query. See
/// [`StaleIfErrorLayer::key`](super::StaleIfErrorLayer::key).
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetKey;

impl<B> RequestKey<B> for TargetKey {
    const COVERS_CREDENTIALS: bool = false;

    fn key(&self, request: &Request<B>) -> Option<String> {
        // The parts are separated by a byte that occurs in none of them.
        let mut key = request.uri().to_string();
        for host in request.headers().get_all(HOST) {
            key.push('\n');
            key.push_str(host.to_str().ok()?);
        }
        Some(key)
    }
}

/// A closure that returns the key. See [`StaleIfErrorLayer::key`](super::StaleIfErrorLayer::key).
#[derive(Clone)]
pub struct KeyFn<F>(pub(super) F);

impl<F, B> RequestKey<B> for KeyFn<F>
where
    F: Fn(&Request<B>) -> Option<String>,
{
    const COVERS_CREDENTIALS: bool = true;

    fn key(&self, request: &Request<B>) -> Option<String> {
        (self.0)(request)
    }
}

impl<F> fmt::Debug for KeyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFn(..)")
    }
}
