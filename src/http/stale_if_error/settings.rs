use std::{sync::Arc, time::Duration};

use ::http::HeaderName;

use super::recording::ResponseStore;

/// What the services and the layer share.
pub(super) struct Shared {
    pub(super) store: Arc<ResponseStore>,
    pub(super) max_age: Duration,
    pub(super) max_body: usize,
    /// The headers that a `Vary` may name.
    pub(super) vary_by: Arc<[HeaderName]>,
}
