use std::future::{Ready, ready};

use ::http::{HeaderValue, Request};

use super::timeout;
use crate::{
    Attempt,
    http::{Deadline, Replay, Replayable, replay::KeptRequest},
    retry::{Deposits, Keep},
    time::Instant,
};

/// Copies gRPC requests like [`Replay`], and sets their headers: `grpc-previous-rpc-attempts` on
/// each retry, and, if an attempt has a deadline, the time that is left as `grpc-timeout`.
///
/// ```
/// use tower_recourse::{RetryConfig, grpc::Stamped, http::Replay};
///
/// // Requests of up to 1 MiB can be resent.
/// let config = RetryConfig::grpc().keeping(Stamped::new(Replay::default().max_body(1 << 20)));
/// # let _ = config;
/// ```
///
/// # Clone
///
/// Clones share the memory limit for all bodies.
#[derive(Debug, Clone, Default)]
pub struct Stamped {
    replay: Replay,
}

impl Stamped {
    /// Stores bodies within the limits of `replay`.
    pub fn new(replay: Replay) -> Self {
        Self { replay }
    }
}

impl<B: Replayable> Keep<Request<B>> for Stamped {
    type Request = Request<B>;
    type Kept = KeptRequest<B>;
    type Prepared = Ready<Request<B>>;

    fn keep(&self, request: &mut Request<B>) -> Option<KeptRequest<B>> {
        self.replay.keep(request)
    }

    #[inline]
    fn sent(&self, request: Request<B>) -> Request<B> {
        request
    }

    fn is_kept(&self, kept: &KeptRequest<B>) -> bool {
        self.replay.is_kept(kept)
    }

    fn again(&self, kept: &mut KeptRequest<B>) -> Option<Request<B>> {
        self.replay.again(kept)
    }

    fn prepare(&self, request: Request<B>, _: &Attempt) -> Ready<Request<B>> {
        ready(request)
    }

    fn stamp(&self, request: &mut Request<B>, attempt: &Attempt, ends_at: Option<Instant>) {
        self.replay.stamp(request, attempt, ends_at);
        let headers = request.headers_mut();
        if attempt.number() > 1 {
            headers.insert("grpc-previous-rpc-attempts", HeaderValue::from(attempt.number() - 1));
        }
        if let Some(ends_at) = ends_at {
            headers.insert(timeout::TIMEOUT, timeout::written(Deadline::new(ends_at).left()));
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
