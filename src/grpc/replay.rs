use std::future::{Ready, ready};

use ::http::{HeaderValue, Request};

use super::timeout_header;
use crate::{
    Attempt,
    http::{Deadline, Replay, Replayable, replay::StoredRequest},
    retry::{Deposits, RequestReplay},
    time::Instant,
};

/// Copies gRPC requests like [`Replay`], and sets their headers: `grpc-previous-rpc-attempts` on
/// each retry, and, if an attempt has a deadline, the time that is left as `grpc-timeout`.
///
/// ```
/// use tower_recourse::{RetryConfig, grpc::GrpcReplay, http::Replay};
///
/// // Requests of up to 1 MiB can be resent.
/// let config = RetryConfig::grpc().replay(GrpcReplay::new(Replay::default().max_body(1 << 20)));
/// # let _ = config;
/// ```
///
/// # Clone
///
/// Clones share the memory limit for all bodies.
#[derive(Debug, Clone, Default)]
pub struct GrpcReplay {
    replay: Replay,
}

impl GrpcReplay {
    /// Stores bodies within the limits of `replay`.
    pub fn new(replay: Replay) -> Self {
        Self { replay }
    }
}

impl<B: Replayable> RequestReplay<Request<B>> for GrpcReplay {
    type Request = Request<B>;
    type Stored = StoredRequest<B>;
    type Prepare = Ready<Request<B>>;

    fn store(&self, request: &mut Request<B>) -> Option<StoredRequest<B>> {
        self.replay.store(request)
    }

    #[inline]
    fn wrap_request(&self, request: Request<B>) -> Request<B> {
        request
    }

    fn is_stored(&self, stored: &StoredRequest<B>) -> bool {
        self.replay.is_stored(stored)
    }

    fn copy(&self, stored: &mut StoredRequest<B>) -> Option<Request<B>> {
        self.replay.copy(stored)
    }

    fn prepare(&self, request: Request<B>, _: &Attempt) -> Ready<Request<B>> {
        ready(request)
    }

    fn before_attempt(&self, request: &mut Request<B>, attempt: &Attempt, deadline: Option<Instant>) {
        self.replay.before_attempt(request, attempt, deadline);
        let headers = request.headers_mut();
        if attempt.number() > 1 {
            headers.insert("grpc-previous-rpc-attempts", HeaderValue::from(attempt.number() - 1));
        }
        if let Some(deadline) = deadline {
            headers.insert(timeout_header::TIMEOUT, timeout_header::format(Deadline::new(deadline).remaining()));
        }
    }

    #[inline]
    fn carries_deposits(&self) -> bool {
        true
    }

    fn carry_deposits(&self, request: &mut Request<B>, deposits: Deposits) {
        self.replay.carry_deposits(request, deposits);
    }

    #[inline]
    fn deposits(&self, request: &Request<B>) -> Deposits {
        self.replay.deposits(request)
    }
}
