//! The upstream: a model of a server that is a tower service.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::Empty;
use tokio::time::{Instant, sleep_until};
use tower::Service;

use crate::{
    random::{Purpose, Random},
    scenario::{Calls, Fault, LONG, Scenario},
};

pub type Request = http::Request<Empty<Bytes>>;
pub type Response = http::Response<Empty<Bytes>>;

/// The duration of a refused call.
const REFUSAL: Duration = Duration::from_millis(1);
/// The duration of a successful call.
const ANSWER: Duration = Duration::from_millis(10);
const WORKERS: usize = 8;
const QUEUE: usize = 1_000;

/// A handle to the upstream. Clones are handles to the same upstream.
#[derive(Clone)]
pub struct Upstream {
    server: Arc<Mutex<Server>>,
    /// The client's time limit per call, for stacks that have none.
    limit: Option<Duration>,
}

struct Server {
    scenario: Scenario,
    fault: Span,
    /// The server counts attempts within this span, for the protection.
    counted: Span,
    attempts: u64,
    random: Random,
    /// The tokens of the rate limit at `refilled`.
    tokens: f64,
    refilled: Instant,
    /// When each worker becomes free.
    free: [Instant; WORKERS],
    /// When each queued call starts.
    queue: VecDeque<Instant>,
}

/// From one instant (included) to another (excluded).
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: Instant,
    pub to: Instant,
}

impl Span {
    pub fn contains(&self, instant: Instant) -> bool {
        self.from <= instant && instant < self.to
    }
}

/// A response extension: the body breaks off.
#[derive(Debug, Clone, Copy)]
pub struct BreaksOff;

/// The server's response and its time. `at` is `None` if it never responds.
struct Outcome {
    at: Option<Instant>,
    result: Result<Response, io::ErrorKind>,
}

impl Upstream {
    pub fn new(scenario: Scenario, fault: Span, seed: u64) -> Self {
        let judged_after = if scenario.lasts > PROTECTED_AFTER { PROTECTED_AFTER } else { scenario.lasts / 2 };
        let server = Server {
            scenario,
            fault,
            counted: Span { from: fault.from + judged_after, to: fault.to },
            attempts: 0,
            random: Random::new(Purpose::Upstream, seed),
            tokens: 1.0,
            refilled: fault.from,
            free: [fault.from - scenario.warm_up(); WORKERS],
            queue: VecDeque::new(),
        };
        Self { server: Arc::new(Mutex::new(server)), limit: None }
    }

    /// A handle whose calls fail after this time.
    pub fn limited(&self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self.clone() }
    }

    /// The attempts that the upstream received while protection was due.
    pub fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After this time of a fault, the rule limits the attempts on a dead upstream.
pub const PROTECTED_AFTER: Duration = Duration::from_secs(5);

impl Server {
    fn call(&mut self, now: Instant) -> Outcome {
        self.attempts += u64::from(self.counted.contains(now));
        let is_faulty = self.fault.contains(now);
        match self.scenario.fault {
            Fault::Refuses if is_faulty => refused(now),
            Fault::Hangs if is_faulty => Outcome::never(),
            Fault::Fails(share) if is_faulty && self.random.unit() < share => {
                Outcome::status(now + ANSWER, StatusCode::SERVICE_UNAVAILABLE)
            }
            Fault::LimitsRate(share) if is_faulty => self.limit_rate(now, share * self.scenario.rate),
            Fault::PoolHangs | Fault::Surge => self.enqueue(now),
            _ => self.answer(now),
        }
    }

    fn answer(&mut self, now: Instant) -> Outcome {
        let long = match self.scenario.calls {
            Calls::Short => Duration::ZERO,
            _ => Duration::from_secs_f64(LONG.0 + (LONG.1 - LONG.0) * self.random.unit()),
        };
        let (at, ends) = match self.scenario.calls {
            Calls::Long => (now + long, now + long),
            _ => (now + ANSWER, now + ANSWER + long),
        };
        // A fault also ends the calls in flight.
        let starts_before = now < self.fault.from;
        match self.scenario.fault {
            Fault::Refuses if starts_before && at > self.fault.from => broken(self.fault.from),
            Fault::Hangs if starts_before && at > self.fault.from => Outcome::never(),
            Fault::Refuses | Fault::Hangs if starts_before && ends > self.fault.from => {
                let mut outcome = Outcome::status(at, StatusCode::OK);
                if let Ok(response) = &mut outcome.result {
                    response.extensions_mut().insert(BreaksOff);
                }
                outcome
            }
            _ => Outcome::status(at, StatusCode::OK),
        }
    }

    /// A token bucket that holds the calls of a tenth of a second.
    fn limit_rate(&mut self, now: Instant, rate: f64) -> Outcome {
        let refill = rate * (now - self.refilled).as_secs_f64();
        (self.tokens, self.refilled) = ((self.tokens + refill).min((0.1 * rate).max(2.0)), now);
        if self.tokens < 1.0 {
            return Outcome::status(now + REFUSAL, StatusCode::TOO_MANY_REQUESTS);
        }
        self.tokens -= 1.0;
        self.answer(now)
    }

    /// Queues calls first in, first out. A call that its client has abandoned still takes a
    /// worker's time.
    fn enqueue(&mut self, now: Instant) -> Outcome {
        while self.queue.front().is_some_and(|&start| start <= now) {
            self.queue.pop_front();
        }
        if self.queue.len() >= QUEUE {
            return Outcome::status(now + REFUSAL, StatusCode::SERVICE_UNAVAILABLE);
        }
        let free = self.free.iter_mut().min().expect("there are workers");
        let start = now.max(*free);
        if start > now {
            self.queue.push_back(start);
        }
        let hangs = self.scenario.fault == Fault::PoolHangs && self.fault.contains(start);
        *free = if hangs { self.fault.to } else { start + ANSWER };
        if hangs { Outcome::never() } else { Outcome::status(*free, StatusCode::OK) }
    }
}

fn refused(now: Instant) -> Outcome {
    Outcome { at: Some(now + REFUSAL), result: Err(io::ErrorKind::ConnectionRefused) }
}

fn broken(at: Instant) -> Outcome {
    Outcome { at: Some(at), result: Err(io::ErrorKind::ConnectionReset) }
}

impl Outcome {
    fn status(at: Instant, status: StatusCode) -> Self {
        let mut response = Response::default();
        *response.status_mut() = status;
        Self { at: Some(at), result: Ok(response) }
    }

    fn never() -> Self {
        Self { at: None, result: Err(io::ErrorKind::TimedOut) }
    }

    fn within(self, limit: Option<Instant>) -> Self {
        match limit {
            Some(limit) if self.at.is_none_or(|at| at > limit) => {
                Self { at: Some(limit), result: Err(io::ErrorKind::TimedOut) }
            }
            _ => self,
        }
    }
}

impl Service<Request> for Upstream {
    type Response = Response;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let now = Instant::now();
        let Outcome { at, result } = self.lock().call(now).within(self.limit.map(|limit| now + limit));
        Box::pin(async move {
            match at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
            result.map_err(io::Error::from)
        })
    }
}
