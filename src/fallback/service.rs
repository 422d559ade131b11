use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    Backup, FallbackLayer, future,
    on_failure::{Both, OnFailure},
    standby::Standby,
};
use crate::{Classifier, readiness::Readiness, reservation::Releaser, shared::Shared};

/// A service with a fallback. Made by [`FallbackLayer`].
///
/// # Clone
///
/// A clone has clones of the primary and of the backup. A call costs one reference count; it makes a clone of the backup when its primary
/// has failed.
pub struct Fallback<S, B, C, J = Both> {
    primary: S,
    /// Keeps what is needed of requests.
    backup: B,
    classifier: C,
    standby: Shared<Standby<B, J>>,
    readiness: Readiness,
    releaser: Releaser<S>,
}

impl<S, B, C, J> Fallback<S, B, C, J> {
    pub(super) fn new(primary: S, layer: &FallbackLayer<B, C, J>) -> Self
    where
        B: Clone,
        C: Clone,
        J: Clone,
    {
        let (backup, classifier) = (layer.backup.clone(), layer.classifier.clone());
        Self {
            primary,
            backup,
            classifier,
            standby: Standby::of(layer),
            readiness: Readiness::default(),
            releaser: Releaser::default(),
        }
    }

    /// The primary.
    pub fn get_ref(&self) -> &S {
        &self.primary
    }
}

impl<S, B, C, J, Req> Service<Req> for Fallback<S, B, C, J>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    B: Backup<Req, S::Response, S::Error> + Clone,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    J: OnFailure<S::Error, B::Error> + Clone,
{
    type Response = S::Response;
    type Error = J::Error;
    type Future = future::Future<S, B, C, J, Req>;

    /// Ready when the primary is; the backup is made ready when it is needed. Never an error: the backup is asked for the
    /// call that follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.readiness.poll(&mut self.primary, |primary| self.releaser.release(primary), cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let Self { primary, backup, classifier, standby, readiness, .. } = self;
        future::start((primary, readiness), (&*backup, &*classifier, &*standby), request)
    }
}

impl<S: Clone, B: Clone, C: Clone, J> Clone for Fallback<S, B, C, J> {
    fn clone(&self) -> Self {
        Self {
            primary: self.primary.clone(),
            backup: self.backup.clone(),
            classifier: self.classifier.clone(),
            standby: self.standby.clone(),
            readiness: Readiness::default(),
            releaser: self.releaser.clone(),
        }
    }
}

impl<S: fmt::Debug, B: fmt::Debug, C, J> fmt::Debug for Fallback<S, B, C, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("primary", &self.primary).field("backup", &self.backup).finish_non_exhaustive()
    }
}
