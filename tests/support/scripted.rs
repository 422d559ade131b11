//! A service that follows a script, and an observer that records events.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};
use tower_recourse::observe::{Event, Observer};

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

/// What the service does next. The last step repeats.
#[derive(Debug, Clone)]
pub(crate) enum Step<T, E> {
    Answer(T),
    Fail(E),
    /// Responds after a delay.
    Late(Duration, Result<T, E>),
    /// Accepts the call and never responds.
    Hang,
    /// Fails to get ready, with this error.
    Unready(E),
    /// Never gets ready.
    Stuck,
}

pub(crate) use Step::*;

/// A service that follows a script. Following tower's contract, it must be polled ready before each
/// call, and clones start unready.
#[derive(Debug)]
pub(crate) struct Scripted<T, E = Oops> {
    script: Arc<Mutex<Script<T, E>>>,
    ready: bool,
}

#[derive(Debug)]
struct Script<T, E> {
    steps: VecDeque<Step<T, E>>,
    calls: Vec<Instant>,
}

impl<T: Clone, E: Clone> Scripted<T, E> {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step<T, E>>) -> Self {
        let script = Script { steps: steps.into_iter().collect(), calls: Vec::new() };
        Self { script: Arc::new(Mutex::new(script)), ready: false }
    }

    /// The number of calls.
    pub(crate) fn calls(&self) -> usize {
        self.script.lock().unwrap().calls.len()
    }

    /// The times between the calls.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        self.script.lock().unwrap().calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Replaces the script, so that a service that hangs or is stuck continues with this step.
    pub(crate) fn resume_with(&self, step: Step<T, E>) {
        self.script.lock().unwrap().steps = [step].into();
    }

    fn step(&self) -> Step<T, E> {
        self.script.lock().unwrap().steps.front().expect("a script has a step").clone()
    }

    fn done(&self) {
        let mut script = self.script.lock().unwrap();
        if script.steps.len() > 1 {
            script.steps.pop_front();
        }
    }
}

impl<T, E> Clone for Scripted<T, E> {
    fn clone(&self) -> Self {
        Self { script: Arc::clone(&self.script), ready: false }
    }
}

impl<T, E, Req> Service<Req> for Scripted<T, E>
where
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    type Response = T;
    type Error = E;
    type Future = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        match self.step() {
            Unready(error) => {
                self.done();
                Poll::Ready(Err(error))
            }
            Stuck => Poll::Pending,
            _ => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _: Req) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        let step = self.step();
        self.done();
        self.script.lock().unwrap().calls.push(Instant::now());
        Box::pin(async move {
            match step {
                Answer(response) => Ok(response),
                Fail(error) => Err(error),
                Late(time, result) => {
                    sleep(time).await;
                    result
                }
                Hang => pending().await,
                Unready(_) | Stuck => unreachable!("it wasn't ready"),
            }
        })
    }
}

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

/// The events that an observer received, in their `Debug` form.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventLog(Arc<Mutex<Vec<String>>>);

impl EventLog {
    pub(crate) fn observer(&self) -> impl Observer + use<> {
        let events = Arc::clone(&self.0);
        move |event: &Event<'_>| events.lock().unwrap().push(format!("{event:?}"))
    }

    /// The number of events that contain `part`.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|event| event.contains(part)).count()
    }

    /// Removes all events.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Whether the last event contains all of `parts`.
    pub(crate) fn last_has(&self, parts: &[&str]) -> bool {
        let events = self.0.lock().unwrap();
        events.last().is_some_and(|event| parts.iter().all(|part| event.contains(part)))
    }
}
