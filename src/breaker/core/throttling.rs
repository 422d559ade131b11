use super::core::Tenant;
use crate::breaker::{
    config::Settings,
    rejection::PackedRejection,
    state::{Mode, State},
};

impl Tenant {
    /// Rejects a request by chance, if there is a throttle. Who is let in is counted when it comes back: calls that are on their
    /// way say nothing yet, and a burst of them isn't held against the service.
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
