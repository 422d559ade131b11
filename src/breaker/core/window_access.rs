//! Access to the windows of a core.

use std::sync::Arc;

use super::{
    core::Core,
    core_windows::{ActiveWindow, CoreWindows, WindowRef},
};
use crate::breaker::window::{WindowLayout, WindowState};

impl Core {
    /// The layout of the original windows.
    pub(super) fn layout(&self) -> WindowLayout {
        self.original_window().map_or(WindowLayout::default(), WindowState::layout)
    }

    /// The windows in use, or `None` if no rule needs one.
    #[inline]
    pub(crate) fn window(&'static self) -> Option<WindowRef> {
        match self.flags().active_window() {
            ActiveWindow::None => None,
            ActiveWindow::Original => self.original_window().map(WindowRef::Original),
            ActiveWindow::Replacement => {
                let replacement = self.windows.get()?.replacement.load();
                // Empty only if the call has outlived its circuit.
                replacement.is_some().then_some(WindowRef::Replacement(replacement))
            }
        }
    }

    #[inline]
    pub(super) fn original_window(&self) -> Option<&WindowState> {
        self.windows.get()?.original.as_ref()
    }

    /// Returns whether a success of `generation` would change nothing in the original count window.
    #[inline]
    pub(crate) fn ignores_success_inline(&self, generation: u32) -> bool {
        self.original_window().is_some_and(|window| window.ignores_success_inline(generation))
    }

    /// The windows in use, if they are those that the core was made with.
    #[inline]
    pub(super) fn active_original_window(&self) -> Option<&WindowState> {
        if self.flags().active_window() == ActiveWindow::Original { self.original_window() } else { None }
    }

    pub(super) fn window_for(&self, layout: WindowLayout) -> ActiveWindow {
        match layout {
            layout if layout == WindowLayout::default() => ActiveWindow::None,
            layout if layout == self.layout() => ActiveWindow::Original,
            _ => ActiveWindow::Replacement,
        }
    }

    pub(super) fn replace_window(&self, window: Option<Arc<WindowState>>) {
        match window {
            Some(window) => self.windows.get_or_init(|| CoreWindows::new(None)).replacement.store(Some(window)),
            None => self.windows.get().into_iter().for_each(|windows| windows.replacement.store(None)),
        }
    }

    /// Sets the start of the circuit's time in its windows.
    pub(super) fn set_epoch(&'static self, epoch: i64) {
        if let Some(window) = self.window() {
            window.set_epoch(epoch);
        }
    }
}
