use crate::Cause;

/// Whether the service or a breaker made a result, as far as the value itself shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The value can't be inspected.
    Unknown,
    /// The service made it: the value can be inspected, and doesn't contain a breaker's rejection.
    Called,
    /// A breaker made it in place of the service.
    Rejected(
        /// [`Cause::Rejected`].
        Cause,
    ),
}

impl Origin {
    /// Returns this origin, or `other` if this one is [`Unknown`](Self::Unknown).
    #[inline]
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if let Self::Unknown = self { other() } else { self }
    }

    /// Whether a breaker made the result.
    #[inline]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}
