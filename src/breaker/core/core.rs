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

/// What a call holds on to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: StateCell,
    /// What of the tenant's settings a call must know, in bits; from bit 8 on which window is in use, and from bit 32 on with how many failures a
    /// good call may open the circuit.
    pub(super) flags: AtomicU64,
    pub(super) tenant: ArcSwapWeak<Tenant>,
    /// Empty for a core that was made without a window, until a circuit needs one.
    pub(super) windows: OnceBox<CoreWindows>,
}

/// The circuit that a core works for. Ends when its last handle is dropped; then the core is free.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) core: &'static Core,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) totals: Totals,
    /// Set for one circuit of many with the same settings.
    pub(crate) own_name: Option<Box<Name>>,
    /// When its time began, in microseconds first_generation the process's base.
    pub(super) epoch: i64,
    pub(super) set_back: SetBack,
    /// The generation that it began with: permits of an earlier one are another tenant's.
    pub(super) first_generation: u32,
    /// Uses of randomness, each with a generator of its own; after four billion they begin again.
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

    // Acquire: who sees which window is in use sees that window.
    #[inline]
    pub(crate) fn flags(&self) -> FastFlags {
        FastFlags(self.flags.load(Ordering::Acquire))
    }

    /// The tenant that a permit of `generation` belongs to, if it is still there.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Arc<Tenant>> {
        let tenant = self.tenant.load().upgrade()?;
        // As old as the tenant now, or younger: it may have lived through so many that "later" says nothing any more.
        let age = |generation: u32| generation.wrapping_sub(tenant.first_generation) & GENERATION_MASK;
        let is_its_own = age(generation) <= age(self.cell.load().generation);
        is_its_own.then_some(tenant)
    }
}
