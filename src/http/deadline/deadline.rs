use std::time::Duration;

use ::http::Extensions;

use crate::time::Instant;

/// The time at which a request must be answered, as a request extension.
///
/// A retry with [`StatusClassifier`](crate::http::StatusClassifier) as its classifier honours it:
/// no wait ends after the deadline. For each attempt, the retry lowers the extension to the
/// attempt's own deadline. The retry cuts off a running attempt at the deadline only if it has
/// [`Timeouts`](crate::retry::Timeouts) with an outcome for this case; without such an outcome, the
/// retry has nothing to return. A [`DeadlineLayer`](super::DeadlineLayer) sets the extension and
/// enforces it.
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use tower_recourse::http::Deadline;
///
/// let request = Request::get("/prices").extension(Deadline::after(Duration::from_millis(500))).body(()).unwrap();
/// # let _ = request;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this time.
    pub fn new(at: Instant) -> Self {
        Self(at)
    }

    /// A deadline that is this long from now. A time above 30 years, such as `Duration::MAX`,
    /// becomes 30 years.
    pub fn after(time: Duration) -> Self {
        Self::from_start(Instant::now(), time)
    }

    pub(super) fn from_start(start: Instant, time: Duration) -> Self {
        const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
        Self(start + time.min(FAR))
    }

    /// Stores the deadline in a request's extensions, unless they contain an earlier one.
    pub(crate) fn lower(self, extensions: &mut Extensions) {
        let earliest = extensions.get().map_or(self, |&stored| self.min(stored));
        extensions.insert(earliest);
    }

    /// The time of the deadline.
    pub fn at(&self) -> Instant {
        self.0
    }

    /// The time that is left; zero if the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
