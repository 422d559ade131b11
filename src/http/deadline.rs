use std::time::Duration;

use crate::time::Instant;

/// When a request must be answered: an extension of the request. It is honoured by a retry that judges by
/// [`Statuses`](super::Statuses), and lowered for each attempt to the time that the attempt has.
///
/// No wait crosses it. An attempt that is under way is cut off at it only if the retry has [`Timeouts`](crate::retry::Timeouts) with an
/// answer: without one there is nothing to answer with.
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use tower_recourse::http::Deadline;
///
/// let request = Request::get("/prices").extension(Deadline::within(Duration::from_millis(500))).body(()).unwrap();
/// # let _ = request;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// At this time.
    pub fn new(at: Instant) -> Self {
        Self(at)
    }

    /// So long from now. `Duration::MAX` and the like are some 30 years.
    pub fn within(time: Duration) -> Self {
        const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
        Self(Instant::now() + time.min(FAR))
    }

    /// The time.
    pub fn at(&self) -> Instant {
        self.0
    }

    /// What is left of it; zero once it has passed.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
