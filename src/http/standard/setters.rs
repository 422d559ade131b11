use std::time::Duration;

#[cfg(feature = "fallback")]
use ::http::Response;
#[cfg(feature = "fallback")]
use bytes::Bytes;
use tower_layer::Identity;

#[cfg(feature = "fallback")]
use super::ReservedFallback;
use super::{Http, Protocol, StandardLayer, layer::Edges};
use crate::{
    BreakerConfig, BreakerLayer, Circuit, Name, RetryConfig, RetryLayer,
    retry::{TimeLimits, Timeouts},
};
#[cfg(feature = "fallback")]
use crate::{FallbackLayer, classify::ErrorClassifier, fallback::KeepPrimary, http::FixedResponse};

const TOTAL: Duration = Duration::from_secs(30);
const ATTEMPT: Duration = Duration::from_secs(10);
#[cfg(feature = "fallback")]
const RESERVE: Duration = Duration::from_secs(1);

impl StandardLayer<Http> {
    /// The stack for HTTP: a client, an axum router, a route. `name` is the name of the retry and
    /// of the circuit in [events](crate::observe).
    ///
    /// The retry treats a request with an `Idempotency-Key` as idempotent. Around a client, its own
    /// code sets the header. In a server or a gateway, any client can set it. There, ignore it,
    /// unless the service inside stores keys. The type of the stack stays the same:
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, http::{StandardLayer, StatusClassifier}};
    ///
    /// let by_method = StatusClassifier::default().ignore_idempotency_key();
    /// let layer: StandardLayer =
    ///     StandardLayer::http("orders").retry(RetryConfig::http().name("orders").classifier(by_method));
    /// # let _ = layer;
    /// ```
    pub fn http(name: impl Into<Name>) -> Self {
        let name = name.into();
        let breaker = BreakerConfig::http().name(name.clone());
        Self::with_parts(RetryConfig::http().name(name), BreakerLayer::new(breaker))
    }
}

#[cfg(feature = "fallback")]
impl<Retry, Breaker, Fallback> StandardLayer<Http, Retry, Breaker, Fallback> {
    /// Sets a stored response as the [fallback](Self::fallback), for 429, 5xx, errors and
    /// rejections. The error type stays that of the service. The type for a struct field is
    /// [`Standard<S, WithFallback<FixedResponse, KeepPrimary>>`](super::WithFallback).
    ///
    /// A stored response needs no time: set
    /// [`reserve_for_fallback`](Self::reserve_for_fallback) to a few milliseconds if
    /// [`total`](Self::total) is short.
    ///
    /// ```
    /// use http::Response;
    /// use tower_recourse::http::StandardLayer;
    ///
    /// let layer = StandardLayer::http("prices").fallback_response(Response::new("[]".into()));
    /// # let _ = layer;
    /// ```
    pub fn fallback_response(
        self,
        response: Response<Bytes>,
    ) -> StandardLayer<Http, Retry, Breaker, WithReserve<FixedResponse, KeepPrimary, Http>> {
        self.fallback(FallbackLayer::with(FixedResponse::new(response)).keep_primary_error())
    }
}

impl<P, C, Quota, Replay, B> StandardLayer<P, LimitedRetry<P, C, Quota, Replay>, BreakerLayer<B, P::Rejection>>
where
    P: Protocol,
    Replay: Clone,
{
    pub(crate) fn with_parts<Timeout>(retry: RetryConfig<C, Timeout, Quota, Replay>, breaker: BreakerLayer<B>) -> Self {
        Self {
            total: TOTAL,
            attempt: ATTEMPT,
            fallback: Identity::new(),
            retry: limited::<P, _, _, _, _>(retry, ATTEMPT),
            breaker: breaker.on_rejection(P::Rejection::default()),
            edges: Edges::default(),
        }
    }
}

/// The retry of a [`StandardLayer`] with a [`RetryConfig`].
type LimitedRetry<P, C, Quota, Replay> = RetryLayer<RetryConfig<C, <P as Protocol>::Timeout, Quota, Replay>, Replay>;

/// A fallback layer whose backup is a `B`, and the time that is reserved for it.
#[cfg(feature = "fallback")]
pub(super) type WithReserve<B, Merge, P> =
    ReservedFallback<FallbackLayer<B, <P as Protocol>::FallbackClassifier, Merge>, <P as Protocol>::Timeout>;

fn limited<P: Protocol, C, Timeout, Quota, Replay: Clone>(
    config: RetryConfig<C, Timeout, Quota, Replay>,
    attempt: Duration,
) -> LimitedRetry<P, C, Quota, Replay> {
    let limits = TimeLimits { attempt: Some(attempt), total: None };
    RetryLayer::new(config.timeouts(Timeouts { limits, on_timeout: P::Timeout::default() }))
}

impl<P: Protocol, Retry, Breaker, Fallback> StandardLayer<P, Retry, Breaker, Fallback> {
    /// Limits each call, with all its attempts, waits and the fallback. Default: 30 s. If the
    /// request carries an earlier [`Deadline`](crate::http::Deadline), that one applies.
    ///
    /// With a fallback, 1 s of this time is reserved for it, or half of a total below 2 s: with 900
    /// ms, the attempts end after 450 ms. Set `reserve_for_fallback` if the fallback needs less.
    pub fn total(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }

