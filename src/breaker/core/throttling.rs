//! Throttling: rejections with a probability.

use super::core::Tenant;
use crate::breaker::{
    config::Settings,
    rejection::PackedRejection,
    state::{Mode, State},
};

impl Tenant {
    /// Rejects a request with a probability, if there is a throttle. An admitted request is counted
    /// when it ends: requests in flight have no outcome yet, and a burst of them doesn't mean that
    /// the service is overloaded.
    pub(crate) fn throttle(&self, settings: &Settings) -> Result<(), PackedRejection> {
        let (Some(throttle), Some(window)) = (settings.throttle, self.core.window()) else { return Ok(()) };
        let word = self.core.cell.load();
        if word.state() != State::Closed || !matches!(word.mode, Mode::Auto) {
            return Ok(());
        }
        let now = self.now(settings);
        let (requests, accepts) = window.request_counts(word.generation, now);
        let rejects = throttle.rejects(requests, accepts);
        if rejects <= 0.0 || !self.chance(settings, rejects) {
            return Ok(());
        }
        window.record_request(word.generation, now, false);
        Err(PackedRejection::new(word.state(), u64::MAX, now))
    }
}
