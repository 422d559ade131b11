use super::super::RetryConfig;
use crate::classify::Displayed;

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Shows the service's errors in events by their [`Display`](std::fmt::Display), if their type
    /// is your own. See [`Displayed`]. Call it after the classifier was set: a classifier that is
    /// set later replaces it. By default, events contain the name of the type.
    pub fn display_errors(self) -> RetryConfig<Displayed<C>, Timeout, Quota, Replay> {
        let Self { settings, on_timeout, classifier, quota, replay } = self;
        RetryConfig { settings, on_timeout, classifier: Displayed(classifier), quota, replay }
    }
}
