use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwapOption, Guard};

use crate::breaker::window::{WindowLayout, WindowState};

#[derive(Debug)]
pub(super) struct CoreWindows {
    /// The window that the core was made with. It lives as long as the core.
    pub(super) original: Option<WindowState>,
    /// A window of another layout, for a circuit that needs one. A circuit has at most one.
    pub(super) replacement: ArcSwapOption<WindowState>,
}

/// Which window of its core a circuit uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActiveWindow {
    /// No rule asks for one.
    None,
    Original,
    Replacement,
}

/// A window that a call reads or writes. It isn't freed meanwhile.
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
    /// A new window for a circuit that began with this generation, at this time.
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
            Self::Replacement(window) => window.as_deref().expect("`Core::window` has checked it"),
        }
    }
}
