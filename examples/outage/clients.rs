//! The five clients: one hyper client each, and ever more around it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackError, FallbackLayer, Invalid, Ratio, RetryConfig, RetryLayer,
    Verdict,
    breaker::{OpenFor, OpenRule, Window},
    retry::{Backoff, Elapsed, Jitter, Policy, Timeouts, TokenBucket},
};

use crate::{
    script::{
        ATTEMPT_TIMEOUT, ATTEMPTS, BACKOFF, BREAKER_MINIMUM, BREAKER_OPEN, BREAKER_SHARE, BREAKER_WINDOW,
        BUDGET_PER_SECOND, BUDGET_SHARE, Script,
    },
    transport::{ClientError, transport},
};

/// What every client is to its callers.
pub(crate) type BoxClient = BoxCloneService<Request<Full<Bytes>>, Response<Bytes>, ClientError>;

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
    /// The same, but asks a breaker before every attempt, and a fallback when nothing helped.
    Stack,
}

/// Marks the fallback's responses, so that they can be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromFallback;

impl Client {
    /// In the order in which they are played.
    pub(crate) const ALL: [Client; 5] = [Client::Bare, Client::Naive, Client::Jitter, Client::Budget, Client::Stack];

    /// As the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Bare => "bare",
            Client::Naive => "naive retries",
            Client::Jitter => "back-off, full jitter",
            Client::Budget => "budget",
            Client::Stack => "the whole stack",
        }
    }

    /// A client that has met nobody yet: connections, budget and circuit are its own.
    pub(crate) fn service(self, script: &Script) -> Result<BoxClient, Invalid> {
        let at_once =
            || RetryConfig::default().idempotent().retries(ATTEMPTS - 1).backoff(Backoff::none()).without_budget();
        let spread = || at_once().backoff(Backoff::exponential(BACKOFF).jitter(Jitter::Full)).seed(script.seed);
        Ok(match self {
            Client::Bare => around_transport(at_once().retries(0)),
            Client::Naive => around_transport(at_once()),
            Client::Jitter => around_transport(spread()),
            Client::Budget => around_transport(spread().budget(budget()?)),
            Client::Stack => stack(spread().budget(budget()?), breaker()?),
        })
    }
}

/// Only retries, if any, around the hyper client.
fn around_transport(retry: RetryConfig) -> BoxClient {
    let retry = judged(retry, |_| ClientError::TimedOut);
    BoxCloneService::new(ServiceBuilder::new().layer(RetryLayer::with(retry)).service(transport()))
}

/// Everything, in the order that fits most purposes.
fn stack(retry: RetryConfig, breaker: BreakerConfig) -> BoxClient {
    let mut stale = Response::new(Bytes::from_static(b"what it was before"));
    stale.extensions_mut().insert(FromFallback);

    let retry = judged(retry, |_| BreakerError::Inner(ClientError::TimedOut));
    let service = ServiceBuilder::new()
        .map_err(|error: FallbackError<_, _>| match error.into_primary() {
            BreakerError::Inner(error) => error,
            BreakerError::Rejected(rejection) => ClientError::Rejected(rejection),
        })
        .layer(FallbackLayer::value(stale).classify(judge))
        .layer(RetryLayer::with(retry))
        .layer(BreakerLayer::new(breaker.classify(judge)))
        .service(transport());
    BoxCloneService::new(service)
}

/// Every client has the same time-out and the same notion of a failure, the bare one too.
fn judged<E>(
    retry: RetryConfig,
    timed_out: fn(Elapsed) -> E,
) -> impl Policy<Request<Full<Bytes>>, Response<Bytes>, E, State: Send> + Send + Sync + 'static
where
    E: 'static,
{
    retry
        .timeouts(Timeouts::attempt(ATTEMPT_TIMEOUT).answer(move |elapsed| Err(timed_out(elapsed))))
        .classify(judge::<E>)
}

/// The request only reads, so whatever went wrong, another attempt is allowed.
fn judge<E>(outcome: Result<&Response<Bytes>, &E>) -> Verdict {
    match outcome {
        Ok(response) if response.status().is_success() => Verdict::Success,
        _ => Verdict::transient(),
    }
}

fn budget() -> Result<TokenBucket, Invalid> {
    Ok(TokenBucket::share(BUDGET_SHARE)?.reserve(BUDGET_PER_SECOND))
}

fn breaker() -> Result<BreakerConfig, Invalid> {
    let window = Window::count(BREAKER_WINDOW)?.minimum(BREAKER_MINIMUM)?;
    Ok(BreakerConfig::default()
        .open_when(OpenRule::Ratio { failing: Ratio::new(BREAKER_SHARE)?, window })
        .open_for(OpenFor::fixed(BREAKER_OPEN)))
}
