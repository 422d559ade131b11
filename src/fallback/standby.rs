use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::{FallbackLayer, layer::About};
use crate::{clone_source::CloneSource, shared::Shared};

/// What stands by until a primary has failed, shared by all clones of a service and their calls: a call that needs none of it costs one
/// [reference count](crate::shared), whatever a clone of the backup costs.
pub(super) struct Standby<B, J> {
    source: CloneSource<(B, J)>,
    pub(super) about: Arc<About>,
}

impl<B, J> Standby<B, J> {
    pub(super) fn of<C>(layer: &FallbackLayer<B, C, J>) -> Shared<Self>
    where
        B: Clone,
        J: Clone,
    {
        let source = CloneSource::new(Some((layer.backup.clone(), layer.on_failure.clone())));
        Shared::new(Self { source, about: Arc::clone(&layer.about) })
    }

    /// The backup of one call, and what makes the error if it fails too. Pending while another call clones them.
    #[cold]
    pub(super) fn poll_take_place(&self, cx: &mut Context<'_>) -> Poll<(B, J)>
    where
        B: Clone,
        J: Clone,
    {
        self.source.poll_clone(cx)
    }
}
