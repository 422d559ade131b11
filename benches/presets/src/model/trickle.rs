//! A breaker with the rules of preset B, written down as plainly as possible.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;
use tower::Service;
use tower_recourse::{BreakerConfig, BreakerError, Circuit, Rejection};

use crate::{
    random::{Purpose, Random},
    upstream::{Request, Response},
};

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Opens after so many failures in a row,
    pub failures: u32,
    /// of which the first is this old.
    pub lasting: Duration,
    /// Stays open for this share of the time for which it has been failing,
    pub share: f64,
    /// but no shorter than this,
    pub min: Duration,
    /// and no longer than this.
    pub max: Duration,
    /// The open time varies by this share.
    pub jitter: f64,
    /// While a probe is in flight, a rejection asks callers to return after 50 to 150 ms, in place
    /// of the time until the next probe.
    pub short_hints: bool,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    random: Random,
    /// Starts anew at each opening and closing; an ending of another generation is ignored.
    generation: u32,
    row: u32,
    failing_since: Option<Instant>,
    /// When the next probe is admitted; `None` while closed.
    next_probe: Option<Instant>,
    probes_in_flight: u32,
}

impl State {
    fn admit(&mut self, now: Instant) -> Result<u32, Duration> {
        if let Some(next) = self.next_probe {
            if now < next {
                return Err(next - now);
            }
            self.next_probe = Some(now + self.interval(now));
            self.probes_in_flight += 1;
        }
        Ok(self.generation)
    }

    fn end(&mut self, generation: u32, now: Instant, is_good: bool) {
        if generation != self.generation {
            return;
        }
        if is_good {
            self.row = 0;
            self.failing_since = None;
            if self.next_probe.take().is_some() {
                self.generation += 1;
            }
            self.probes_in_flight = 0;
        } else if self.next_probe.is_some() {
            self.probes_in_flight -= 1;
        } else {
            self.row += 1;
            let since = *self.failing_since.get_or_insert(now);
            if self.row >= self.settings.failures && now - since >= self.settings.lasting {
                self.generation += 1;
                self.next_probe = Some(now + self.interval(now));
            }
        }
    }

    fn interval(&mut self, now: Instant) -> Duration {
        let Settings { share, min, max, jitter, .. } = self.settings;
        let failing = self.failing_since.map_or(Duration::ZERO, |since| now - since);
        let spread = 1.0 + jitter * (2.0 * self.random.unit() - 1.0);
        failing.mul_f64(share).clamp(min, max).mul_f64(spread)
    }
}

/// A service behind this breaker. Clones are behind the same one.
#[derive(Clone)]
pub struct Trickle<S> {
    state: Arc<Mutex<State>>,
    /// Makes the rejections, which only a circuit can.
    rejecting: Circuit,
    inner: S,
}

impl<S> Trickle<S> {
    pub fn new(settings: Settings, seed: u64, inner: S) -> Self {
        let random = Random::new(Purpose::Trickle, seed);
        let state = State {
            settings,
            random,
            generation: 0,
            row: 0,
            failing_since: None,
            next_probe: None,
            probes_in_flight: 0,
        };
        let rejecting = Circuit::new(BreakerConfig::default().unobserved());
        rejecting.force_open();
        Self { state: Arc::new(Mutex::new(state)), rejecting, inner }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn rejection(&self) -> Rejection {
        self.rejecting.admit().expect_err("it is forced open")
    }

    /// When a rejected caller should return.
    pub fn retry_in(&self) -> Duration {
        let mut state = self.lock();
        let remaining = state.next_probe.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()));
        if state.settings.short_hints && state.probes_in_flight > 0 {
            let hint = Duration::from_secs_f64(0.05 + 0.1 * state.random.unit());
            return remaining.min(hint);
        }
        remaining
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An admitted call. Dropping it is a failure: only time limits drop calls here.
struct Permit {
    state: Arc<Mutex<State>>,
    generation: u32,
    is_good: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.state).end(self.generation, Instant::now(), self.is_good);
    }
}

impl<S> Service<Request> for Trickle<S>
where
    S: Service<Request, Response = Response, Error = io::Error, Future: Send + 'static>,
{
    type Response = Response;
    type Error = BreakerError<io::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(BreakerError::Inner)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let admitted = self.lock().admit(Instant::now());
        match admitted {
            Err(_) => {
                let rejection = self.rejection();
                Box::pin(async { Err(BreakerError::Rejected(rejection)) })
            }
            Ok(generation) => {
                let mut permit = Permit { state: self.state.clone(), generation, is_good: false };
                let call = self.inner.call(request);
                Box::pin(async move {
                    let result = call.await;
                    permit.is_good = result.as_ref().is_ok_and(|response| !response.status().is_server_error());
                    drop(permit);
                    result.map_err(BreakerError::Inner)
                })
            }
        }
    }
}
