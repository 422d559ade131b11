use crate::breaker::{circuit::Circuit, permit::Permit, rejection::Rejection, transition::Asking};

/// A permit that came with readiness, before there was a call. Given up unused, it says nothing of the service.
pub(super) struct Granted(Option<Permit>);

impl Granted {
    pub(super) fn use_it(mut self) -> Permit {
        let mut permit = self.0.take().expect("a permit until it is used");
        permit.blame(true);
        permit.begin();
        permit
    }
}

impl Drop for Granted {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.unused();
        }
    }
}

impl<C> Circuit<C> {
    /// A permit, if there is one. A rejection isn't counted: no call was made.
    pub(super) fn grant(&self) -> Result<Granted, Rejection> {
        let mut permit = self.ask(Asking::Request)?;
        permit.blame(false);
        Ok(Granted(Some(permit)))
    }
}
