//! The spans that the SDK has exported.

use std::{fmt::Write, sync::OnceLock};

use opentelemetry::{
    SpanId,
    trace::{SpanKind, Status, TraceContextExt, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Layer, SubscriberExt},
};

/// One trace of a test. The exporter is global, because tracing caches per callsite whether any
/// subscriber wants it.
pub(crate) struct Trace {
    /// The root of the trace. Requests belong to the trace if they start inside this span.
    pub(crate) root: Span,
}

fn exporter() -> &'static InMemorySpanExporter {
    static EXPORTER: OnceLock<InMemorySpanExporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        // The crate h2 has spans of the levels DEBUG and TRACE.
        let layer = layer.with_filter(LevelFilter::INFO);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        exporter
    })
}

impl Trace {
    pub(crate) fn start() -> Self {
        exporter();
        Self { root: info_span!("test") }
    }

    /// The finished spans of the trace without its root: the children of the root, and then the
    /// others, in the order in which they ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        let root = self.root.context().span().span_context().clone();
        let mut spans = exporter().get_finished_spans().unwrap();
        spans.retain(|span| span.span_context.trace_id() == root.trace_id());
        spans.sort_by_key(|span| span.parent_span_id != root.span_id());
        spans
    }

    /// The finished spans as a tree: the names, kinds and statuses, with these attributes.
    pub(crate) fn tree(&self, attributes: &[&str]) -> Vec<String> {
        let (spans, mut lines) = (self.spans(), Vec::new());
        show(&spans, self.root.context().span().span_context().span_id(), 0, attributes, &mut lines);
        assert_eq!(lines.len(), spans.len(), "each span has a parent in the trace");
        lines
    }
}

fn show(spans: &[SpanData], parent: SpanId, depth: usize, attributes: &[&str], lines: &mut Vec<String>) {
    for span in spans.iter().filter(|span| span.parent_span_id == parent) {
        let mut line = format!("{}{}", "  ".repeat(depth), span.name);
        if span.span_kind != SpanKind::Internal {
            write!(line, " {:?}", span.span_kind).unwrap();
        }
        match &span.status {
            Status::Unset => {}
            Status::Ok => line.push_str(" ok"),
            Status::Error { description } => write!(line, " error({description})").unwrap(),
        }
        for name in attributes {
            if let Some(value) = attribute(span, name) {
                write!(line, " {name}={value}").unwrap();
            }
        }
        lines.push(line);
        show(spans, span.span_context.span_id(), depth + 1, attributes, lines);
    }
}

pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<String> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| attribute.value.to_string())
}

pub(crate) fn events(span: &SpanData) -> Vec<String> {
    span.events.iter().map(|event| event.name.to_string()).collect()
}
