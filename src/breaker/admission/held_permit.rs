use crate::breaker::{circuit::Circuit, permit::Permit, rejection::Rejection, transition::AdmissionKind};

/// A permit that came with readiness, before there was a call. Given up unused, it says nothing of the service.
pub(super) struct HeldPermit(Option<Permit>);

impl HeldPermit {
    pub(super) fn start_call(mut self) -> Permit {
        let mut permit = self.0.take().expect("a permit until it is used");
        permit.attribute_panics(true);
        permit.start_call();
        permit
    }
}

impl Drop for HeldPermit {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.end_unused();
        }
    }
}

impl<C> Circuit<C> {
    /// A permit, if there is one. A rejection isn't counted: no call was made.
    pub(super) fn hold_permit(&self) -> Result<HeldPermit, Rejection> {
        let mut permit = self.acquire(AdmissionKind::Request)?;
        permit.attribute_panics(false);
        Ok(HeldPermit(Some(permit)))
    }
}
