use std::{error::Error, sync::Arc};

use super::known;
use crate::Verdict;

/// How many links of a chain are looked at: a chain may be built to have no end.
pub(super) const LINKS: usize = 64;

/// A walk along an error and its sources.
pub(super) struct Walk {
    left: usize,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { left: LINKS }
    }

    /// The verdict of the first link that one is known for.
    pub(super) fn judge(&mut self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let mut next = Some(error);
        while let Some(link) = next {
            self.left = self.left.checked_sub(1)?;
            if let Some(verdict) = known::judge(link, self) {
                return Some(verdict);
            }
            next = beneath(link);
        }
        None
    }
}

/// The link after this one. A shared error hands out its own source and not the error that it shares.
fn beneath<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match link.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => Some(&**shared),
        None => link.source(),
    }
}
