//! The presets of the spans for reqwest.

use crate::{
    http::StatusClassifier,
    spans::{AttemptSpanLayer, DefaultAttemptSpan, DefaultRequestSpan, RequestSpanLayer},
};

impl RequestSpanLayer<DefaultRequestSpan, StatusClassifier> {
    /// Preset for requests of a `reqwest::Client`, under another name: [`Self::http`].
    pub fn reqwest() -> Self {
        Self::http().name("reqwest")
    }
}

impl AttemptSpanLayer<DefaultAttemptSpan, StatusClassifier> {
    /// Preset for requests of a `reqwest::Client`: the default span, and [`StatusClassifier`]
    /// decides which responses are failures. `http.request.resend_count` is missing, because
    /// reqwest hides the extensions of its requests.
    pub fn reqwest() -> Self {
        AttemptSpanLayer::new().classifier(StatusClassifier::default())
    }
}
