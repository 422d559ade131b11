//! An `Option` whose value is dropped by an outlined function.
//!
//! The drop glue of a struct with an ordinary `Option<Box<_>>` contains all code that drops the
//! box, so it is too large to be inlined into every function that drops the struct. The drop glue
//! of a [`ColdOption`] is one comparison and one call. With it, a breaker's call took 81
//! instructions instead of 98 (`benches/instructions`).

use std::{fmt, mem::ManuallyDrop};

/// An `Option` that is nearly always `None`. See the [module](self).
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
            drop_value(self);
        }
    }
}

/// Takes a reference. If the function took the value, the compiler would copy the value at each
/// place that might drop it.
#[cold]
#[inline(never)]
fn drop_value<T>(option: &mut ColdOption<T>) {
    drop(option.take());
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
    fn a_value_is_dropped_once_unless_it_was_taken() {
        let value = Arc::new(());
        let mut option = ColdOption::from(Some(Arc::clone(&value)));
        let taken = option.take();
        drop(option);
        assert_eq!(Arc::strong_count(&value), 2);
        drop((ColdOption::from(taken), ColdOption::<Arc<()>>::default()));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
