//! Permits that a ready service holds before its call.

use crate::breaker::{circuit::Circuit, permit::Permit, rejection::Rejection, transition::AdmissionKind};

/// A permit that the circuit issued when the service became ready, before the call. If it is
/// dropped without a call, it counts neither as a success nor as a failure.
pub(super) struct HeldPermit(Option<Permit>);

impl HeldPermit {
    pub(super) fn start_call(mut self) -> Permit {
        let mut permit = self.0.take().expect("the permit is present until it is used");
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
    /// Requests a permit. A rejection isn't counted, because there was no call.
    pub(super) fn hold_permit(&self) -> Result<HeldPermit, Rejection> {
        let mut permit = self.acquire(AdmissionKind::Request)?;
        permit.attribute_panics(false);
        Ok(HeldPermit(Some(permit)))
    }
}
