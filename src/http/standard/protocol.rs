use tower_layer::Identity;

use crate::{
    BreakerLayer, RetryConfig, RetryLayer,
    http::{GatewayTimeout, Replay, ResponseBodyLayer, StatusClassifier, Unavailable},
    retry::quota::NoQuota,
};

/// The parts of a [`StandardLayer`](super::StandardLayer) that depend on the protocol. `Http`
/// implements it, and `grpc::Grpc`.
pub trait Protocol {
    /// The retry with the protocol's preset.
    type Retry;
    /// The breaker with the protocol's preset.
    type Breaker;
    /// Makes the response of a call that has reached a time limit.
    type Timeout: Clone + Default;
    /// Makes the response of a rejected call.
    type Rejection: Clone + Default;
    /// Decides for which outcomes the fallback is called.
    type FallbackClassifier: Clone;
    /// The outermost layer. It sets the [`Deadline`](crate::http::Deadline) that a request carries
    /// in another form.
    type Outermost: Clone + Default;
    /// The layer between the breaker and the innermost layer.
    type Attempt: Clone + Default;
    /// The innermost layer.
    type Innermost: Clone + Default;

    /// The classifier of a fallback.
    fn fallback_classifier() -> Self::FallbackClassifier;
}

/// HTTP, as a [`Protocol`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Http;

impl Protocol for Http {
    type Retry = RetryLayer<RetryConfig<StatusClassifier, GatewayTimeout, NoQuota, Replay>, Replay>;
    type Breaker = BreakerLayer<StatusClassifier, Unavailable>;
    type Timeout = GatewayTimeout;
    type Rejection = Unavailable;
    type FallbackClassifier = StatusClassifier;
    type Outermost = Identity;
    type Attempt = Identity;
    type Innermost = ResponseBodyLayer;

    fn fallback_classifier() -> StatusClassifier {
        StatusClassifier::default().ignore_client_errors()
    }
}
