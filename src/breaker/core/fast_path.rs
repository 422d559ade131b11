use super::core::Core;
use crate::breaker::window::{Alone, Window};

impl Core {
    /// What can be done about a success of `generation` if it has nothing to write, or nothing but its place in the window.
    #[inline]
    pub(crate) fn succeed_at_once(&'static self, generation: u32) -> Alone {
        if !self.cell.has_no_failure(generation) {
            return Alone::Nothing;
        }
        let flags = self.flags();
        if !flags.has_window() || flags.has_calls_alone() && self.is_quiet_at_once(generation) {
            return Alone::All;
        }
        self.succeed_within(generation)
    }

    // Not in line: most circuits have none.
    #[inline(never)]
    fn succeed_within(&'static self, generation: u32) -> Alone {
        match self.first_window() {
            Some(window) => self.succeed_in(window, generation),
            None => self.succeed_in_replacement(generation),
        }
    }

    fn succeed_in(&self, window: &Window, generation: u32) -> Alone {
        if window.is_quiet(generation) { Alone::All } else { self.succeed_among_others(window, generation) }
    }

    #[inline(never)]
    fn succeed_in_replacement(&'static self, generation: u32) -> Alone {
        self.window().map_or(Alone::All, |window| self.succeed_in(&window, generation))
    }

    // Nor this: a full window without a failure is left as it is.
    #[inline(never)]
    fn succeed_among_others(&self, window: &Window, generation: u32) -> Alone {
        match self.flags().opens_from() {
            failures if failures > 0 && self.cell.is_automatic() => window.succeed_below(generation, failures),
            _ => Alone::Nothing,
        }
    }
}
