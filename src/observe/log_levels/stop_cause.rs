use crate::Cause;

/// Why a retry makes no further attempt: a [`Cause`] without its values. The level of
/// [`Event::RetryStopped`](crate::observe::Event::RetryStopped) in the log is set per cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopCause {
    /// [`Cause::AttemptsExhausted`] after one attempt: no other was allowed.
    OnlyAttempt,
    /// [`Cause::AttemptsExhausted`] after two or more attempts.
    AttemptsExhausted,
    /// [`Cause::Permanent`].
    Permanent,
    /// [`Cause::Failure`]: the policy gave no cause.
    Failure,
    /// [`Cause::Rejected`].
    Rejected,
    /// [`Cause::RetryRejected`].
    RetryRejected,
    /// [`Cause::Budget`].
    Budget,
    /// [`Cause::Deadline`].
    Deadline,
    /// [`Cause::RetryAfterTooLong`].
    RetryAfterTooLong,
    /// [`Cause::NotReplayable`].
    NotReplayable,
    /// [`Cause::UnsafeToResend`].
    UnsafeToResend,
    /// [`Cause::RetriesDisabled`].
    RetriesDisabled,
    /// [`Cause::TotalQuota`].
    TotalQuota,
    /// [`Cause::KeyQuota`].
    KeyQuota,
    /// [`Cause::Custom`], with any reason.
    Custom,
}

impl StopCause {
    pub(super) const ALL: [Self; 15] = [
        Self::OnlyAttempt,
        Self::AttemptsExhausted,
        Self::Permanent,
        Self::Failure,
        Self::Rejected,
        Self::RetryRejected,
        Self::Budget,
        Self::Deadline,
        Self::RetryAfterTooLong,
        Self::NotReplayable,
        Self::UnsafeToResend,
        Self::RetriesDisabled,
        Self::TotalQuota,
        Self::KeyQuota,
        Self::Custom,
    ];

    pub(super) const fn of(cause: &Cause) -> Self {
        match cause {
            Cause::AttemptsExhausted { attempts: 0 | 1 } => Self::OnlyAttempt,
            Cause::AttemptsExhausted { .. } => Self::AttemptsExhausted,
            Cause::Permanent => Self::Permanent,
            Cause::Failure => Self::Failure,
            Cause::Rejected { .. } => Self::Rejected,
            Cause::RetryRejected { .. } => Self::RetryRejected,
            Cause::Budget => Self::Budget,
            Cause::Deadline => Self::Deadline,
            Cause::RetryAfterTooLong { .. } => Self::RetryAfterTooLong,
            Cause::NotReplayable => Self::NotReplayable,
            Cause::UnsafeToResend => Self::UnsafeToResend,
            Cause::RetriesDisabled => Self::RetriesDisabled,
            Cause::TotalQuota { .. } => Self::TotalQuota,
            Cause::KeyQuota { .. } => Self::KeyQuota,
            Cause::Custom(_) => Self::Custom,
        }
    }
}
