use std::time::Duration;

/// The time limits of a body. `None` means no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) idle: Option<Duration>,
    pub(super) total: Option<Duration>,
}
