//! A function as a service, so that [`ResponseFuture`](super::future::ResponseFuture) can call it.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use tower_service::Service;

use super::{RequestReplay, spare_instance::InstanceSource};
use crate::{Attempt, time::Instant};

/// An async function as a service. Its requests are the attempts.
pub(super) struct FunctionService<F>(pub(super) F);

impl<F, Fut, Res, Err> Service<Attempt> for FunctionService<F>
where
    F: FnMut(Attempt) -> Fut,
    Fut: Future<Output = Result<Res, Err>>,
{
    type Response = Res;
    type Error = Err;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Err>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Fut {
        (self.0)(attempt)
    }
}

/// It is always ready and reserves nothing, so the same instance makes all attempts.
impl<F> InstanceSource<()> for FunctionService<F> {
    type Service = Self;

    fn poll_instance(&mut self, (): &(), _: &mut Context<'_>) -> Poll<&mut Self> {
        Poll::Ready(self)
    }

    fn release(&mut self) {}
}

/// The function gets the attempt in place of the request. Nothing has to be stored for that.
pub(super) struct AttemptAsRequest;

impl<Req> RequestReplay<Req> for AttemptAsRequest {
    type Request = Attempt;
    type Stored = ();
    type Prepare = Ready<Attempt>;

    fn store(&self, _: &mut Req) -> Option<()> {
        Some(())
    }

    fn wrap_request(&self, _: Req) -> Attempt {
        Attempt::new(1)
    }

    fn copy(&self, (): &mut ()) -> Option<Attempt> {
        Some(Attempt::new(1))
    }

    fn prepare(&self, request: Attempt, _: &Attempt) -> Ready<Attempt> {
        ready(request)
    }

    // The request is the attempt itself, whose number and times are only known right before the
    // call.
    fn before_attempt(&self, request: &mut Attempt, attempt: &Attempt, _: Option<Instant>) {
        *request = *attempt;
    }
}
