use std::sync::{Arc, Mutex, PoisonError};

use super::{FallbackLayer, layer::About};
use crate::shared::Shared;

/// What stands by until a primary has failed, shared by all clones of a service and their calls: a call that needs none of it costs one
/// [reference count](crate::shared), whatever a clone of the backup costs.
///
/// The mutex lets backups be shared that can't be used from two threads at once. It is locked while one is cloned, for a primary that has
/// failed; nobody waits for a backup there.
pub(super) struct Standby<B, J> {
    spare: Mutex<(B, J)>,
    pub(super) about: Arc<About>,
}

impl<B, J> Standby<B, J> {
    pub(super) fn of<C>(layer: &FallbackLayer<B, C, J>) -> Shared<Self>
    where
        B: Clone,
        J: Clone,
    {
        let spare = Mutex::new((layer.backup.clone(), layer.on_failure.clone()));
        Shared::new(Self { spare, about: Arc::clone(&layer.about) })
    }

    /// The backup of one call, and what makes the error if it fails too.
    #[cold]
    pub(super) fn take_place(&self) -> (B, J)
    where
        B: Clone,
        J: Clone,
    {
        // A clone that panicked has changed nothing here.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
