//! Copies of reqwest's requests.

use std::future::{Ready, ready};

use ::reqwest::{Body, Request};

use crate::{
    Attempt,
    http::{self, Replayable, message_body::is_upgrade},
    retry::RequestReplay,
};

/// Copies reqwest's requests so that they can be resent. A body of bytes in memory is shared, of
/// any length. A streaming body is recorded while it is sent, with the limits of
/// [`http::Replay`](crate::http::Replay): 64 KiB per body and 64 MiB in all by default.
///
/// ```
/// use tower_recourse::{RetryConfig, RetryLayer, http, reqwest};
///
/// let replay = reqwest::Replay::from(http::Replay::default().max_body(1 << 20));
/// let layer = RetryLayer::new(RetryConfig::reqwest().replay(replay));
/// # let _ = layer;
/// ```
///
/// A request that asks for an upgrade (`Upgrade`, CONNECT) is sent once.
///
/// # Clone
///
/// Clones share the memory limit for all bodies.
// Not an impl for `http::Replay`: with two request types, the compiler couldn't infer the request
// of `service.ready().await?` any more.
#[derive(Debug, Clone, Default)]
pub struct Replay(http::Replay);

impl From<http::Replay> for Replay {
    fn from(limits: http::Replay) -> Self {
        Self(limits)
    }
}

/// The stored copy of a request.
pub struct StoredRequest {
    /// Everything but the body.
    head: Request,
    body: Option<<Body as Replayable>::Stored>,
}

impl RequestReplay<Request> for Replay {
    type Request = Request;
    type Stored = StoredRequest;
    type Prepare = Ready<Request>;

    fn store(&self, request: &mut Request) -> Option<StoredRequest> {
        if is_upgrade(request) {
            return None;
        }
        let mut body = request.body_mut().take();
        let stored = body.as_mut().map(|body| body.store(&self.0));
        // Only `try_clone` copies the extensions. It fails for streams, so it is called without the
        // body.
        let head = request.try_clone();
        *request.body_mut() = body;
        match stored {
            Some(None) => None,
            stored => Some(StoredRequest { head: head?, body: stored.flatten() }),
        }
    }

    fn wrap_request(&self, request: Request) -> Request {
        request
    }

    fn is_stored(&self, stored: &StoredRequest) -> bool {
        stored.body.as_ref().is_none_or(Body::is_stored)
    }

    fn copy(&self, stored: &mut StoredRequest) -> Option<Request> {
        let mut request = stored.head.try_clone()?;
        if let Some(body) = &mut stored.body {
            *request.body_mut() = Some(Body::copy(body)?);
        }
        Some(request)
    }

    fn prepare(&self, request: Request, _: &Attempt) -> Ready<Request> {
        ready(request)
    }
}
