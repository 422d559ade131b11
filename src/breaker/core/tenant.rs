use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

use arc_swap::ArcSwap;

use super::{core::Core, core_windows::InUse, fast_flags::Flags, free_list, totals::Totals};
use crate::{
    Name,
    breaker::{config::Settings, state::Mode, transition::Word, window::Window},
    time::{SetBack, micros_since_base},
};

/// The circuit that a core works for. Ends when its last handle is dropped; then the core is free.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) core: &'static Core,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) totals: Totals,
    /// Set for one circuit of many with the same settings.
    pub(crate) own_name: Option<Box<Name>>,
    /// When its time began, in microseconds since the process's base.
    pub(super) epoch: i64,
    pub(super) set_back: SetBack,
    /// The generation that it began with: permits of an earlier one are another tenant's.
    pub(super) since: u32,
    /// Uses of randomness, each with a generator of its own; after four billion they begin again.
    pub(super) turns: AtomicU32,
}

impl Tenant {
    /// Takes a free core, or makes one. Locks the list of free cores; circuits are made and dropped outside of any call.
    pub(crate) fn new(settings: Arc<Settings>, own_name: Option<Name>) -> Arc<Self> {
        let shape = settings.shape;
        let core = free_list::take_or_make(shape);
        let epoch = micros_since_base(settings.clock.now());
        let since = core.cell.begin();
        if let Some(first) = core.first() {
            first.begin(since, epoch);
        }
        let in_use = core.in_use_for(shape);
        if in_use == InUse::Replacement {
            core.replace_window(Some(Window::begun(shape, since, epoch)));
        }
        core.flags.store(Flags::of(&settings, in_use).0, Ordering::Release);
        let tenant = Arc::new(Self {
            core,
            settings: ArcSwap::new(settings),
            totals: Totals::default(),
            own_name: own_name.map(Box::new),
            epoch,
            set_back: SetBack::new(),
            since,
            turns: AtomicU32::new(0),
        });
        core.tenant.store(Arc::downgrade(&tenant));
        tenant
    }

    /// Goes on with other settings. The clock stays: times are counted by it.
    pub(crate) fn exchange(&self, mut settings: Arc<Settings>) {
        // One at a time, whichever circuit it is: otherwise the settings of one exchange could meet the window of another.
        static EXCHANGING: Mutex<()> = Mutex::new(());
        Arc::make_mut(&mut settings).clock = self.settings.load().clock.clone();
        let (shape, core) = (settings.shape, self.core);
        let in_use = core.in_use_for(shape);
        let window = || Window::begun(shape, core.cell.load().generation, self.began_at());
        let replacement = (in_use == InUse::Replacement).then(window);
        let flags = Flags::of(&settings, in_use);
        // The former settings are dropped after the lock: their observers and rules are the user's, and may exchange settings themselves.
        let _former = {
            let _one_at_a_time = EXCHANGING.lock().unwrap_or_else(PoisonError::into_inner);
            let former = self.settings.swap(Arc::clone(&settings));
            let counts_anew = shape != former.shape;
            if counts_anew && in_use == InUse::Replacement {
                core.replace_window(replacement);
            }
            core.flags.store(flags.0, Ordering::Release);
            if settings.times_rows() && !former.times_rows() {
                core.cell.begin_row(self.now(&settings));
            }
            if counts_anew {
                core.cell.renew();
            } else if settings.rules != former.rules || settings.slow_after != former.slow_after {
                core.cell.change(Word::untold);
            }
            if in_use != InUse::Replacement {
                core.replace_window(None);
            }
            former
        };
    }

    pub(crate) fn name<'a>(&'a self, settings: &'a Settings) -> &'a Name {
        self.own_name.as_deref().unwrap_or(&settings.name)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.core.tenant.store(Weak::new());
        self.core.cell.change(|word| word.in_mode(Mode::Auto));
        self.core.replace_window(None);
        free_list::put(self.core);
    }
}
