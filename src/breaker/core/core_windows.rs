use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwapOption, Guard};

use super::core::Core;
use crate::breaker::window::{Shape, Window};

#[derive(Debug)]
pub(super) struct Windows {
    /// The window that the core was made with. It lives as long as the core.
    first: Option<Window>,
    /// A window of another shape, for a circuit that needs one. A circuit has at most one.
    replacement: ArcSwapOption<Window>,
}

/// Which window of its core a circuit uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InUse {
    /// No rule asks for one.
    None,
    First,
    Replacement,
}

/// A window that a call reads or writes. It isn't freed meanwhile.
#[derive(Debug)]
pub(crate) enum WindowRef {
    First(&'static Window),
    Replacement(Guard<Option<Arc<Window>>>),
}

impl Core {
    /// The shape that it was made for.
    pub(super) fn shape(&self) -> Shape {
        self.first().map_or(Shape::default(), Window::shape)
    }

    /// The window in use. `None`: no rule asks for one.
    #[inline]
    pub(crate) fn window(&'static self) -> Option<WindowRef> {
        match self.flags().in_use() {
            InUse::None => None,
            InUse::First => self.first().map(WindowRef::First),
            InUse::Replacement => {
                let replacement = self.windows.get()?.replacement.load();
                // Empty only for a call that has outlived its circuit.
                replacement.is_some().then_some(WindowRef::Replacement(replacement))
            }
        }
    }

    /// The window in use, if it is the one that the core was made with.
    #[inline]
    pub(crate) fn first_window(&self) -> Option<&Window> {
        if self.flags().in_use() == InUse::First { self.first() } else { None }
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Window> {
        self.windows.get()?.first.as_ref()
    }

    /// Whether a good call of `generation` would change nothing in a window of calls, the first that this memory had.
    #[inline]
    pub(crate) fn is_quiet_at_once(&self, generation: u32) -> bool {
        self.first().is_some_and(|window| window.is_quiet_at_once(generation))
    }

    pub(super) fn in_use_for(&self, shape: Shape) -> InUse {
        match shape {
            shape if shape == Shape::default() => InUse::None,
            shape if shape == self.shape() => InUse::First,
            _ => InUse::Replacement,
        }
    }

    pub(super) fn replace_window(&self, window: Option<Arc<Window>>) {
        match window {
            Some(window) => self.windows.get_or_init(|| Windows::new(None)).replacement.store(Some(window)),
            None => self.windows.get().into_iter().for_each(|windows| windows.replacement.store(None)),
        }
    }

    /// The tenant's clock was set back: its time began earlier.
    pub(super) fn begin_at(&'static self, epoch: i64) {
        if let Some(window) = self.window() {
            window.begin_at(epoch);
        }
    }
}

impl Windows {
    pub(super) fn new(first: Option<Window>) -> Box<Self> {
        Box::new(Self { first, replacement: ArcSwapOption::empty() })
    }
}

impl Window {
    /// A new window for a circuit that began with this generation, at this time.
    pub(super) fn begun(shape: Shape, generation: u32, epoch: i64) -> Arc<Self> {
        let window = Self::new(shape);
        window.begin(generation, epoch);
        Arc::new(window)
    }
}

impl Deref for WindowRef {
    type Target = Window;

    #[inline]
    fn deref(&self) -> &Window {
        match self {
            Self::First(window) => window,
            Self::Replacement(window) => window.as_deref().expect("`Core::window` has checked it"),
        }
    }
}
