use std::{
    fmt,
    future::{Ready, ready},
};

pub use crate::call_context::budget_scope::Deposits;
use crate::{Attempt, time::Instant};

/// Keeps what it takes to send a request again.
///
/// What the service gets may be of another type than the request: a body that is kept while it is sent is wrapped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't keep a `{Req}` for another attempt",
    label = "this request can't be sent twice",
    note = "by default a request is cloned: make `{Req}` `Clone`",
    note = "or say how to copy it, where that can be done at all: `RetryLayer::new(…).keep(|request: &{Req}| -> Option<{Req}> {{ … }})`"
)]
pub trait Keep<Req> {
    /// What the service gets.
    type Request;
    /// What is kept.
    type Kept;
    /// Makes a request ready to be sent again; [`Ready`] where there is nothing to do.
    type Prepared: Future<Output = Self::Request>;

    /// What is kept of a request, before the first attempt. It may change the request: have a part of it kept while it is sent, say. `None`: it
    /// can't be sent again.
    fn keep(&self, request: &mut Req) -> Option<Self::Kept>;

    /// What the service gets, of a request that was [kept](Self::keep), or that can't be.
    fn sent(&self, request: Req) -> Self::Request;

    /// Whether there still is a request to be had from what was kept. Asked of each attempt that has come back, so cheap: what is
    /// kept while it is sent may turn out to be too much.
    fn is_kept(&self, kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// The request once more, from what was kept. `None`: it can't be sent again any more. Asked before the wait, so that a
    /// failure is only let go if there is something to be sent after it.
    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Request>;

    /// Makes what [`again`](Self::again) gave ready to be sent, after the wait: a fresh token, say. It takes of the attempt's time.
    fn prepare(&self, request: Self::Request, attempt: &Attempt) -> Self::Prepared;

    /// An attempt is about to be made with this request, the first one included, and is cut off at `ends_at` if it is given: the
    /// place to write its number or its deadline into it.
    fn stamp(&self, request: &mut Self::Request, attempt: &Attempt, ends_at: Option<Instant>) {
        let _ = (request, attempt, ends_at);
    }

    /// Whether requests carry which budgets have got their deposit, by the two methods below. A retry further in on the same
    /// budget then doesn't deposit once more, also on another task: behind a `tower::buffer`, say. HTTP's and gRPC's do.
    #[inline]
    fn carries_deposits(&self) -> bool {
        false
    }

    /// Writes into a request, before it is sent, which budgets have got their deposit.
    fn carry_deposits(&self, request: &mut Self::Request, deposits: Deposits) {
        let _ = (request, deposits);
    }

    /// The budgets that have got their deposit, as a retry further out has written it into the request.
    #[inline]
    fn deposits(&self, request: &Req) -> Deposits {
        let _ = request;
        Deposits::default()
    }
}

/// Keeps a clone. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cloned;

#[diagnostic::do_not_recommend]
impl<Req: Clone> Keep<Req> for Cloned {
    type Request = Req;
    type Kept = Req;
    type Prepared = Ready<Req>;

    #[inline]
    fn keep(&self, request: &mut Req) -> Option<Req> {
        Some(request.clone())
    }

    #[inline]
    fn sent(&self, request: Req) -> Req {
        request
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        Some(kept.clone())
    }

    fn prepare(&self, request: Req, _: &Attempt) -> Ready<Req> {
        ready(request)
    }
}

/// Keeps a copy made by a function, where it makes one.
#[derive(Clone, Copy)]
pub struct FromFn<F>(pub(crate) F);

impl<F, Req> Keep<Req> for FromFn<F>
where
    F: Fn(&Req) -> Option<Req>,
{
    type Request = Req;
    type Kept = Req;
    type Prepared = Ready<Req>;

    fn keep(&self, request: &mut Req) -> Option<Req> {
        (self.0)(request)
    }

    #[inline]
    fn sent(&self, request: Req) -> Req {
        request
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        (self.0)(kept)
    }

    fn prepare(&self, request: Req, _: &Attempt) -> Ready<Req> {
        ready(request)
    }
}

/// Keeps as another [`Keep`] does, and changes what is sent again by an async function.
#[derive(Clone, Copy)]
pub struct Prepared<K, F> {
    pub(crate) keep: K,
    pub(crate) prepare: F,
}

#[diagnostic::do_not_recommend]
impl<K, F, Fut, Req> Keep<Req> for Prepared<K, F>
where
    K: Keep<Req>,
    F: Fn(K::Request, Attempt) -> Fut,
    Fut: Future<Output = K::Request>,
{
    type Request = K::Request;
    type Kept = K::Kept;
    type Prepared = Fut;

    fn keep(&self, request: &mut Req) -> Option<Self::Kept> {
        self.keep.keep(request)
    }

    #[inline]
    fn sent(&self, request: Req) -> Self::Request {
        self.keep.sent(request)
    }

    fn is_kept(&self, kept: &Self::Kept) -> bool {
        self.keep.is_kept(kept)
    }

    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Request> {
        self.keep.again(kept)
    }

    fn prepare(&self, request: Self::Request, attempt: &Attempt) -> Fut {
        (self.prepare)(request, *attempt)
    }

    fn stamp(&self, request: &mut Self::Request, attempt: &Attempt, ends_at: Option<Instant>) {
        self.keep.stamp(request, attempt, ends_at);
    }

    fn carries_deposits(&self) -> bool {
        self.keep.carries_deposits()
    }

    fn carry_deposits(&self, request: &mut Self::Request, deposits: Deposits) {
        self.keep.carry_deposits(request, deposits);
    }

    fn deposits(&self, request: &Req) -> Deposits {
        self.keep.deposits(request)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

impl<K: fmt::Debug, F> fmt::Debug for Prepared<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("keep", &self.keep).finish_non_exhaustive()
    }
}
