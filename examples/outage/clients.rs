//! The clients: one hyper client each, and more and more layers around it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackError, FallbackLayer, Invalid, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenFor, OpenRule},
    http::Health,
    retry::{Backoff, Elapsed, Jitter, Policy, Timeouts, TokenBucket},
};

use crate::{
    script::{
        ATTEMPT_TIMEOUT, ATTEMPTS, BACKOFF, BUDGET_AT_START, BUDGET_PER_SECOND, BUDGET_SHARE, LONG_BREAKER_FAILURES,
        LONG_BREAKER_OPEN, Script,
    },
    transport::{Answer, ClientError, transport},
};

/// What every client is to its callers.
pub(crate) type BoxClient = BoxCloneService<Request<Full<Bytes>>, Answer, ClientError>;

/// What a client does when an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Returns the failure.
    Bare,
    /// Tries again at once.
    Naive,
    /// Tries again after a random wait.
    Jitter,
    /// The same, as long as retries are a small share of the requests.
    Budget,
    /// The whole stack, but with a breaker that opens after few failures and for long, as most
    /// libraries configure it by default.
    LongBreaker,
    /// A fallback around the crate's presets for HTTP: `RetryConfig::http` around
    /// `BreakerConfig::http`.
    Stack,
}

/// Marks the fallback's responses, so that they can be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromFallback;

impl Client {
    /// In the order in which they are played.
    pub(crate) const ALL: [Client; 6] =
        [Client::Bare, Client::Naive, Client::Jitter, Client::Budget, Client::LongBreaker, Client::Stack];

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Bare => "bare",
            Client::Naive => "naive retries",
            Client::Jitter => "back-off, full jitter",
            Client::Budget => "budget",
            Client::LongBreaker => "stack, 30 s breaker",
            Client::Stack => "the whole stack",
        }
    }

    /// A new client: connections, budget and circuit are its own.
    pub(crate) fn service(self, script: &Script) -> Result<BoxClient, Invalid> {
        let at_once =
            || RetryConfig::default().idempotent().retries(ATTEMPTS - 1).backoff(Backoff::none()).without_budget();
        let spread = || at_once().backoff(Backoff::exponential(BACKOFF).jitter(Jitter::Full)).seed(script.seed);
        Ok(match self {
            Client::Bare => around_transport(at_once().retries(0)),
            Client::Naive => around_transport(at_once()),
            Client::Jitter => around_transport(spread()),
            Client::Budget => around_transport(spread().budget(budget()?)),
            Client::LongBreaker => stack(script, long_breaker()?),
            Client::Stack => stack(script, BreakerConfig::http()),
        })
    }
}

/// Only retries, if any, around the hyper client.
fn around_transport(retry: RetryConfig) -> BoxClient {
    BoxCloneService::new(ServiceBuilder::new().layer(RetryLayer::with(judged(retry))).service(transport()))
}

/// Everything, in the order that fits most purposes. The retry is the preset for HTTP; only the
/// time limit of an attempt, which the preset leaves to the user, and the seed are added.
fn stack(script: &Script, breaker: BreakerConfig<Health>) -> BoxClient {
    let mut stale = Response::new(Full::from("what it was before"));
    stale.extensions_mut().insert(FromFallback);

    let timed_out = |_: Elapsed| Err(BreakerError::Inner(ClientError::TimedOut));
    let retry = RetryConfig::http().timeouts(Timeouts::attempt(ATTEMPT_TIMEOUT).answer(timed_out)).seed(script.seed);
    let service = ServiceBuilder::new()
        .map_err(|error: FallbackError<_, _>| match error.into_primary() {
            BreakerError::Inner(error) => error,
            BreakerError::Rejected(rejection) => ClientError::Rejected(rejection),
        })
        .layer(FallbackLayer::value(stale).classifier(Health))
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::new(breaker))
        .service(transport());
    BoxCloneService::new(service)
}

/// Every client has the same time limit and counts the same answers as failures, the bare one too.
fn judged(
    retry: RetryConfig,
) -> impl Policy<Request<Full<Bytes>>, Answer, ClientError, State: Send> + Send + Sync + 'static {
    retry.timeouts(Timeouts::attempt(ATTEMPT_TIMEOUT).answer(|_: Elapsed| Err(ClientError::TimedOut))).classify(judge)
}

/// The request only reads, so another attempt is allowed after any failure.
fn judge(outcome: Result<&Answer, &ClientError>) -> Verdict {
    match outcome {
        Ok(response) if response.status().is_success() => Verdict::Success,
        _ => Verdict::transient(),
    }
}

fn budget() -> Result<TokenBucket, Invalid> {
    TokenBucket::share(BUDGET_SHARE)?.reserve(BUDGET_PER_SECOND).initial(BUDGET_AT_START)
}

fn long_breaker() -> Result<BreakerConfig<Health>, Invalid> {
    Ok(BreakerConfig::http()
        .open_when(OpenRule::consecutive(LONG_BREAKER_FAILURES)?)
        .open_for(OpenFor::fixed(LONG_BREAKER_OPEN)))
}
