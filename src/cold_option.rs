//! What is mostly not there.

use std::{fmt, mem::ManuallyDrop};

/// An `Option` that is mostly `None`. That is seen where it is dropped, and whatever there is to drop is dropped elsewhere: so that dropping what
/// has it is short enough to be compiled into those who do.
pub(crate) struct ColdOption<T>(Option<ManuallyDrop<T>>);

impl<T> ColdOption<T> {
    pub(crate) const NONE: Self = Self(None);

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.0.as_deref()
    }

    #[inline]
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn as_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take().map(ManuallyDrop::into_inner)
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn get_or_insert_with(&mut self, make: impl FnOnce() -> T) -> &mut T {
        self.0.get_or_insert_with(|| ManuallyDrop::new(make()))
    }
}

impl<T> Drop for ColdOption<T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_some() {
            drop_elsewhere(self);
        }
    }
}

// By reference: what is moved there would be copied by everybody who might have to.
#[cold]
#[inline(never)]
fn drop_elsewhere<T>(it: &mut ColdOption<T>) {
    drop(it.take());
}

impl<T: fmt::Debug> fmt::Debug for ColdOption<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl<T> From<Option<T>> for ColdOption<T> {
    fn from(option: Option<T>) -> Self {
        Self(option.map(ManuallyDrop::new))
    }
}

impl<T> Default for ColdOption<T> {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_there_is_dropped_once_and_what_was_taken_is_not() {
        let it = Arc::new(());
        let mut taken = ColdOption::from(Some(Arc::clone(&it)));
        let held = taken.take();
        drop(taken);
        assert_eq!(Arc::strong_count(&it), 2);
        drop((ColdOption::from(held), ColdOption::<Arc<()>>::default()));
        assert_eq!(Arc::strong_count(&it), 1);
    }
}
