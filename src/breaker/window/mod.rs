//! What the last calls came to.

mod count;

pub(crate) use count::{MAX_CALLS, Marks};

/// What a window holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls among which the failures are counted.
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    /// Calls among which the slow ones are counted: that window may be another.
    pub(crate) timed: u32,
    pub(crate) slow: u32,
}

/// The window of one circuit: what its rules need, and no more.
#[derive(Debug)]
pub(crate) struct Window {
    failures: Option<Marks>,
    slow: Option<Marks>,
}

/// What a window is made of: two circuits of one shape can take each other's memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// Over how many calls failures are counted; 0 if no rule asks.
    pub(crate) failures: u16,
    /// The same for slow calls.
    pub(crate) slow: u16,
}

impl Window {
    pub(crate) fn new(shape: Shape) -> Self {
        let marks = |calls: u16| (calls > 0).then(|| Marks::new(calls));
        Self { failures: marks(shape.failures), slow: marks(shape.slow) }
    }

    /// Counts one call of `generation`, and says what the window holds with it. `None` if a later generation has begun
    /// to count: the call is of no interest any more.
    pub(crate) fn record(&self, generation: u32, failed: bool, slow: bool) -> Option<Counts> {
        let record = |marks: &Option<Marks>, mark| match marks {
            Some(marks) => marks.record(generation, mark),
            None => Some((0, 0)),
        };
        let (calls, failures) = record(&self.failures, failed)?;
        let (timed, slow) = record(&self.slow, slow)?;
        Some(Counts { calls, failures, timed, slow })
    }

    /// What it holds of `generation`.
    pub(crate) fn counts(&self, generation: u32) -> Counts {
        let read = |marks: &Option<Marks>| marks.as_ref().map_or((0, 0), |marks| marks.read(generation));
        let (calls, failures) = read(&self.failures);
        let (timed, slow) = read(&self.slow);
        Counts { calls, failures, timed, slow }
    }

    /// Whether a good, fast call of `generation` would change nothing.
    pub(crate) fn is_quiet(&self, generation: u32) -> bool {
        let quiet = |marks: &Option<Marks>| marks.as_ref().is_none_or(|marks| marks.is_quiet(generation));
        quiet(&self.failures) && quiet(&self.slow)
    }
}
