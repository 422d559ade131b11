use tower_layer::Layer;

use super::BodyBreaker;
use crate::{
    BreakerConfig, Circuit, Rejection,
    breaker::{Fail, Respond, Wait},
    http::Health,
};

/// Puts a breaker around a service that judges a call when the body of its response has ended. See the [module](super).
///
/// # Clone
///
/// A clone is on the same circuit.
#[derive(Debug, Clone)]
pub struct BodyBreakerLayer<C = Health, R = Fail> {
    circuit: Circuit<C>,
    on_rejection: R,
}

impl<C> BodyBreakerLayer<C> {
    /// A breaker with a circuit of its own.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config), on_rejection: Fail }
    }
}

impl<C: Clone> BodyBreakerLayer<C> {
    /// A breaker on a circuit that is shared with others, or watched.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone(), on_rejection: Fail }
    }
}

impl<C, R> BodyBreakerLayer<C, R> {
    /// Answers a call that the circuit rejects with a response of one's own making, as
    /// [`BreakerLayer::respond_when_open`](crate::BreakerLayer::respond_when_open).
    pub fn respond_when_open<F, Res>(self, respond: F) -> BodyBreakerLayer<C, Respond<F>>
    where
        F: Fn(&Rejection) -> Res,
    {
        self.on_rejection(Respond(respond))
    }

    /// Isn't ready while the circuit rejects, as [`BreakerLayer::wait_when_open`](crate::BreakerLayer::wait_when_open).
    pub fn wait_when_open(self) -> BodyBreakerLayer<C, Wait> {
        self.on_rejection(Wait)
    }

    /// Does what this says about a call that the circuit rejects: [`Unavailable`](crate::http::Unavailable), say.
    pub fn on_rejection<O>(self, on_rejection: O) -> BodyBreakerLayer<C, O> {
        BodyBreakerLayer { circuit: self.circuit, on_rejection }
    }

    /// The circuit that it is on.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone, R: Clone> Layer<S> for BodyBreakerLayer<C, R> {
    type Service = BodyBreaker<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyBreaker::new(inner, self.circuit.clone(), self.on_rejection.clone())
    }
}
