//! Spans in memory, and their tree.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use tracing::{
    Event, Id, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// A layer that stores all spans. A clone is a handle to the same spans.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<Span>>>);

/// A span, with the log lines inside of it.
struct Span {
    name: &'static str,
    /// Its place in the list.
    parent: Option<usize>,
    started: Instant,
    ended: Option<Instant>,
    fields: Fields,
    lines: Vec<(Instant, String)>,
}

/// The place of a span in the list, as an extension of the span.
struct Place(usize);

/// Fields in the order in which they were recorded. A later value replaces an earlier one.
#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }
}

impl Fields {
    fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value));
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent().and_then(|parent| Some(parent.extensions().get::<Place>()?.0));
        let mut spans = self.spans();
        span.extensions_mut().insert(Place(spans.len()));
        let (name, started) = (attributes.metadata().name(), Instant::now());
        spans.push(Span { name, parent, started, ended: None, fields, lines: Vec::new() });
    }

    fn on_record(&self, id: &Id, values: &span::Record<'_>, context: Context<'_, S>) {
        self.change(context.span(id), |span| values.record(&mut span.fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.get("message").unwrap_or_default();
        let others = fields.0.iter().filter(|(name, _)| *name != "message");
        let others: String = others.map(|(name, value)| format!(" {name}={value}")).collect();
        let line = format!("\"{message}\"{others}");
        self.change(context.event_span(event), |span| span.lines.push((Instant::now(), line)));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.change(context.span(&id), |span| span.ended = Some(Instant::now()));
    }
}

impl Trace {
    fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<'a, S: LookupSpan<'a>>(
        &self,
        span: Option<tracing_subscriber::registry::SpanRef<'a, S>>,
        change: impl FnOnce(&mut Span),
    ) {
        let Some(span) = span else { return };
        if let Some(Place(place)) = span.extensions().get() {
            self.spans().get_mut(*place).map(change);
        }
    }

    /// The first request with so many attempts, as a tree. Each line has the time since the start
    /// of the request, in milliseconds.
    pub(crate) fn tree_with_attempts(&self, attempts: usize) -> Option<String> {
        let spans = self.spans();
        let children = |place| spans.iter().filter(move |span| span.parent == Some(place));
        let (place, request) = spans
            .iter()
            .enumerate()
            .find(|(place, span)| span.parent.is_none() && children(*place).count() == attempts)?;
        let since = |time: Instant| format!("{:.1}", 1_000.0 * (time - request.started).as_secs_f64());
        let shown = |span: &Span| {
            let ended = span.ended.map(since).unwrap_or_default();
            let name = span.fields.get("otel.name").unwrap_or(span.name);
            let fields = span.fields.0.iter().filter(|(name, _)| *name != "otel.name");
            let fields: String = fields.map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{}–{ended} ms {name}{fields}", since(span.started))
        };
        // Attempts and log lines of the request in the order of time.
        let mut inside: Vec<(Instant, Vec<String>)> =
            request.lines.iter().map(|(time, line)| (*time, vec![format!("{} ms {line}", since(*time))])).collect();
        for attempt in children(place) {
            let lines = attempt.lines.iter().map(|(time, line)| format!("{} ms {line}", since(*time)));
            inside.push((attempt.started, [shown(attempt)].into_iter().chain(lines).collect()));
        }
        inside.sort_by_key(|(time, _)| *time);

        let mut tree = shown(request);
        tree.push('\n');
        let last = inside.len().saturating_sub(1);
        for (number, (_, lines)) in inside.iter().enumerate() {
            let (first, others) = if number == last { ("└─ ", "     ") } else { ("├─ ", "│    ") };
            for (index, line) in lines.iter().enumerate() {
                writeln!(tree, "{}{line}", if index == 0 { first } else { others }).ok()?;
            }
        }
        Some(tree)
    }
}
