//! The presets of the spans for HTTP.

use ::http::{Extensions, Request};
use tracing::Span;

use super::{StatusClassifier, resend_count};
use crate::{
    Attempt,
    spans::{AttemptSpanLayer, DefaultRequestSpan, MakeSpan, RequestSpanLayer, empty_attempt_span},
};

impl RequestSpanLayer<DefaultRequestSpan, StatusClassifier> {
    /// Preset for HTTP requests: [`StatusClassifier`] decides which responses are failures.
    pub fn http() -> Self {
        RequestSpanLayer::new().classifier(StatusClassifier::default())
    }
}

impl AttemptSpanLayer<HttpAttemptSpan, StatusClassifier> {
    /// Preset for HTTP requests: [`HttpAttemptSpan`] makes the spans, and [`StatusClassifier`]
    /// decides which responses are failures.
    pub fn http() -> Self {
        AttemptSpanLayer::new().make_span(HttpAttemptSpan).classifier(StatusClassifier::default())
    }
}

/// Makes the span of an attempt to send an HTTP request: the default span, with
/// `http.request.resend_count` from the second send on ([`resend_count`]).
///
/// The span's kind is INTERNAL. OpenTelemetry's CLIENT span for each send comes from an HTTP layer
/// of your own inside; [`resend_count`] shows one.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpAttemptSpan;

impl<B> MakeSpan<Request<B>> for HttpAttemptSpan {
    fn make_span(&self, request: &Request<B>) -> Span {
        let span = empty_attempt_span();
        record_index(&span, request.extensions());
        if let Some(count) = resend_count(request.extensions()) {
            span.record("http.request.resend_count", count);
        }
        span
    }
}

/// Records the index of the retry's attempt, which the request carries from the second one on. If
/// this thread knows the request's span, the layer replaces the index by its own count.
pub(crate) fn record_index(span: &Span, extensions: &Extensions) {
    if let Some(attempt) = extensions.get::<Attempt>() {
        span.record("resilience.attempt.index", attempt.number() - 1);
    }
}
