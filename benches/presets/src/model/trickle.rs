//! A simple implementation of a breaker with the rules of preset B.

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
    /// The number of failures in a row that opens the circuit.
    pub failures: u32,
    /// The minimum age of the first failure in this row.
    pub lasting: Duration,
    /// The open time as a share of the time for which calls have been failing.
    pub share: f64,
    /// The shortest open time.
    pub min: Duration,
    /// The longest open time.
    pub max: Duration,
    /// The share by which the open time varies.
    pub jitter: f64,
    /// Whether a rejection hints at 50 to 150 ms while a probe is in flight, instead of the time
    /// until the next probe.
    pub short_hints: bool,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    random: Random,
    /// Incremented when the circuit opens or closes. Results of calls that other generations
    /// admitted are ignored.
    generation: u32,
    row: u32,
    failing_since: Option<Instant>,
    /// When the circuit admits the next probe; `None` while closed.
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

/// A service behind this breaker. Clones share the breaker.
#[derive(Clone)]
pub struct Trickle<S> {
    state: Arc<Mutex<State>>,
    /// Creates the rejections: only a circuit can.
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
        let rejecting = Circuit::new(BreakerConfig::default().without_observers());
        rejecting.force_open();
        Self { state: Arc::new(Mutex::new(state)), rejecting, inner }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn rejection(&self) -> Rejection {
        self.rejecting.try_acquire().expect_err("it is forced open")
    }

    /// The time after which a rejected caller should return.
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

/// An admitted call. Dropping it unfinished counts as a failure, because only time limits drop
/// calls here.
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
