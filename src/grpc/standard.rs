//! The standard stack for gRPC.

use super::{
    DeadlineExceeded, DeadlineStatusLayer, GrpcReplay, PeekLayer, StatusClassifier, TimeoutHeaderLayer, Unavailable,
};
use crate::{
    BreakerConfig, BreakerLayer, Name, RetryConfig, RetryLayer,
    http::standard::{Protocol, StandardLayer},
    retry::quota::NoQuota,
};

/// gRPC, as a [`Protocol`] of the [standard stack](crate::http::standard).
#[derive(Debug, Clone, Copy, Default)]
pub struct Grpc;

impl Protocol for Grpc {
    type Retry = RetryLayer<RetryConfig<StatusClassifier, DeadlineExceeded, NoQuota, GrpcReplay>, GrpcReplay>;
    type Breaker = BreakerLayer<StatusClassifier, Unavailable>;
    type Timeout = DeadlineExceeded;
    type Rejection = Unavailable;
    type FallbackClassifier = StatusClassifier;
    type Outermost = TimeoutHeaderLayer;
    type Attempt = DeadlineStatusLayer;
    type Innermost = PeekLayer;

    fn fallback_classifier() -> StatusClassifier {
        StatusClassifier::default()
    }
}

impl StandardLayer<Grpc> {
    /// The stack for gRPC: a channel of tonic, or a server. `name` is the name of the retry and of
    /// the circuit in [events](crate::observe).
    ///
    /// The deadline of a call is the earliest of [`total`](Self::total), its `grpc-timeout`, and
    /// its [`Deadline`](crate::http::Deadline). The `grpc-timeout` of each attempt is the time that
    /// this attempt has left.
    ///
    /// An attempt that times out isn't repeated by default, because the server may have executed
    /// it. To repeat such calls, add DEADLINE_EXCEEDED to the [retried
    /// codes](StatusClassifier::retry_codes).
    ///
    #[cfg_attr(feature = "tonic", doc = "```")]
    #[cfg_attr(not(feature = "tonic"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use tonic::transport::{Channel, Endpoint};
    /// use tower::Layer;
    /// use tower_recourse::{grpc::Grpc, http::standard::{Standard, StandardLayer}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let channel = Endpoint::from_static("http://prices.example:50051").connect_lazy();
    /// let channel: Standard<Channel, StandardLayer<Grpc>> =
    ///     StandardLayer::grpc("prices").attempt_timeout(Duration::from_secs(2)).layer(channel);
    /// let client = tonic::client::Grpc::new(channel); // or `PricesClient::new(channel)`
    /// # let _ = client;
    /// # }
    /// ```
    pub fn grpc(name: impl Into<Name>) -> Self {
        let name = name.into();
        let breaker = BreakerConfig::grpc().name(name.clone());
        Self::with_parts(RetryConfig::grpc().name(name), BreakerLayer::new(breaker))
    }
}
