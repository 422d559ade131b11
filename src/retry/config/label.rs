//! Labels of a retry.

use std::borrow::Cow;

use super::super::RetryConfig;

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Adds a label, which observers and metrics receive with the name. Replaces the value if the
    /// label exists.
    pub fn label(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.settings.name = self.settings.name.clone().with_label(name, value);
        self
    }
}
