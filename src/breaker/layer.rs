use tower_layer::Layer;

use crate::{
    breaker::{
        circuit::Circuit,
        config::BreakerConfig,
        rejection::{NotReady, RejectWithError, RejectWithResponse, Rejection},
        service::Breaker,
    },
    classify::ErrorClassifier,
};

/// A layer that puts a breaker around a service. All services that one layer makes share one
/// circuit.
///
/// # Clone
///
/// A clone uses the same circuit.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = ErrorClassifier, Reject = RejectWithError> {
    circuit: Circuit<C>,
    on_rejection: Reject,
}

impl<C> BreakerLayer<C> {
    /// Makes a breaker with a new circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config), on_rejection: RejectWithError }
    }
}

impl<C: Clone> BreakerLayer<C> {
    /// Makes a breaker on an existing circuit, to share or watch it.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone(), on_rejection: RejectWithError }
    }
}

impl<C, Reject> BreakerLayer<C, Reject> {
    /// Answers rejected calls with the response that `respond` returns. The error type stays that
    /// of the service, so `Infallible` stays `Infallible`.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, BreakerLayer, Rejection};
    ///
    /// let layer = BreakerLayer::new(BreakerConfig::default())
    ///     .respond_when_open(|rejection: &Rejection| format!("come back in {:?}", rejection.retry_in()));
    /// # let _ = layer;
    /// ```
    pub fn respond_when_open<Function, Res>(self, respond: Function) -> BreakerLayer<C, RejectWithResponse<Function>>
    where
        Function: Fn(&Rejection) -> Res,
    {
        BreakerLayer { circuit: self.circuit, on_rejection: RejectWithResponse(respond) }
    }

    /// Makes services that aren't ready while the circuit rejects, so that a load balancer uses
    /// another one. The error type stays that of the service.
    ///
    /// A ready service holds a permit. If it isn't called, it keeps the permit, and with it the
    /// slot of a probe, until it is dropped.
    pub fn wait_when_open(self) -> BreakerLayer<C, NotReady> {
        BreakerLayer { circuit: self.circuit, on_rejection: NotReady }
    }

    /// Sets how rejected calls are answered. The default is [`RejectWithError`].
    pub fn on_rejection<Other>(self, on_rejection: Other) -> BreakerLayer<C, Other> {
        BreakerLayer { circuit: self.circuit, on_rejection }
    }

    /// Returns the circuit.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone, Reject: Clone> Layer<S> for BreakerLayer<C, Reject> {
    type Service = Breaker<S, C, Reject>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, self.circuit.clone(), self.on_rejection.clone())
    }
}
