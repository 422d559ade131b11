//! The windows that belong to a core.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwapOption, Guard};

use crate::breaker::window::{WindowLayout, WindowState};

#[derive(Debug)]
pub(super) struct CoreWindows {
    /// The windows that the core was made with. They live as long as the core.
    pub(super) original: Option<WindowState>,
    /// Windows of another layout, for a circuit that needs one. A circuit has at most one
    /// replacement.
    pub(super) replacement: ArcSwapOption<WindowState>,
}

/// Which windows of its core a circuit uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActiveWindow {
    /// No rule needs a window.
    None,
    Original,
    Replacement,
}

/// The windows that a call uses. They aren't freed while this reference exists.
#[derive(Debug)]
pub(crate) enum WindowRef {
    Original(&'static WindowState),
    Replacement(Guard<Option<Arc<WindowState>>>),
}

impl CoreWindows {
    pub(super) fn new(original: Option<WindowState>) -> Box<Self> {
        Box::new(Self { original, replacement: ArcSwapOption::empty() })
    }
}

impl WindowState {
    /// Makes windows for a circuit that starts with `generation` at `epoch`.
    pub(super) fn begun(layout: WindowLayout, generation: u32, epoch: i64) -> Arc<Self> {
        let window = Self::new(layout);
        window.start_tenant(generation, epoch);
        Arc::new(window)
    }
}

impl Deref for WindowRef {
    type Target = WindowState;

    #[inline]
    fn deref(&self) -> &WindowState {
        match self {
            Self::Original(window) => window,
            Self::Replacement(window) => window.as_deref().expect("`Core::window` checks that it is present"),
        }
    }
}
