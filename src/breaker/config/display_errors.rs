use super::BreakerConfig;
use crate::classify::Displayed;

impl<C> BreakerConfig<C> {
    /// Shows the service's errors in events by their [`Display`](std::fmt::Display), if their type
    /// is your own. See [`Displayed`]. Call it after the classifier was set: a classifier that is
    /// set later replaces it. By default, events contain the name of the type.
    pub fn display_errors(self) -> BreakerConfig<Displayed<C>> {
        BreakerConfig { settings: self.settings, classifier: Displayed(self.classifier) }
    }
}
