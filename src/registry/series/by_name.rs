//! Values per name.

use std::collections::HashMap;

use ::metrics::Label;

use crate::metrics::label;

/// The most names that have series of their own.
const NAMES: usize = 1_000;

/// A value per name with its labels. The number of names is bounded: all further names share the
/// name `other`, so that sums stay exact.
#[derive(Debug)]
pub(super) struct ByName<T>(HashMap<Vec<Label>, T>);

impl<T: Default> ByName<T> {
    pub(super) fn of(&mut self, labels: Vec<Label>) -> &mut T {
        let has_room = self.0.len() < NAMES || self.0.contains_key(&labels);
        let labels = if has_room { labels } else { vec![label("name", "other")] };
        self.0.entry(labels).or_default()
    }
}

impl<T> ByName<T> {
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Vec<Label>, &mut T)> {
        self.0.iter_mut()
    }

    #[cfg(feature = "breaker")]
    pub(super) fn into_iter(self) -> impl Iterator<Item = (Vec<Label>, T)> {
        self.0.into_iter()
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, metrics::labels_of};

    #[test]
    fn names_beyond_the_bound_share_one() {
        let mut counts = ByName::<u64>::default();
        for number in 0..2_500 {
            *counts.of(labels_of(&Name::from(format!("name-{number}")))) += 1;
        }
        *counts.of(labels_of(&Name::from("name-0"))) += 1;
        assert_eq!(counts.iter_mut().count(), NAMES + 1);
        assert_eq!(*counts.of(vec![label("name", "other")]), 1_500);
        assert_eq!(*counts.of(labels_of(&Name::from("name-0"))), 2);
    }
}
