use super::FallbackLayer;
use crate::classify::Displayed;

impl<B, C, Merge> FallbackLayer<B, C, Merge> {
    /// Shows the primary's errors in events by their [`Display`](std::fmt::Display), if their type
    /// is your own. See [`Displayed`]. Call it after the classifier was set: a classifier that is
    /// set later replaces it. By default, events contain the name of the type. An error of the
    /// backup is always shown in that way.
    pub fn display_errors(self) -> FallbackLayer<B, Displayed<C>, Merge> {
        let Self { backup, classifier, merge, reporter } = self;
        FallbackLayer { backup, classifier: Displayed(classifier), merge, reporter }
    }
}
