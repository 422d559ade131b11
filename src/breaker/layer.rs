use tower_layer::Layer;

use super::{Breaker, BreakerConfig, Circuit};
use crate::classify::Errors;

/// Puts a breaker around a service: one circuit for everything that the layer makes, however many services that are.
///
/// # Clone
///
/// A clone is on the same circuit.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = Errors> {
    circuit: Circuit<C>,
}

impl<C> BreakerLayer<C> {
    /// A breaker with a circuit of its own.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config) }
    }
}

impl<C: Clone> BreakerLayer<C> {
    /// A breaker on a circuit that is shared with others, or watched.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone() }
    }

    /// The circuit that it is on.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = Breaker<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, self.circuit.clone())
    }
}
