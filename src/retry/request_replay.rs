//! How a request is stored, to send it again.

use std::{
    fmt,
    future::{Ready, ready},
};

pub use crate::call_context::budget_scope::Deposits;
use crate::{Attempt, time::Instant};

/// Stores what is needed to send a request again.
///
/// The service may get another type than the caller's request: for example, a request whose body is
/// wrapped, so that it is stored while it is sent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't store a `{Req}` for another attempt",
    label = "this request can't be sent twice",
    note = "by default, requests are cloned: implement `Clone` for `{Req}`, or add the bound `{Req}: Clone` if it is a type parameter",
    note = "or copy it with a function: `RetryLayer::new(…).copy_request_with(|request: &{Req}| -> Option<{Req}> {{ … }})`"
)]
pub trait RequestReplay<Req> {
    /// The request that the service gets.
    type Request;
    /// What is stored of a request.
    type Stored;
    /// The future of [`prepare`](Self::prepare): [`Ready`] if there is nothing to do.
    type Prepare: Future<Output = Self::Request>;

    /// Stores a request before the first attempt. It may change the request, for example so that
    /// its body is stored while it is sent. `None`: the request can't be sent again.
    fn store(&self, request: &mut Req) -> Option<Self::Stored>;

    /// Turns a request, after [`store`](Self::store), into what the service gets in the first
    /// attempt.
    fn wrap_request(&self, request: Req) -> Self::Request;

    /// Whether [`copy`](Self::copy) can still return a request. A body that is stored while it is
    /// sent may have become too large. Called after each attempt, so it must be cheap.
    fn is_stored(&self, stored: &Self::Stored) -> bool {
        let _ = stored;
        true
    }

    /// Returns the request for the next attempt. `None`: the request can no longer be sent again.
    /// Called before the delay, because the retry discards a failure only if it has a request to
    /// send afterwards.
    fn copy(&self, stored: &mut Self::Stored) -> Option<Self::Request>;

    /// Changes the request that [`copy`](Self::copy) has returned, for example sets a fresh token.
    /// Called after the delay, within the attempt's time limit, before each attempt except the
    /// first.
    fn prepare(&self, request: Self::Request, attempt: &Attempt) -> Self::Prepare;

    /// Writes the number of the attempt or its deadline into the request. Called right before each
    /// attempt, the first one included. At `deadline`, the attempt's time is over; `None` without a
    /// limit.
    fn before_attempt(&self, request: &mut Self::Request, attempt: &Attempt, deadline: Option<Instant>) {
        let _ = (request, attempt, deadline);
    }

    /// Whether a request carries the list of budgets that have received its deposit, with the two
    /// methods below. Then an inner retry on the same budget doesn't deposit again, even on another
    /// task, such as behind a `tower::buffer`. HTTP and gRPC requests carry the list.
    #[inline]
    fn carries_deposits(&self) -> bool {
        false
    }

    /// Writes the list of budgets that have received their deposit into a request, before it is
    /// sent.
    fn carry_deposits(&self, request: &mut Self::Request, deposits: Deposits) {
        let _ = (request, deposits);
    }

    /// Reads the list that an outer retry has written into the request.
    #[inline]
    fn deposits(&self, request: &Req) -> Deposits {
        let _ = request;
        Deposits::default()
    }
}

/// Stores a clone of the request. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct CloneRequest;

#[diagnostic::do_not_recommend]
impl<Req: Clone> RequestReplay<Req> for CloneRequest {
    type Request = Req;
    type Stored = Req;
    type Prepare = Ready<Req>;

    #[inline]
    fn store(&self, request: &mut Req) -> Option<Req> {
        Some(request.clone())
    }

    #[inline]
    fn wrap_request(&self, request: Req) -> Req {
        request
    }

    fn copy(&self, stored: &mut Req) -> Option<Req> {
        Some(stored.clone())
    }

    fn prepare(&self, request: Req, _: &Attempt) -> Ready<Req> {
        ready(request)
    }
}

/// Stores a copy of the request, made by a function. See
/// [`RetryLayer::copy_request_with`](super::RetryLayer::copy_request_with).
#[derive(Clone, Copy)]
pub struct CopyWith<F>(pub(crate) F);

impl<F, Req> RequestReplay<Req> for CopyWith<F>
where
    F: Fn(&Req) -> Option<Req>,
{
    type Request = Req;
    type Stored = Req;
    type Prepare = Ready<Req>;

    fn store(&self, request: &mut Req) -> Option<Req> {
        (self.0)(request)
    }

    #[inline]
    fn wrap_request(&self, request: Req) -> Req {
        request
    }

    fn copy(&self, stored: &mut Req) -> Option<Req> {
        (self.0)(stored)
    }

    fn prepare(&self, request: Req, _: &Attempt) -> Ready<Req> {
        ready(request)
    }
}

/// Stores requests with another [`RequestReplay`], and changes them before later attempts with an
/// async function. See [`RetryLayer::before_resend`](super::RetryLayer::before_resend).
#[derive(Clone, Copy)]
pub struct PrepareResend<Replay, F> {
    pub(crate) replay: Replay,
    pub(crate) prepare: F,
}

impl<Replay, F, Fut, Req> RequestReplay<Req> for PrepareResend<Replay, F>
where
    Replay: RequestReplay<Req>,
    F: Fn(Replay::Request, Attempt) -> Fut,
    Fut: Future<Output = Replay::Request>,
{
    type Request = Replay::Request;
    type Stored = Replay::Stored;
    type Prepare = Fut;

    fn store(&self, request: &mut Req) -> Option<Self::Stored> {
        self.replay.store(request)
    }

    #[inline]
    fn wrap_request(&self, request: Req) -> Self::Request {
        self.replay.wrap_request(request)
    }

    fn is_stored(&self, stored: &Self::Stored) -> bool {
        self.replay.is_stored(stored)
    }

    fn copy(&self, stored: &mut Self::Stored) -> Option<Self::Request> {
        self.replay.copy(stored)
    }

    fn prepare(&self, request: Self::Request, attempt: &Attempt) -> Fut {
        (self.prepare)(request, *attempt)
    }

    fn before_attempt(&self, request: &mut Self::Request, attempt: &Attempt, deadline: Option<Instant>) {
        self.replay.before_attempt(request, attempt, deadline);
    }

    fn carries_deposits(&self) -> bool {
        self.replay.carries_deposits()
    }

    fn carry_deposits(&self, request: &mut Self::Request, deposits: Deposits) {
        self.replay.carry_deposits(request, deposits);
    }

    fn deposits(&self, request: &Req) -> Deposits {
        self.replay.deposits(request)
    }
}

impl<F> fmt::Debug for CopyWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

impl<Replay: fmt::Debug, F> fmt::Debug for PrepareResend<Replay, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrepareResend").field("replay", &self.replay).finish_non_exhaustive()
    }
}
