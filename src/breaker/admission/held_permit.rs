//! Permits that readiness holds before there is a call.

use crate::breaker::{circuit::Circuit, permit::Permit, rejection::Rejection, transition::AdmissionKind};

/// A permit that was issued with readiness, before the call. Dropped unused, it has no effect on
/// the circuit's health.
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
    /// Asks for a permit. A rejection isn't counted, because there was no call.
    pub(super) fn hold_permit(&self) -> Result<HeldPermit, Rejection> {
        let mut permit = self.acquire(AdmissionKind::Request)?;
        permit.attribute_panics(false);
        Ok(HeldPermit(Some(permit)))
    }
}
