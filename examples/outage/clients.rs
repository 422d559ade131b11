//! The clients: a hyper client with an increasing number of layers around it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackError, FallbackLayer, InvalidConfig, RetryConfig, RetryLayer,
    Verdict,
    breaker::{OpenDuration, TripRule},
    http::StatusClassifier,
    retry::{Backoff, Elapsed, Jitter, Policy, Timeouts, TokenBucket},
};

use crate::{
    script::{
        ATTEMPT_TIMEOUT, ATTEMPTS, BACKOFF, BUDGET_AT_START, BUDGET_PER_SECOND, BUDGET_SHARE, LONG_BREAKER_FAILURES,
        LONG_BREAKER_OPEN, Script,
    },
    transport::{Answer, ClientError, transport},
};

/// The service type of all clients.
pub(crate) type BoxClient = BoxCloneService<Request<Full<Bytes>>, Answer, ClientError>;

/// What a client does when an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Returns the failure.
    Bare,
    /// Retries at once.
    Naive,
    /// Retries after a random wait.
    Jitter,
    /// The same, within a retry budget.
    Budget,
    /// The whole stack, but with a breaker that opens after few failures and for a long time, as
    /// most libraries configure it by default.
    LongBreaker,
    /// A fallback around the crate's presets for HTTP: `RetryConfig::http` around
    /// `BreakerConfig::http`.
    Stack,
}

/// Marks the fallback's responses, so that the example can count them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromFallback;

impl Client {
    /// All clients, in the order of the run.
    pub(crate) const ALL: [Client; 6] =
        [Client::Bare, Client::Naive, Client::Jitter, Client::Budget, Client::LongBreaker, Client::Stack];

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Bare => "bare",
            Client::Naive => "naive retries",
            Client::Jitter => "backoff, full jitter",
            Client::Budget => "budget",
            Client::LongBreaker => "stack, 30 s breaker",
            Client::Stack => "the whole stack",
        }
    }

    /// Creates a client with its own connections, budget and circuit.
    pub(crate) fn service(self, script: &Script) -> Result<BoxClient, InvalidConfig> {
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

/// Puts only a retry around the hyper client.
fn around_transport(retry: RetryConfig) -> BoxClient {
    BoxCloneService::new(ServiceBuilder::new().layer(RetryLayer::with(judged(retry))).service(transport()))
}

/// Puts all layers around the hyper client, in the recommended order. The retry is the HTTP preset
/// plus a seed and a time limit per attempt, which the preset leaves to the user.
fn stack(script: &Script, breaker: BreakerConfig<StatusClassifier>) -> BoxClient {
    let mut stale = Response::new(Full::from("a stale response"));
    stale.extensions_mut().insert(FromFallback);

    let timed_out = |_: Elapsed| Err(BreakerError::Inner(ClientError::TimedOut));
    let retry =
        RetryConfig::http().timeouts(Timeouts::attempt(ATTEMPT_TIMEOUT).on_timeout(timed_out)).seed(script.seed);
    let service = ServiceBuilder::new()
        .map_err(|error: FallbackError<_, _>| match error.into_primary() {
            BreakerError::Inner(error) => error,
            BreakerError::Rejected(rejection) => ClientError::Rejected(rejection),
        })
        .layer(FallbackLayer::value(stale).classifier(StatusClassifier::default().ignore_client_errors()))
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::new(breaker))
        .service(transport());
    BoxCloneService::new(service)
}

/// Adds the time limit and the classifier that all clients share, including the bare one.
fn judged(
    retry: RetryConfig,
) -> impl Policy<Request<Full<Bytes>>, Answer, ClientError, State: Send> + Send + Sync + 'static {
    retry
        .timeouts(Timeouts::attempt(ATTEMPT_TIMEOUT).on_timeout(|_: Elapsed| Err(ClientError::TimedOut)))
        .classify(judge)
}

/// Classifies every failure as transient: the request only reads, so a retry is always safe.
fn judge(outcome: Result<&Answer, &ClientError>) -> Verdict {
    match outcome {
        Ok(response) if response.status().is_success() => Verdict::Success,
        _ => Verdict::transient(),
    }
}

fn budget() -> Result<TokenBucket, InvalidConfig> {
    TokenBucket::retry_ratio(BUDGET_SHARE)?.min_per_second(BUDGET_PER_SECOND).initial(BUDGET_AT_START)
}

fn long_breaker() -> Result<BreakerConfig<StatusClassifier>, InvalidConfig> {
    Ok(BreakerConfig::http()
        .open_when(TripRule::consecutive(LONG_BREAKER_FAILURES)?)
        .open_for(OpenDuration::fixed(LONG_BREAKER_OPEN)))
}
