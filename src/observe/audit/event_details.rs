//! What a line of an event shows besides its numbers and its reason.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    FailureInfo, Name,
    observe::{RequestOutcome, ResponseStatus},
    sanitize::cut,
};

/// The longest key, value of a label, and text of an error, in bytes as JSON encodes it. As in the
/// log.
const LONGEST: usize = 256;
/// The longest name of a label.
const LONGEST_NAME: usize = 64;
/// The most labels.
const MOST: usize = 32;

/// The names of these parts in a line.
pub(super) const CIRCUIT_KEY: &str = "circuit_key";
pub(super) const LABELS: &str = "labels";
pub(super) const OUTCOME: &str = "outcome";
pub(super) const FAILURE: &str = "failure";

#[derive(Debug, Default)]
pub(super) struct EventDetails {
    pub(super) circuit_key: Option<String>,
    pub(super) labels: Option<Labels>,
    pub(super) outcome: Option<&'static str>,
    pub(super) failure: Option<Failure>,
    /// Whether a text was too long, or there were too many labels.
    pub(super) is_cut: bool,
}

#[derive(Debug)]
pub(super) struct Labels(Vec<(String, String)>);

#[derive(Debug)]
pub(super) struct Failure {
    kind: &'static str,
    status: Option<ResponseStatus>,
    error: Option<String>,
}

impl EventDetails {
    pub(super) fn name(&mut self, name: &Name) {
        self.circuit_key = name.key().map(|key| self.text(key, LONGEST));
        let labels: Vec<_> = name
            .labels()
            .iter()
            .take(MOST)
            .map(|label| (self.text(label.name(), LONGEST_NAME), self.text(label.value(), LONGEST)))
            .collect();
        self.is_cut |= name.labels().len() > MOST;
        self.labels = (!labels.is_empty()).then_some(Labels(labels));
    }

    pub(super) fn outcome(&mut self, outcome: RequestOutcome) {
        self.outcome = Some(outcome.label());
    }

    pub(super) fn failure(&mut self, failure: FailureInfo<'_>) {
        let error = failure.error.map(|error| self.text(&error.unescaped(), LONGEST));
        self.failure = Some(Failure { kind: failure.kind.label(), status: failure.status, error });
    }

    fn text(&mut self, text: &str, longest: usize) -> String {
        let (text, is_cut) = cut(text, longest);
        self.is_cut |= is_cut;
        text
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kind, status, error } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", kind)?;
        match status {
            Some(ResponseStatus::Http(code)) => map.serialize_entry("http_status", code)?,
            Some(ResponseStatus::Grpc(code)) => map.serialize_entry("grpc_status", code)?,
            None => {}
        }
        if let Some(error) = error {
            map.serialize_entry("error", error)?;
        }
        map.end()
    }
}
