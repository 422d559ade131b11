//! The fast path: most successes are recorded without the settings and without the transition
//! function.

use super::core::Core;
use crate::breaker::window::{FastRecord, TimeFastPath, WindowState};

impl Core {
    /// Records a success of `generation`, if it can't change the state, so that no rule has to be
    /// evaluated.
    #[inline]
    pub(crate) fn record_success(&'static self, generation: u32) -> FastRecord {
        if !self.cell.success_changes_nothing(generation) {
            return FastRecord::NotRecorded;
        }
        let flags = self.flags();
        if !flags.has_window() || flags.has_only_count_window() && self.ignores_success_inline(generation) {
            return FastRecord::Done;
        }
        self.record_success_in_window(generation)
    }

    // Outlined, because calls seldom get here: most circuits have no window, and a full count
    // window without a failure is checked inline.
    #[inline(never)]
    fn record_success_in_window(&'static self, generation: u32) -> FastRecord {
        match self.active_original_window() {
            Some(window) => self.record_success_in(window, generation),
            None => self.record_success_in_replacement(generation),
        }
    }

    // Outlined, because the guard of a replacement window would cost a call in the original window
    // 35 more instructions (`benches/instructions`, row `breaker_with_failures_in_its_window`).
    #[inline(never)]
    fn record_success_in_replacement(&'static self, generation: u32) -> FastRecord {
        self.window().map_or(FastRecord::Done, |window| self.record_success_in(&window, generation))
    }

    #[inline]
    fn record_success_in(&self, window: &WindowState, generation: u32) -> FastRecord {
        if window.ignores_success(generation) {
            return FastRecord::Done;
        }
        match self.flags().trip_threshold() {
            threshold if threshold > 0 && self.cell.is_automatic() => {
                window.record_success_below(generation, threshold, TimeFastPath::now)
            }
            _ => FastRecord::NotRecorded,
        }
    }
}
