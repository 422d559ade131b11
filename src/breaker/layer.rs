use tower_layer::Layer;

use crate::{
    breaker::{
        circuit::Circuit,
        config::BreakerConfig,
        rejection::{Fail, Rejection, Respond, Wait},
        service::Breaker,
    },
    classify::Errors,
};

/// Puts a breaker around a service: one circuit for everything that the layer makes, however many services that are.
///
/// # Clone
///
/// A clone is on the same circuit.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = Errors, R = Fail> {
    circuit: Circuit<C>,
    on_rejection: R,
}

impl<C> BreakerLayer<C> {
    /// A breaker with a circuit of its own.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config), on_rejection: Fail }
    }
}

impl<C: Clone> BreakerLayer<C> {
    /// A breaker on a circuit that is shared with others, or watched.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone(), on_rejection: Fail }
    }
}

impl<C, R> BreakerLayer<C, R> {
    /// Answers a call that the circuit rejects with a response of one's own making. The service's error type stays what it is, so
    /// that a service which can't fail still can't.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, BreakerLayer, Rejection};
    ///
    /// let layer = BreakerLayer::new(BreakerConfig::default())
    ///     .respond_when_open(|rejection: &Rejection| format!("come back in {:?}", rejection.retry_in()));
    /// # let _ = layer;
    /// ```
    pub fn respond_when_open<F, Res>(self, respond: F) -> BreakerLayer<C, Respond<F>>
    where
        F: Fn(&Rejection) -> Res,
    {
        BreakerLayer { circuit: self.circuit, on_rejection: Respond(respond) }
    }

    /// Isn't ready while the circuit rejects, so that a load balancer goes elsewhere. The service's error type stays what it is.
    ///
    /// Readiness is a permit: a service that was ready and isn't called keeps it, a probe's slot too, until it is dropped.
    pub fn wait_when_open(self) -> BreakerLayer<C, Wait> {
        BreakerLayer { circuit: self.circuit, on_rejection: Wait }
    }

    /// Does what this says about a call that the circuit rejects: an [`OnRejection`](super::OnRejection) of one's own.
    pub fn on_rejection<O>(self, on_rejection: O) -> BreakerLayer<C, O> {
        BreakerLayer { circuit: self.circuit, on_rejection }
    }

    /// The circuit that it is on.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone, R: Clone> Layer<S> for BreakerLayer<C, R> {
    type Service = Breaker<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, self.circuit.clone(), self.on_rejection.clone())
    }
}
