//! The memory of a circuit (the *core*), and the circuit that uses it (the *tenant*).

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapWeak};
use once_cell::race::OnceBox;

use super::{core_windows::CoreWindows, fast_flags::FastFlags, totals::Totals};
use crate::{
    Name,
    breaker::{
        cell::StateCell,
        config::Settings,
        generation::GENERATION_MASK,
        window::{WindowLayout, WindowState},
    },
    time::SetBack,
};

/// The memory of a circuit. Calls hold a `&'static` reference to it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: StateCell,
    /// See [`FastFlags`].
    pub(super) flags: AtomicU64,
    pub(super) tenant: ArcSwapWeak<Tenant>,
    /// Empty in a core that was allocated without windows, until a circuit needs one.
    pub(super) windows: OnceBox<CoreWindows>,
}

/// The circuit that uses a core. When its last handle is dropped, the core is free for another
/// circuit.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) core: &'static Core,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) totals: Totals,
    /// The name of a circuit whose settings are shared with other circuits.
    pub(crate) own_name: Option<Box<Name>>,
    /// The start of the circuit's time, in microseconds since the base of the process.
    pub(super) epoch: i64,
    pub(super) set_back: SetBack,
    /// The first generation of this tenant. Permits of earlier generations belong to former
    /// tenants.
    pub(super) first_generation: u32,
    /// The number of random decisions so far. Each of them seeds its own generator with this
    /// number. Wraps after four billion.
    pub(super) random_turns: AtomicU32,
}

impl Core {
    pub(super) fn new(layout: WindowLayout) -> Self {
        let windows = OnceBox::new();
        if layout != WindowLayout::default() {
            windows.get_or_init(|| CoreWindows::new(Some(WindowState::new(layout))));
        }
        Self { cell: StateCell::new(), flags: AtomicU64::new(0), tenant: ArcSwapWeak::from(Weak::new()), windows }
    }

    // Acquire: a thread that reads which window is active also sees the contents of that window.
    #[inline]
    pub(crate) fn flags(&self) -> FastFlags {
        FastFlags(self.flags.load(Ordering::Acquire))
    }

    /// Returns the tenant that issued the permits of `generation`, if it still exists.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Arc<Tenant>> {
        let tenant = self.tenant.load().upgrade()?;
        // Compares ages since the tenant's start. `is_later` would be wrong after 2^30 generations
        // of one tenant.
        let age = |generation: u32| generation.wrapping_sub(tenant.first_generation) & GENERATION_MASK;
        let is_its_own = age(generation) <= age(self.cell.load().generation);
        is_its_own.then_some(tenant)
    }
}
