use std::{fmt, pin::pin, time::Duration};

use tower_recourse::{RetryConfig, retry::Policy};
use tower_service::Service;

use super::{
    claim_loop::ClaimLoop,
    event::JobEvent,
    job_run::Shared,
    pause::Pause,
    policy::default_policy,
    settings::{Settings, bounded},
};
use crate::{InvalidValue, Queue, codec::Decode};

/// The type of the [default policy](super::default_policy).
pub type WorkerPolicy = RetryConfig;

/// Runs the jobs of a queue. See the [module](crate::worker).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`policy`](Self::policy) | 10 s, 30 s, 90 s; see [`default_policy`](super::default_policy) | |
/// | [`concurrency`](Self::concurrency) | 4 | an upstream that has just recovered isn't flooded |
/// | [`rate`](Self::rate) | no limit | only you know what the upstream bears |
/// | [`poll`](Self::poll) | 5 s | jobs start at their due times; polling only finds jobs that another process stored |
/// | [`lease`](Self::lease) | 30 s | a dead worker's jobs start again after at most this time |
/// | [`grace`](Self::grace) | 20 s | orchestrators kill a process 30 s after they ask it to stop |
/// | [`max_claims`](Self::max_claims) | 5 | a job that kills its worker must not kill all workers for ever |
/// | [`keep_done`](Self::keep_done) | one day | a caller can ask for the status, and a repeated request is recognised |
#[derive(Debug, Clone)]
pub struct Worker<Q, D, S, P = WorkerPolicy> {
    queue: Q,
    decode: D,
    service: S,
    policy: P,
    settings: Settings,
}

impl<Q, D, S> Worker<Q, D, S> {
    /// Makes a worker. `decode` makes the service's requests of jobs: [`Json`](crate::Json), or a
    /// closure (see [`Decode`]). Each job is called on a clone of the service.
    pub fn new(queue: Q, decode: D, service: S) -> Self {
        Self { queue, decode, service, policy: default_policy(), settings: Settings::default() }
    }
}

impl<Q, D, S, P> Worker<Q, D, S, P> {
    /// Decides about failed attempts: a changed [`default_policy`](super::default_policy), another
    /// `RetryConfig`, or your own `Policy`. Its time limits don't apply: put a timeout into the
    /// service.
    pub fn policy<NewPolicy>(self, policy: NewPolicy) -> Worker<Q, D, S, NewPolicy> {
        let Self { queue, decode, service, settings, .. } = self;
        Worker { queue, decode, service, policy, settings }
    }

    /// How many jobs run at once: at least 1.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn concurrency(mut self, jobs: u32) -> Result<Self, InvalidValue> {
        if jobs == 0 {
            return Err(InvalidValue::new("concurrency", jobs, "at least 1"));
        }
        self.settings.concurrency = jobs;
        Ok(self)
    }

    /// How many jobs start per time, evenly spaced.
    ///
    /// # Errors
    ///
    /// If one of them is 0.
    pub fn rate(mut self, jobs: u32, per: Duration) -> Result<Self, InvalidValue> {
        if jobs == 0 || per.is_zero() {
            return Err(InvalidValue::new("rate", format_args!("{jobs} per {per:?}"), "at least 1 job per time"));
        }
        self.settings.rate = Some((jobs, per));
        Ok(self)
    }

    /// The longest time between two looks into the queue.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn poll(mut self, interval: Duration) -> Result<Self, InvalidValue> {
        if interval.is_zero() {
            return Err(InvalidValue::new("poll", "0 s", "longer than 0 s"));
        }
        self.settings.poll = interval;
        Ok(self)
    }

    /// How long a claim lasts without a renewal: at least 100 ms. A stall of the process, or of the
    /// database, that lasts longer makes a job run twice at once, so seconds are too short.
    ///
    /// # Errors
    ///
    /// If it is shorter than 100 ms.
    pub fn lease(mut self, lease: Duration) -> Result<Self, InvalidValue> {
        if lease < Duration::from_millis(100) {
            return Err(InvalidValue::new("lease", format_args!("{lease:?}"), "at least 100 ms"));
        }
        self.settings.lease = bounded(lease);
        Ok(self)
    }

    /// How long a worker that stops waits for its jobs, and for a claim that has begun, before it
    /// returns the jobs to the queue.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// After how many claims in a row without an outcome a job is a dead letter: at least 1.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn max_claims(mut self, claims: u32) -> Result<Self, InvalidValue> {
        if claims == 0 {
            return Err(InvalidValue::new("max_claims", claims, "at least 1"));
        }
        self.settings.max_claims = claims;
        Ok(self)
    }

    /// How long done jobs stay in the queue.
    pub fn keep_done(mut self, time: Duration) -> Self {
        self.settings.keep_done = time;
        self
    }

    /// Adds an observer: `|event: &JobEvent<'_>| …`. The job's task calls it, so it must not block.
    pub fn observe(mut self, observer: impl Fn(&JobEvent<'_>) + Send + Sync + 'static) -> Self {
        self.settings.observers.add(observer);
        self
    }

    /// Runs jobs until `stop` ends. Then it claims no more, and finishes the jobs that it holds
    /// within the [grace](Self::grace), or returns them to the queue.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn run(self, stop: impl Future<Output = ()>)
    where
        Q: Queue,
        D: Decode,
        D::Request: Send,
        S: Service<D::Request, Response: Send, Error: fmt::Display + Send + 'static, Future: Send>
            + Clone
            + Send
            + 'static,
        P: Policy<D::Request, S::Response, S::Error, State: Send> + Send + Sync + 'static,
    {
        let Self { queue, decode, service, policy, settings } = self;
        let pause = Pause::new(settings.concurrency);
        let shared = Shared { queue, decode, policy, settings, pause, waits_again: tokio::sync::Notify::new() };
        ClaimLoop::new(shared, service).run(pin!(stop)).await;
    }
}
