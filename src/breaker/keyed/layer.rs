//! The layer of a keyed breaker.

use std::{fmt, hash::Hash};

use super::circuits::CircuitRegistry;
use crate::{
    breaker::{
        config::BreakerConfig,
        layer::BreakerLayer,
        rejection::{KeepError, RejectWithError, RejectWithResponse, Rejection},
    },
    classify::ErrorClassifier,
};

impl<C> BreakerLayer<C> {
    /// Makes a layer with one circuit per key. The function `key` returns the key of a request. See
    /// [`keyed`](super).
    pub fn keyed<KeyFn, Req, Key>(config: BreakerConfig<C>, key: KeyFn) -> KeyedBreakerLayer<KeyFn, Key, C>
    where
        KeyFn: Fn(&Req) -> Key,
        Key: Hash + Eq + Clone,
    {
        KeyedBreakerLayer { key, circuits: CircuitRegistry::new(config), on_rejection: RejectWithError }
    }
}

/// A layer that puts a breaker around a service, with one circuit per key. All services that one
/// layer makes share these circuits.
///
/// # Clone
///
/// A clone uses the same circuits.
#[derive(Clone)]
pub struct KeyedBreakerLayer<KeyFn, Key, C = ErrorClassifier, Reject = RejectWithError> {
    pub(super) key: KeyFn,
    pub(super) circuits: CircuitRegistry<Key, C>,
    pub(super) on_rejection: Reject,
}

impl<KeyFn, Key, C> KeyedBreakerLayer<KeyFn, Key, C> {
    /// Makes a layer on existing circuits, to share or watch them, or to set their capacity.
    pub fn on<Req>(circuits: &CircuitRegistry<Key, C>, key: KeyFn) -> Self
    where
        KeyFn: Fn(&Req) -> Key,
        CircuitRegistry<Key, C>: Clone,
    {
        Self { key, circuits: circuits.clone(), on_rejection: RejectWithError }
    }
}

impl<KeyFn, Key, C, Reject> KeyedBreakerLayer<KeyFn, Key, C, Reject> {
    /// Names each circuit `name/key` in events and rejections, with the config's name. By default,
    /// all circuits have the config's name. See [`CircuitRegistry::named`].
    ///
    /// The layer gets new circuits. Call this method before [`circuits`](Self::circuits), and not
    /// on a layer that shares its circuits with others.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, BreakerLayer};
    ///
    /// let layer = BreakerLayer::keyed(BreakerConfig::default().name("tenants"), |tenant: &u32| *tenant).named();
    /// assert_eq!(layer.circuits().get(&7).name().as_str(), "tenants/7");
    /// ```
    pub fn named(self) -> Self
    where
        Key: Hash + Eq + Clone + fmt::Display,
        C: Clone,
    {
        Self { circuits: self.circuits.named(), ..self }
    }

    /// Answers rejected calls with the response that `respond` returns. The error type stays that
    /// of the service.
    pub fn respond_when_open<Function, Res>(
        self,
        respond: Function,
    ) -> KeyedBreakerLayer<KeyFn, Key, C, RejectWithResponse<Function>>
    where
        Function: Fn(&Rejection) -> Res,
    {
        self.on_rejection(RejectWithResponse(respond))
    }

    /// Fails rejected calls with the service's own error type, as
    /// [`BreakerLayer::keep_error`](crate::BreakerLayer::keep_error) does.
    pub fn keep_error(self) -> KeyedBreakerLayer<KeyFn, Key, C, KeepError> {
        self.on_rejection(KeepError)
    }

    /// Sets how rejected calls are answered: [`RejectWithError`] by default, an
    /// [`Unavailable`](crate::http::Unavailable) of `http` or `grpc`, or your own
    /// [`OnRejection`](crate::breaker::OnRejection).
    ///
    /// ```
    /// # #[cfg(feature = "http")] {
    /// use tower_recourse::{BreakerConfig, BreakerLayer, http::{Unavailable, host_and_port}};
    ///
    /// // A circuit per host. A rejected call is answered with 503, and the error type stays that of the service.
    /// let layer = BreakerLayer::keyed(BreakerConfig::http(), host_and_port::<()>).on_rejection(Unavailable);
    /// # let _ = layer;
    /// # }
    /// ```
    ///
    /// A keyed breaker supports neither [`NotReady`](crate::breaker::NotReady) nor another
    /// [`OnRejection`](crate::breaker::OnRejection) that
    /// [waits](crate::breaker::OnRejection::WAITS): the request determines the circuit, and
    /// `poll_ready` is called before there is a request. A call through the service of such a layer
    /// doesn't compile:
    ///
    /// ```compile_fail,E0080
    /// use std::convert::Infallible;
    /// use tower::{Layer, Service, service_fn};
    /// use tower_recourse::{BreakerConfig, BreakerLayer, breaker::NotReady};
    ///
    /// let layer = BreakerLayer::keyed(BreakerConfig::default(), |key: &u32| *key).on_rejection(NotReady);
    /// let mut service = layer.layer(service_fn(|key: u32| async move { Ok::<_, Infallible>(key) }));
    /// let _ = service.call(1);
    /// ```
    pub fn on_rejection<Other>(self, on_rejection: Other) -> KeyedBreakerLayer<KeyFn, Key, C, Other> {
        KeyedBreakerLayer { key: self.key, circuits: self.circuits, on_rejection }
    }

    /// Returns the circuits.
    pub fn circuits(&self) -> &CircuitRegistry<Key, C> {
        &self.circuits
    }
}

impl<KeyFn, Key, C, Reject: fmt::Debug> fmt::Debug for KeyedBreakerLayer<KeyFn, Key, C, Reject> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakerLayer")
            .field("circuits", &self.circuits)
            .field("on_rejection", &self.on_rejection)
            .finish_non_exhaustive()
    }
}