    /// Replaces the retry's config. The time limit per attempt stays that of this stack, and
    /// replaces [`timeouts`](RetryConfig::timeouts) of the config.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, http::StandardLayer};
    ///
    /// let layer = StandardLayer::http("prices").retry(RetryConfig::http().name("prices").retries(1));
    /// # let _ = layer;
    /// ```
    pub fn retry<C, Timeout, Quota, Replay: Clone>(
        self,
        config: RetryConfig<C, Timeout, Quota, Replay>,
    ) -> StandardLayer<P, LimitedRetry<P, C, Quota, Replay>, Breaker, Fallback> {
        let retry = limited::<P, _, _, _, _>(config, self.attempt);
        self.retry_layer(retry)
    }

    /// Replaces the retry by any layer, such as a [`RetryLayer`] with a custom policy. The stack
    /// then sets no time limit per attempt.
    pub fn retry_layer<L>(self, retry: L) -> StandardLayer<P, L, Breaker, Fallback> {
        StandardLayer {
            total: self.total,
            attempt: self.attempt,
            fallback: self.fallback,
            retry,
            breaker: self.breaker,
            edges: self.edges,
        }
    }

    /// Replaces the circuit. Several stacks that call the same service can share one, each with its
    /// own retry. With a circuit of [`BreakerConfig::http`], the type of the stack stays the same.
    pub fn breaker<C: Clone>(
        self,
        circuit: &Circuit<C>,
    ) -> StandardLayer<P, Retry, BreakerLayer<C, P::Rejection>, Fallback> {
        self.breaker_layer(BreakerLayer::on(circuit).on_rejection(P::Rejection::default()))
    }

    /// Replaces the breaker by any layer, such as `BreakerLayer::keyed`. The layer must keep the
    /// error type that the retry and the fallback expect.
    pub fn breaker_layer<L>(self, breaker: L) -> StandardLayer<P, Retry, L, Fallback> {
        StandardLayer {
            total: self.total,
            attempt: self.attempt,
            fallback: self.fallback,
            retry: self.retry,
            breaker,
            edges: self.edges,
        }
    }

    /// Sets a fallback. For HTTP, it is called for 429, 5xx, errors and rejections. A 408, a 413, a
    /// 421 or a 425 passes, because it is about the caller's own request
    /// ([`ignore_client_errors`](crate::http::StatusClassifier::ignore_client_errors)). For gRPC,
    /// it is called for errors, rejections, and all codes that `grpc::StatusClassifier` classifies
    /// as a failure. For another choice, see `fallback_layer`.
    ///
    /// The deadline of the attempts is 1 s before that of the call: see `reserve_for_fallback`.
    ///
    /// For a struct field, the type is [`Standard<S, WithFallback<B, Merge>>`](super::WithFallback)
    /// with the backup's type `B`.
    #[cfg(feature = "fallback")]
    pub fn fallback<B, Merge>(
        self,
        fallback: FallbackLayer<B, ErrorClassifier, Merge>,
    ) -> StandardLayer<P, Retry, Breaker, WithReserve<B, Merge, P>> {
        self.fallback_layer(fallback.classifier(P::fallback_classifier()))
    }

    /// Sets any layer as the fallback, such as a [`FallbackLayer`] with your own classifier.
    #[cfg(feature = "fallback")]
    pub fn fallback_layer<L>(self, fallback: L) -> StandardLayer<P, Retry, Breaker, ReservedFallback<L, P::Timeout>> {
        StandardLayer {
            total: self.total,
            attempt: self.attempt,
            fallback: ReservedFallback::new(fallback, RESERVE),
            retry: self.retry,
            breaker: self.breaker,
            edges: self.edges,
        }
    }
}

impl<P, C, Quota, Replay, Breaker, Fallback> StandardLayer<P, LimitedRetry<P, C, Quota, Replay>, Breaker, Fallback>
where
    P: Protocol,
    RetryConfig<C, P::Timeout, Quota, Replay>: Clone,
    Replay: Clone,
{
    /// Limits each attempt. Default: 10 s. A limit that is longer than what is left of the total
    /// has no effect. With zero, each attempt that isn't ready at its first poll times out.
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt = limit;
        self.retry = limited::<P, _, _, _, _>(self.retry.policy().clone(), limit);
        self
    }
}

impl<P: Protocol, Retry, C, Rejection, Fallback> StandardLayer<P, Retry, BreakerLayer<C, Rejection>, Fallback> {
    /// The circuit of the breaker, to monitor and control it.
    pub fn circuit(&self) -> &Circuit<C> {
        self.breaker.circuit()
    }
}

#[cfg(feature = "fallback")]
impl<P: Protocol, Retry, Breaker, L> StandardLayer<P, Retry, Breaker, ReservedFallback<L, P::Timeout>> {
    /// Reserves time for the fallback: the attempts end this long before the deadline of the call.
    /// Default: 1 s, for a store or a replica nearby. A constant response needs a few milliseconds.
    /// At most half of the time that a call has left at its start is reserved.
    pub fn reserve_for_fallback(mut self, time: Duration) -> Self {
        self.fallback = self.fallback.reserving(time);
        self
    }
}
