//! Start, reconfiguration and end of a circuit.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

use arc_swap::ArcSwap;

use super::{core::Tenant, core_windows::ActiveWindow, fast_flags::FastFlags, free_list, totals::Totals};
use crate::{
    Name,
    breaker::{config::Settings, state::Mode, transition::StateWord, window::WindowState},
    time::{SetBack, micros_since_base},
};

/// One reconfiguration at a time, for all circuits. Otherwise a circuit could end up with the
/// settings of one reconfiguration and the window of another.
pub(super) static RECONFIGURING: Mutex<()> = Mutex::new(());

impl Tenant {
    /// Takes a free core, or allocates one. This locks the list of free cores; a call never locks
    /// it.
    pub(crate) fn new(settings: Arc<Settings>, own_name: Option<Name>) -> Arc<Self> {
        let layout = settings.layout;
        let core = free_list::take_or_allocate(layout);
        let epoch = micros_since_base(settings.clock.now());
        let first_generation = core.cell.start_tenant();
        if let Some(original) = core.original_window() {
            original.start_tenant(first_generation, epoch);
        }
        let active = core.window_for(layout);
        if active == ActiveWindow::Replacement {
            core.replace_window(Some(WindowState::begun(layout, first_generation, epoch)));
        }
        core.flags.store(FastFlags::of(&settings, active).0, Ordering::Release);
        let tenant = Arc::new(Self {
            core,
            settings: ArcSwap::new(settings),
            totals: Totals::default(),
            own_name: own_name.map(Box::new),
            epoch,
            set_back: SetBack::new(),
            first_generation,
            random_turns: AtomicU32::new(0),
        });
        core.tenant.store(Arc::downgrade(&tenant));
        if let Some(group) = &tenant.settings.load().group {
            group.join();
        }
        if let Some(siblings) = &tenant.settings.load().registration.siblings {
            siblings.insert(Arc::downgrade(&tenant) as _);
        }
        tenant
    }

    /// Replaces the settings. The clock stays, because stored times are relative to it. The group
    /// stays, because the circuit may count as open in it.
    pub(crate) fn reconfigure(&self, mut settings: Arc<Settings>) {
        {
            let (kept, settings) = (self.settings.load(), Arc::make_mut(&mut settings));
            (settings.clock, settings.group) = (kept.clock.clone(), kept.group.clone());
            settings.registration = kept.registration.clone();
        }
        let (layout, core) = (settings.layout, self.core);
        let active = core.window_for(layout);
        let window = || WindowState::begun(layout, core.cell.load().generation, self.effective_epoch());
        let replacement = (active == ActiveWindow::Replacement).then(window);
        let flags = FastFlags::of(&settings, active);
        // The former settings are dropped after the lock is released: the `Drop` of their observers
        // and rules is user code, and may itself reconfigure circuits.
        let _former = {
            let _one_at_a_time = RECONFIGURING.lock().unwrap_or_else(PoisonError::into_inner);
            // A registry may have been added meanwhile.
            #[cfg(feature = "metrics")]
            {
                let kept = self.settings.load();
                Arc::make_mut(&mut settings).registration.further.clone_from(&kept.registration.further);
            }
            let former = self.settings.swap(Arc::clone(&settings));
            let counts_anew = layout != former.layout;
            if counts_anew && active == ActiveWindow::Replacement {
                core.replace_window(replacement);
            }
            core.flags.store(flags.0, Ordering::Release);
            if settings.times_failure_rows() && !former.times_failure_rows() {
                core.cell.start_failure_row(self.now(&settings));
            }
            if counts_anew {
                core.cell.clear_counts();
            } else if settings.rules != former.rules || settings.slow_after != former.slow_after {
                core.cell.update(StateWord::with_would_open_unreported);
            }
            if active != ActiveWindow::Replacement {
                core.replace_window(None);
            }
            former
        };
    }

    /// Updates the number of open circuits of the group after a change that didn't take a slot.
    pub(crate) fn update_group(&self, settings: &Settings, counted_as_open: bool, after: StateWord) {
        let Some(group) = &settings.group else { return };
        match (counted_as_open, after.counts_as_open()) {
            (true, false) => group.release_slot(),
            (false, true) => group.add_open(),
            _ => {}
        }
    }

    /// Identifies the circuit. No other circuit gets the same number, because a core starts each
    /// circuit in another generation.
    pub(crate) fn id(&self) -> (usize, u32) {
        (std::ptr::from_ref(self.core).addr(), self.first_generation)
    }

    pub(crate) fn name<'a>(&'a self, settings: &'a Settings) -> &'a Name {
        self.own_name.as_deref().unwrap_or(&settings.name)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        self.leave_counts();
        self.core.tenant.store(Weak::new());
        let (before, after) = self.core.cell.update(|word| word.in_mode(Mode::Auto));
        let settings = self.settings.load();
        self.update_group(&settings, before.counts_as_open(), after);
        if let Some(group) = &settings.group {
            group.leave();
        }
        self.core.replace_window(None);
        free_list::give_back(self.core);
    }
}
