//! The testing kit, with the names and the assertions that the tests use.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::{error::Error, fmt, task::Context, time::Duration};

use tower::{Service, ServiceExt};
use tower_recourse::{observe::Observer, testing::EventRecorder};

#[allow(unused_imports, reason = "every test binary uses its own part")]
pub(crate) use tower_recourse::testing::{Script, Step, fail, hang, not_ready, readiness_error, succeed};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// An error of a type that no classifier knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oops(pub u32);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl Error for Oops {}

/// Makes one call: `ready`, then `call`.
pub(crate) async fn ready_and_call<S, Req>(service: &mut S, request: Req) -> Result<S::Response, S::Error>
where
    S: Service<Req>,
{
    service.ready().await?.call(request).await
}

/// Polls a service ready, which must succeed at once, calls it, and returns the future.
pub(crate) trait CallWhenReady<Req>: Service<Req> {
    fn call_when_ready(&mut self, request: Req) -> Self::Future {
        assert!(self.poll_ready(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
        self.call(request)
    }
}

impl<S: Service<Req>, Req> CallWhenReady<Req> for S {}

/// The events that an observer received.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventLog(EventRecorder);

impl EventLog {
    pub(crate) fn observer(&self) -> impl Observer + use<> {
        self.0.clone()
    }

    /// The number of events that contain `part` in their `Debug` form.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.0.events().iter().filter(|event| format!("{:?}", event.event()).contains(part)).count()
    }

    /// Removes all events.
    pub(crate) fn clear(&self) {
        self.0.take();
    }

    /// Whether the last event contains all of `parts` in its `Debug` form.
    pub(crate) fn last_has(&self, parts: &[&str]) -> bool {
        let events = self.0.events();
        let shown = events.last().map(|event| format!("{:?}", event.event()));
        shown.is_some_and(|event| parts.iter().all(|part| event.contains(part)))
    }
}
