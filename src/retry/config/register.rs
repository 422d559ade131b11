use std::sync::Arc;

use super::{super::RetryConfig, Settings, registry_source::RetrySource};
use crate::registry::{Registry, RetryReading};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Adds the budget and the quota to a [registry](crate::registry) when
    /// [`RetryLayer::new`](crate::RetryLayer::new) makes a layer of this config, and passes the
    /// retry's events to the registry's observers. A second call with the same registry has no
    /// effect; one with another registry adds its observers and replaces the former registry in
    /// lists.
    pub fn register(mut self, registry: &Registry) -> Self {
        let settings = &mut self.settings;
        registry.observe_layer(&mut settings.observers);
        settings.registry = Some(registry.clone());
        self
    }
}

impl Settings {
    /// Adds the budget and the quota to the registry, for as long as these settings exist.
    pub(in crate::retry) fn enter_registry(&mut self) {
        let Some(registry) = &self.registry else { return };
        let Self { name, retries, reports_requests, .. } = self;
        let retry = RetryReading { name: name.clone(), retries: *retries, reports_requests: *reports_requests };
        let source = Arc::new(RetrySource::new(retry, self.budget.as_ref(), self.quota.as_ref()));
        registry.insert(Arc::downgrade(&source) as _);
        self.source = Some(source);
    }
}
