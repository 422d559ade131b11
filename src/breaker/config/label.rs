//! Labels of circuits.

use std::borrow::Cow;

use super::BreakerConfig;

impl<C> BreakerConfig<C> {
    /// Adds a label, which observers and metrics receive with the name. Replaces the value if the
    /// label exists.
    pub fn label(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let settings = self.settings();
        settings.name = settings.name.clone().with_label(name, value);
        self
    }
}
