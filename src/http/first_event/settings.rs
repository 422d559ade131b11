use std::time::Duration;

use super::{EventMeaning, ServerEvent};

/// The default of [`FirstEventLayer::classify`](super::FirstEventLayer::classify).
pub type ClassifyEvent = fn(&ServerEvent<'_>) -> EventMeaning;

/// The settings of a [`FirstEventLayer`](super::FirstEventLayer).
#[derive(Clone, Copy)]
pub(super) struct Settings<F> {
    pub(super) classify: F,
    pub(super) max_bytes: usize,
    pub(super) max_wait: Duration,
    pub(super) fail_if_empty: bool,
}
