//! Writes the trace headers of the current span, and reads them on the server.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use opentelemetry::{
    SpanId, TraceId,
    propagation::{Injector, TextMapPropagator},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// Writes `traceparent` for the current span.
pub(crate) fn write(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Headers(headers));
}

/// [`write`] for `map_request` of a stack.
pub(crate) fn write_into<B>(mut request: Request<B>) -> Request<B> {
    write(request.headers_mut());
    request
}

/// The ids in a `traceparent`: the trace, and the span that sent it.
pub(crate) fn read(traceparent: &str) -> (TraceId, SpanId) {
    let parts: Vec<_> = traceparent.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{traceparent}");
    (TraceId::from_hex(parts[1]).unwrap(), SpanId::from_hex(parts[2]).unwrap())
}
