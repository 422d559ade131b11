use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapWeak;
use once_cell::race::OnceBox;

use super::{core_windows::Windows, fast_flags::Flags, tenant::Tenant};
use crate::breaker::{
    cell::Cell,
    generation::GENERATION_MASK,
    window::{Shape, Window},
};

/// What a call holds on to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: Cell,
    /// What of the tenant's settings a call must know, in bits; from bit 8 on which window is in use, and from bit 32 on with how many failures a
    /// good call may open the circuit.
    pub(super) flags: AtomicU64,
    pub(super) tenant: ArcSwapWeak<Tenant>,
    /// Empty for a core that was made without a window, until a circuit needs one.
    pub(super) windows: OnceBox<Windows>,
}

impl Core {
    pub(super) fn new(shape: Shape) -> Self {
        let windows = OnceBox::new();
        if shape != Shape::default() {
            windows.get_or_init(|| Windows::new(Some(Window::new(shape))));
        }
        Self { cell: Cell::new(), flags: AtomicU64::new(0), tenant: ArcSwapWeak::from(Weak::new()), windows }
    }

    // Acquire: who sees which window is in use sees that window.
    #[inline]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Acquire))
    }

    /// The tenant that a permit of `generation` belongs to, if it is still there.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Arc<Tenant>> {
        let tenant = self.tenant.load().upgrade()?;
        // As old as the tenant now, or younger: it may have lived through so many that "later" says nothing any more.
        let age = |generation: u32| generation.wrapping_sub(tenant.since) & GENERATION_MASK;
        let is_its_own = age(generation) <= age(self.cell.load().generation);
        is_its_own.then_some(tenant)
    }
}
