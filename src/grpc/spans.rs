//! The presets of the spans for gRPC.

use ::http::Request;
use tracing::{Span, field::Empty, info_span};

use super::StatusClassifier;
use crate::{
    http::spans::record_index,
    sanitize::name_str,
    spans::{AttemptSpanLayer, MakeSpan, RequestSpanLayer, empty_attempt_span},
};

impl RequestSpanLayer<GrpcCallSpan, StatusClassifier> {
    /// Preset for gRPC calls: [`GrpcCallSpan`] makes the spans, and [`StatusClassifier`] decides
    /// which responses are failures.
    pub fn grpc() -> Self {
        RequestSpanLayer::new().make_span(GrpcCallSpan).classifier(StatusClassifier::default())
    }
}

impl AttemptSpanLayer<GrpcAttemptSpan, StatusClassifier> {
    /// Preset for gRPC calls: [`GrpcAttemptSpan`] makes the spans, and [`StatusClassifier`] decides
    /// which responses are failures. It reads a status in trailers only if a
    /// [`PeekLayer`](super::PeekLayer) is inside.
    pub fn grpc() -> Self {
        AttemptSpanLayer::new().make_span(GrpcAttemptSpan).classifier(StatusClassifier::default())
    }
}

/// Makes the CLIENT span of a gRPC call with all its attempts, as OpenTelemetry's
/// [conventions for RPC](https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/) define it.
///
/// The span's name in OpenTelemetry (`otel.name`) and `rpc.method` are the method, such as
/// `helloworld.Greeter/SayHello`. `server.address` and `server.port` are those of the request's
/// URI, which tonic takes from the channel's endpoint inside of the layers: outside of the channel
/// they are usually unknown, and left out. All other [fields](crate::spans#fields) are those of
/// [`request_span`](crate::spans::request_span), without `resilience.pipeline.name`.
///
/// The span ends when the head of the response arrives. `rpc.status_code` is recorded only for a
/// failure, because the status of a success is in the trailers.
#[derive(Debug, Clone, Copy, Default)]
pub struct GrpcCallSpan;

impl<B> MakeSpan<Request<B>> for GrpcCallSpan {
    fn make_span(&self, request: &Request<B>) -> Span {
        let uri = request.uri();
        let method = name_str(uri.path().trim_start_matches('/'));
        let span = info_span!(
            "request",
            otel.name = &*method,
            otel.kind = "client",
            rpc.system.name = "grpc",
            rpc.method = &*method,
            server.address = uri.host().map(name_str).as_deref(),
            server.port = uri.port_u16(),
            recourse.outcome = Empty,
            recourse.attempts = Empty,
            recourse.cause = Empty,
            recourse.fallback = Empty,
            "error.type" = Empty,
            http.response.status_code = Empty,
            rpc.status_code = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        span
    }
}

/// Makes the span of an attempt of a gRPC call: the default span. Its kind is INTERNAL, because
/// OpenTelemetry defines one CLIENT span for the call with all its attempts ([`GrpcCallSpan`]).
#[derive(Debug, Clone, Copy, Default)]
pub struct GrpcAttemptSpan;

impl<B> MakeSpan<Request<B>> for GrpcAttemptSpan {
    fn make_span(&self, request: &Request<B>) -> Span {
        let span = empty_attempt_span();
        record_index(&span, request.extensions());
        span
    }
}
