//! The services that all contenders call, and how the bench calls them.

use std::{
    cell::Cell,
    error::Error,
    fmt,
    future::{Ready, ready},
    hint::{black_box, spin_loop},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
};

use tower::Service;

pub type Request = u64;
pub type Answer = Result<u64, Down>;

/// The error of a service that is down.
#[derive(Debug, Clone, Copy)]
pub struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl Error for Down {}

/// Every call succeeds.
#[derive(Debug, Clone, Copy)]
pub enum Healthy {}

/// Whether a call fails.
pub trait Health: Send + 'static {
    fn fails() -> bool;
}

impl Health for Healthy {
    #[inline]
    fn fails() -> bool {
        false
    }
}

/// Every call fails.
#[derive(Debug, Clone, Copy)]
pub enum Broken {}

impl Health for Broken {
    #[inline]
    fn fails() -> bool {
        true
    }
}

/// One of every `CALLS` calls of a thread fails.
#[derive(Debug, Clone, Copy)]
pub enum FailsOnceIn<const CALLS: u64> {}

impl<const CALLS: u64> Health for FailsOnceIn<CALLS> {
    #[inline]
    fn fails() -> bool {
        thread_local!(static CALLED: Cell<u64> = const { Cell::new(0) });
        let called = CALLED.get() + 1;
        // All instances share this count, also those with another `CALLS`.
        CALLED.set(if called >= CALLS { 0 } else { called });
        called >= CALLS
    }
}

#[derive(Debug)]
pub struct Upstream<H>(std::marker::PhantomData<fn() -> H>);

impl<H> Upstream<H> {
    pub fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<H> Clone for Upstream<H> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<H: Health> Service<Request> for Upstream<H> {
    type Response = u64;
    type Error = Down;
    type Future = Ready<Answer>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        ready(if H::fails() { Err(Down) } else { Ok(black_box(request)) })
    }
}

/// Polls a service ready, calls it, and polls the future by hand to completion, so that no runtime
/// is measured. Returns whether the call succeeded.
// Always inlined, so that no contender pays for a function call that others don't.
#[inline(always)]
pub fn call<S: Service<Request>>(service: &mut S, request: Request) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    at_once(|| service.call(black_box(request)), Result::is_ok)
}

/// The bare service's response, for contenders that call a function.
#[inline(always)]
pub fn answer<H: Health>() -> Answer {
    at_once(|| Upstream::<H>::new().call(black_box(7)), |answer| *answer)
}

/// Polls a future in place and passes its output to `look` by reference, so that neither is moved.
/// A future that waits for another thread is polled until it is ready, because parking and waking
/// would take longer.
#[inline(always)]
pub fn at_once<F: Future, T>(make: impl FnOnce() -> F, look: impl FnOnce(&F::Output) -> T) -> T {
    let mut future = pin!(make());
    match &future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => look(output),
        Poll::Pending => look(&again(future)),
    }
}

#[cold]
fn again<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    for polls in 1u32.. {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        // The other thread may need this core.
        if polls % 1_000 == 0 { thread::yield_now() } else { spin_loop() }
    }
    panic!("the future never became ready")
}
