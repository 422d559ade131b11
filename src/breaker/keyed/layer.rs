use std::{fmt, hash::Hash};

use super::circuits::Circuits;
use crate::{
    breaker::{
        config::BreakerConfig,
        layer::BreakerLayer,
        rejection::{Fail, Rejection, Respond},
    },
    classify::Errors,
};

impl<C> BreakerLayer<C> {
    /// One circuit a key, which a function takes from the request. See [`keyed`](super).
    pub fn keyed<F, Req, K>(config: BreakerConfig<C>, key: F) -> KeyedBreakerLayer<F, K, C>
    where
        F: Fn(&Req) -> K,
        K: Hash + Eq + Clone,
    {
        KeyedBreakerLayer { key, circuits: Circuits::new(config), on_rejection: Fail }
    }
}

/// Puts a breaker around a service: one circuit a key, for everything that the layer makes.
///
/// # Clone
///
/// A clone is on the same circuits.
#[derive(Clone)]
pub struct KeyedBreakerLayer<F, K, C = Errors, R = Fail> {
    pub(super) key: F,
    pub(super) circuits: Circuits<K, C>,
    pub(super) on_rejection: R,
}

impl<F, K, C> KeyedBreakerLayer<F, K, C> {
    /// A breaker on circuits that are shared with others, or watched, or of another capacity.
    pub fn on<Req>(circuits: &Circuits<K, C>, key: F) -> Self
    where
        F: Fn(&Req) -> K,
        Circuits<K, C>: Clone,
    {
        Self { key, circuits: circuits.clone(), on_rejection: Fail }
    }
}

impl<F, K, C, R> KeyedBreakerLayer<F, K, C, R> {
    /// Answers a call that its circuit rejects with a response that a function makes. The error
    /// type stays that of the service.
    pub fn respond_when_open<G, Res>(self, respond: G) -> KeyedBreakerLayer<F, K, C, Respond<G>>
    where
        G: Fn(&Rejection) -> Res,
    {
        self.on_rejection(Respond(respond))
    }

    /// Sets what happens to a call that its circuit rejects: [`Fail`] unless set, an
    /// [`Unavailable`](crate::http::Unavailable) of `http` or `grpc`, or an [`OnRejection`] of your
    /// own.
    ///
    /// ```
    /// # #[cfg(feature = "http")] {
    /// use http::Request;
    /// use tower_recourse::{BreakerConfig, BreakerLayer, http::Unavailable};
    ///
    /// // A circuit per host. A rejected call is answered with 503, and the error type stays that of the service.
    /// let by_host = |request: &Request<()>| request.uri().authority().cloned();
    /// let layer = BreakerLayer::keyed(BreakerConfig::http(), by_host).on_rejection(Unavailable);
    /// # let _ = layer;
    /// # }
    /// ```
    ///
    /// [`Wait`](super::super::Wait) isn't possible, and neither is another [`OnRejection`] that
    /// [waits](OnRejection::WAITS): only the request names the circuit, and `poll_ready` comes
    /// before the request. A call through the service of such a layer doesn't compile:
    ///
    /// ```compile_fail,E0080
    /// use std::convert::Infallible;
    /// use tower::{Layer, Service, service_fn};
    /// use tower_recourse::{BreakerConfig, BreakerLayer, breaker::Wait};
    ///
    /// let layer = BreakerLayer::keyed(BreakerConfig::default(), |key: &u32| *key).on_rejection(Wait);
    /// let mut service = layer.layer(service_fn(|key: u32| async move { Ok::<_, Infallible>(key) }));
    /// let _ = service.call(1);
    /// ```
    pub fn on_rejection<O>(self, on_rejection: O) -> KeyedBreakerLayer<F, K, C, O> {
        KeyedBreakerLayer { key: self.key, circuits: self.circuits, on_rejection }
    }

    /// The circuits that it is on.
    pub fn circuits(&self) -> &Circuits<K, C> {
        &self.circuits
    }
}

impl<F, K, C, R: fmt::Debug> fmt::Debug for KeyedBreakerLayer<F, K, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakerLayer")
            .field("circuits", &self.circuits)
            .field("on_rejection", &self.on_rejection)
            .finish_non_exhaustive()
    }
}
