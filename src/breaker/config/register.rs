use super::BreakerConfig;
use crate::registry::Registry;

impl<C> BreakerConfig<C> {
    /// Adds all circuits that are made from this config to a [registry](crate::registry), also
    /// those of a keyed breaker, and passes their events to the registry's observers. A second call
    /// with the same registry has no effect; one with another registry adds its observers and
    /// replaces the former registry in lists.
    pub fn register(mut self, registry: &Registry) -> Self {
        let settings = self.settings();
        registry.observe_layer(&mut settings.observers);
        settings.registration.registry = Some(registry.clone());
        self
    }
}
