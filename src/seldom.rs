//! What is mostly not there.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// An `Option` that is mostly `None`. That is seen where it is dropped, and whatever there is to drop is dropped elsewhere: so that dropping what
/// has it is short enough to be compiled into those who do.
pub(crate) struct Seldom<T>(Option<T>);

impl<T> Seldom<T> {
    pub(crate) const NONE: Self = Self(None);
}

impl<T> Drop for Seldom<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(it) = self.0.take() {
            drop_elsewhere(it);
        }
    }
}

#[cold]
#[inline(never)]
fn drop_elsewhere<T>(it: T) {
    drop(it);
}

impl<T: fmt::Debug> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> From<Option<T>> for Seldom<T> {
    fn from(option: Option<T>) -> Self {
        Self(option)
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T> Deref for Seldom<T> {
    type Target = Option<T>;

    #[inline]
    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<T> DerefMut for Seldom<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Option<T> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_there_is_dropped_once_and_what_was_taken_is_not() {
        let it = Arc::new(());
        let mut taken = Seldom::from(Some(Arc::clone(&it)));
        let held = taken.take();
        drop(taken);
        assert_eq!(Arc::strong_count(&it), 2);
        drop((Seldom::from(held), Seldom::<Arc<()>>::default()));
        assert_eq!(Arc::strong_count(&it), 1);
    }
}
