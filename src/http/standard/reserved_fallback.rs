use std::time::Duration;

use tower_layer::Layer;

use crate::http::deadline::{DeadlineLayer, DeadlineService};

/// A fallback, and the time that is reserved for it.
#[derive(Debug, Clone)]
pub struct ReservedFallback<L, Timeout> {
    fallback: L,
    reserve: DeadlineLayer<Timeout>,
}

impl<L, Timeout: Default> ReservedFallback<L, Timeout> {
    pub(super) fn new(fallback: L, reserve: Duration) -> Self {
        Self { fallback, reserve: DeadlineLayer::reserve(reserve).timeout_outcome(Timeout::default()) }
    }

    pub(super) fn reserving(self, reserve: Duration) -> Self {
        Self::new(self.fallback, reserve)
    }
}

impl<S, L, Timeout> Layer<S> for ReservedFallback<L, Timeout>
where
    L: Layer<DeadlineService<S, Timeout>>,
    Timeout: Clone,
{
    type Service = L::Service;

    fn layer(&self, inner: S) -> L::Service {
        self.fallback.layer(self.reserve.layer(inner))
    }
}
