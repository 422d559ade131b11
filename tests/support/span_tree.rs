//! Records the spans of the thread of a test, with their events.
#![allow(dead_code)]

use std::{cell::RefCell, collections::HashMap, fmt, sync::Once};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};

thread_local! {
    /// `None` on a thread that records nothing.
    static SPANS: RefCell<Option<Spans>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Spans {
    all: Vec<Recorded>,
    by_id: HashMap<u64, usize>,
}

struct Recorded {
    name: &'static str,
    parent: Option<usize>,
    fields: Vec<(&'static str, String)>,
    /// The messages of the events in this span.
    events: Vec<String>,
    is_open: bool,
}

/// Records the spans of this thread, from the level INFO on. The subscriber is global: with one per
/// thread, spans would be lost, because tracing caches whether any subscriber wants a callsite. On
/// the threads of other tests it stores nothing, since some of them count memory.
pub(crate) fn record() {
    static RECORDING: Once = Once::new();
    RECORDING.call_once(|| {
        let recorder = ToThread.with_filter(LevelFilter::INFO);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(recorder)).unwrap();
    });
    SPANS.set(Some(Spans::default()));
}

/// Runs `work` with the spans of this thread, if it records any and isn't ending.
fn with_spans(work: impl FnOnce(&mut Spans)) {
    let _ = SPANS.try_with(|spans| spans.borrow_mut().as_mut().map(work));
}

/// The spans since [`record`], one per line, in the order in which they were opened. Each is
/// indented below its parent, and followed by the messages of its events. A span that is still open
/// ends with `(open)`.
pub(crate) fn tree() -> Vec<String> {
    let mut lines = Vec::new();
    with_spans(|spans| {
        let roots = (0..spans.all.len()).filter(|&at| spans.all[at].parent.is_none());
        roots.for_each(|root| spans.show(root, 0, &mut lines));
    });
    lines
}

impl Spans {
    fn show(&self, at: usize, depth: usize, lines: &mut Vec<String>) {
        let (span, indent) = (&self.all[at], "  ".repeat(depth));
        let fields: String = span.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        lines.push(format!("{indent}{}{fields}{}", span.name, if span.is_open { " (open)" } else { "" }));
        lines.extend(span.events.iter().map(|event| format!("{indent}  - {event}")));
        let children = (0..self.all.len()).filter(|&child| self.all[child].parent == Some(at));
        children.for_each(|child| self.show(child, depth + 1, lines));
    }

    fn get(&mut self, id: &Id) -> Option<&mut Recorded> {
        let at = *self.by_id.get(&id.into_u64())?;
        self.all.get_mut(at)
    }
}

struct ToThread;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToThread {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent().map(|parent| parent.id()));
        with_spans(|spans| {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            let parent = parent.and_then(|parent| spans.by_id.get(&parent.into_u64()).copied());
            spans.by_id.insert(id.into_u64(), spans.all.len());
            let name = attributes.metadata().name();
            spans.all.push(Recorded { name, parent, fields: fields.0, events: Vec::new(), is_open: true });
        });
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        with_spans(|spans| {
            let mut fields = Fields::default();
            record.record(&mut fields);
            let Some(span) = spans.get(id) else { return };
            for (name, value) in fields.0 {
                span.fields.retain(|(other, _)| *other != name);
                span.fields.push((name, value));
            }
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        with_spans(|spans| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let message = fields.0.into_iter().find(|(name, _)| *name == "message").map(|(_, value)| value);
            let current = context.event_span(event).map(|span| span.id());
            if let Some(span) = current.and_then(|id| spans.get(&id)) {
                span.events.push(message.unwrap_or_default());
            }
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        with_spans(|spans| {
            if let Some(span) = spans.get(&id) {
                span.is_open = false;
            }
            // A later span may get this id.
            spans.by_id.remove(&id.into_u64());
        });
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }
}
