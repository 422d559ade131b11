use std::fmt;

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

    /// Splits a request, before the first attempt, into what is sent and what is kept. `None`: it can't be sent again.
    fn keep(&self, request: Req) -> (Self::Request, Option<Self::Kept>);

    /// The request once more, from what was kept. `None`: it can't be sent again any more.
    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Request>;
}

/// Keeps a clone. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cloned;

#[diagnostic::do_not_recommend]
impl<Req: Clone> Keep<Req> for Cloned {
    type Request = Req;
    type Kept = Req;

    fn keep(&self, request: Req) -> (Req, Option<Req>) {
        let kept = request.clone();
        (request, Some(kept))
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        Some(kept.clone())
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

    fn keep(&self, request: Req) -> (Req, Option<Req>) {
        let kept = (self.0)(&request);
        (request, kept)
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        (self.0)(kept)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}
