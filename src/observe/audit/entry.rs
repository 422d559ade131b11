use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::event_details::{CIRCUIT_KEY, EventDetails, FAILURE, LABELS, OUTCOME};
use crate::{
    FailureInfo, Name,
    observe::RequestOutcome,
    sanitize::{cut, json},
    time::Wall,
};

/// A line under construction, which [`Audit::record`](super::Audit::record) passes to its closure.
///
/// If a method is called twice, the last value counts.
#[derive(Debug)]
pub struct AuditEntry {
    kind: String,
    name: Option<String>,
    key: Option<String>,
    counts: Vec<(String, u64)>,
    reason: Option<String>,
    message: Option<String>,
    fields: Fields,
    details: EventDetails,
    is_cut: bool,
}

/// The user's own fields, in the order in which they were added.
pub(super) type Fields = Vec<(String, String)>;

impl AuditEntry {
    /// The longest text, in bytes as JSON encodes it.
    const LONGEST: usize = 1024;
    /// The longest name of a field or count.
    const LONGEST_NAME: usize = 64;
    /// The most fields, and the most counts.
    const MOST: usize = 32;
    const TAKEN: [&str; 12] =
        ["time", "kind", "name", CIRCUIT_KEY, LABELS, "key", "counts", OUTCOME, "reason", "message", FAILURE, "cut"];

    pub(super) fn new(kind: &str) -> Self {
        let (kind, is_cut) = cut(kind, Self::LONGEST_NAME);
        Self {
            kind,
            name: None,
            key: None,
            counts: Vec::new(),
            reason: None,
            message: None,
            fields: Vec::new(),
            details: EventDetails::default(),
            is_cut,
        }
    }

    /// Sets the name of the line's source, such as a layer.
    pub fn name(mut self, name: impl fmt::Display) -> Self {
        self.name = Some(self.text(name));
        self
    }

    /// Sets the subject of the line, such as an item or a host.
    pub fn key(mut self, key: impl fmt::Display) -> Self {
        self.key = Some(self.text(key));
        self
    }

    /// Adds a number to `counts`.
    pub fn count(mut self, name: impl fmt::Display, count: u64) -> Self {
        let (name, is_cut) = cut(name, Self::LONGEST_NAME);
        self.is_cut |= is_cut | !put(&mut self.counts, name, count);
        self
    }

    /// Sets the reason.
    pub fn reason(mut self, reason: impl fmt::Display) -> Self {
        self.reason = Some(self.text(reason));
        self
    }

    /// Sets the message for a human reader.
    pub fn message(mut self, message: impl fmt::Display) -> Self {
        self.message = Some(self.text(message));
        self
    }

    /// Adds a field of your own. A name that the line format uses, such as `time`, gets a `_` in
    /// front.
    pub fn field(mut self, name: impl fmt::Display, value: impl fmt::Display) -> Self {
        self.is_cut |= !add_field(&mut self.fields, name, value);
        self
    }

    /// Sets the name, the labels and the key of the layer or circuit.
    pub(super) fn of_layer(mut self, name: &Name) -> Self {
        self.details.name(name);
        self.name(name.as_str())
    }

    pub(super) fn outcome(mut self, outcome: RequestOutcome) -> Self {
        self.details.outcome(outcome);
        self
    }

    pub(super) fn failure(mut self, failure: FailureInfo<'_>) -> Self {
        self.details.failure(failure);
        self
    }

    /// The complete line, including the line feed.
    pub(super) fn line(&self, time: Wall, context: &Fields) -> Vec<u8> {
        let mut line = Vec::with_capacity(256);
        let written = json::append(&Line { entry: self, time, context }, &mut line);
        debug_assert!(written.is_ok(), "strings and numbers with string keys, written into memory");
        line.push(b'\n');
        line
    }

    fn text(&mut self, text: impl fmt::Display) -> String {
        let (text, is_cut) = cut(text, Self::LONGEST);
        self.is_cut |= is_cut;
        text
    }
}

/// Adds a field. Returns whether it was added without being cut.
pub(super) fn add_field(fields: &mut Fields, name: impl fmt::Display, value: impl fmt::Display) -> bool {
    let (mut name, name_is_cut) = cut(name, AuditEntry::LONGEST_NAME);
    if AuditEntry::TAKEN.contains(&name.as_str()) {
        name.insert(0, '_');
    }
    let (value, value_is_cut) = cut(value, AuditEntry::LONGEST);
    put(fields, name, value) && !name_is_cut && !value_is_cut
}

/// Sets the value of a name, or adds the name if there is room.
fn put<T>(all: &mut Vec<(String, T)>, name: String, value: T) -> bool {
    if let Some((_, before)) = all.iter_mut().find(|(known, _)| *known == name) {
        *before = value;
    } else if all.len() < AuditEntry::MOST {
        all.push((name, value));
    } else {
        return false;
    }
    true
}

struct Line<'a> {
    entry: &'a AuditEntry,
    time: Wall,
    context: &'a Fields,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AuditEntry { kind, name, key, counts, reason, message, fields, details, is_cut } = self.entry;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time.to_string())?;
        map.serialize_entry("kind", kind)?;
        let is_overridden = |name: &String| fields.iter().any(|(known, _)| known == name);
        for (name, value) in self.context.iter().filter(|(name, _)| !is_overridden(name)) {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in [("name", name), (CIRCUIT_KEY, &details.circuit_key)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(labels) = &details.labels {
            map.serialize_entry(LABELS, labels)?;
        }
        if let Some(key) = key {
            map.serialize_entry("key", key)?;
        }
        if !counts.is_empty() {
            map.serialize_entry("counts", &Counts(counts))?;
        }
        if let Some(outcome) = details.outcome {
            map.serialize_entry(OUTCOME, outcome)?;
        }
        for (name, value) in [("reason", reason), ("message", message)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(failure) = &details.failure {
            map.serialize_entry(FAILURE, failure)?;
        }
        for (name, value) in fields {
            map.serialize_entry(name, value)?;
        }
        if *is_cut || details.is_cut {
            map.serialize_entry("cut", &true)?;
        }
        map.end()
    }
}

struct Counts<'a>(&'a [(String, u64)]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}
