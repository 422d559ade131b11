use std::{fmt, time::Duration};

use tower_layer::{Identity, Layer};

use super::{Http, Protocol};
use crate::http::deadline::{DeadlineLayer, DeadlineService};

/// All layers in the recommended order. See the [module](super).
///
/// | type parameter | is |
/// |---|---|
/// | `P` | the protocol: [`Http`], or `grpc::Grpc` |
/// | `Retry`, `Breaker`, `Fallback` | the layers. Those of the protocol, and no fallback, unless replaced |
///
/// # Clone
///
/// A clone shares the circuit and the budget.
pub struct StandardLayer<
    P: Protocol = Http,
    Retry = <P as Protocol>::Retry,
    Breaker = <P as Protocol>::Breaker,
    Fallback = Identity,
> {
    pub(super) total: Duration,
    pub(super) attempt: Duration,
    pub(super) fallback: Fallback,
    pub(super) retry: Retry,
    pub(super) breaker: Breaker,
    pub(super) edges: Edges<P>,
}

/// The layers that depend on the protocol alone.
pub(super) struct Edges<P: Protocol> {
    outermost: P::Outermost,
    attempt: P::Attempt,
    innermost: P::Innermost,
}

impl<P: Protocol> Default for Edges<P> {
    fn default() -> Self {
        Self { outermost: P::Outermost::default(), attempt: P::Attempt::default(), innermost: P::Innermost::default() }
    }
}

impl<P: Protocol> Clone for Edges<P> {
    fn clone(&self) -> Self {
        let Self { outermost, attempt, innermost } = self;
        Self { outermost: outermost.clone(), attempt: attempt.clone(), innermost: innermost.clone() }
    }
}

/// The service that a [`StandardLayer`] makes around a client `S`.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use tower_recourse::http::standard::Standard;
///
/// #[derive(Clone)]
/// struct AppState {
///     prices: Standard<Client<HttpConnector, Full<Bytes>>>,
/// }
/// ```
pub type Standard<S, L = StandardLayer> = <L as Layer<S>>::Service;

/// A [`StandardLayer`] with a [`FallbackLayer`](crate::FallbackLayer), whose backup is a `B`. All
/// other parts are those of the protocol.
#[cfg(feature = "fallback")]
pub type WithFallback<B, Merge = crate::fallback::KeepBoth, P = Http> = StandardLayer<
    P,
    <P as Protocol>::Retry,
    <P as Protocol>::Breaker,
    super::ReservedFallback<
        crate::FallbackLayer<B, <P as Protocol>::FallbackClassifier, Merge>,
        <P as Protocol>::Timeout,
    >,
>;

impl<S, P, Retry, Breaker, Fallback> Layer<S> for StandardLayer<P, Retry, Breaker, Fallback>
where
    P: Protocol,
    P::Innermost: Layer<S>,
    P::Attempt: Layer<<P::Innermost as Layer<S>>::Service>,
    Breaker: Layer<<P::Attempt as Layer<<P::Innermost as Layer<S>>::Service>>::Service>,
    Retry: Layer<Breaker::Service>,
    Fallback: Layer<Retry::Service>,
    P::Outermost: Layer<DeadlineService<Fallback::Service, P::Timeout>>,
{
    type Service = <P::Outermost as Layer<DeadlineService<Fallback::Service, P::Timeout>>>::Service;

    fn layer(&self, inner: S) -> Self::Service {
        let Edges { outermost, attempt, innermost } = &self.edges;
        let attempts = self.retry.layer(self.breaker.layer(attempt.layer(innermost.layer(inner))));
        let deadline = DeadlineLayer::new(self.total).timeout_outcome(P::Timeout::default());
        outermost.layer(deadline.layer(self.fallback.layer(attempts)))
    }
}

impl<P: Protocol, Retry: Clone, Breaker: Clone, Fallback: Clone> Clone for StandardLayer<P, Retry, Breaker, Fallback> {
    fn clone(&self) -> Self {
        Self {
            total: self.total,
            attempt: self.attempt,
            fallback: self.fallback.clone(),
            retry: self.retry.clone(),
            breaker: self.breaker.clone(),
            edges: self.edges.clone(),
        }
    }
}

impl<P, Retry, Breaker, Fallback> fmt::Debug for StandardLayer<P, Retry, Breaker, Fallback>
where
    P: Protocol,
    Retry: fmt::Debug,
    Breaker: fmt::Debug,
    Fallback: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardLayer")
            .field("total", &self.total)
            .field("attempt", &self.attempt)
            .field("fallback", &self.fallback)
            .field("retry", &self.retry)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}
