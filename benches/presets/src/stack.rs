//! A client's stack, built from the crate's layers: retry around breaker around the upstream.

use std::io;

use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, RetryConfig, RetryLayer,
    http::{Replay, StatusClassifier},
    retry::{NoTimeouts, Timeouts, quota::NoQuota},
};

use crate::{
    model::{
        trickle::{self, Trickle},
        wait_out::{self, WaitOut},
    },
    scenario::Scenario,
    upstream::{Request, Response, Upstream},
};

pub type Stack = BoxCloneSyncService<Request, Response, BreakerError<io::Error>>;

/// The type of the HTTP preset, with any settings.
pub type Retry = RetryConfig<StatusClassifier, NoTimeouts, NoQuota, Replay>;
pub type Breaker = BreakerConfig<StatusClassifier>;

/// The parts of a stack. Each client builds its own stack from them.
pub struct Parts {
    pub retry: Option<Box<dyn Fn() -> Retry + Send + Sync>>,
    pub breaker: Guard,
    pub limits: LimitedBy,
}

/// What limits the calls to the upstream.
pub enum Guard {
    Nothing,
    Breaker(Box<dyn Fn() -> Breaker + Send + Sync>),
    Model(trickle::Settings, wait_out::Settings),
}

/// Which part of the stack limits the time of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedBy {
    /// The retry limits attempts and requests, so it reads the clock when a request begins.
    Retry,
    /// The client, inside the breaker, limits each call. The retry reads the clock only after a
    /// failure.
    Client,
}

impl Parts {
    pub fn stack(&self, scenario: &Scenario, upstream: &Upstream, seed: u64) -> Stack {
        let upstream = match (&self.retry, self.limits) {
            (Some(_), LimitedBy::Retry) => upstream.clone(),
            _ => upstream.limited(scenario.limits().0),
        };
        match &self.breaker {
            Guard::Nothing => self.with_retry(scenario, seed, upstream.map_err(BreakerError::Inner)),
            Guard::Breaker(config) => {
                let layer = BreakerLayer::new(config().without_observers().seed(seed));
                self.with_retry(scenario, seed, layer.layer(upstream))
            }
            &Guard::Model(breaker, wait_out) => {
                let breaker = Trickle::new(breaker, seed, upstream);
                self.with_retry(scenario, seed, WaitOut::new(wait_out, seed, breaker))
            }
        }
    }

    fn with_retry<S>(&self, scenario: &Scenario, seed: u64, inner: S) -> Stack
    where
        S: Service<Request, Response = Response, Error = BreakerError<io::Error>, Future: Send + 'static>,
        S: Clone + Send + Sync + 'static,
    {
        let Some(config) = &self.retry else { return BoxCloneSyncService::new(inner) };
        let config = config().without_observers().seed(seed);
        let (attempt, total) = scenario.limits();
        match self.limits {
            LimitedBy::Retry => {
                let limits = Timeouts::attempt(attempt).total(total);
                BoxCloneSyncService::new(RetryLayer::new(config.timeouts(limits)).layer(inner))
            }
            LimitedBy::Client => BoxCloneSyncService::new(RetryLayer::new(config).layer(inner)),
        }
    }
}
