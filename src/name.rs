//! The name of a layer or circuit.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::sanitize;

/// The name of a layer or circuit in events, rejections and logs, with its labels. It is cheap to
/// clone: a literal isn't copied, and everything else is shared.
///
/// ```
/// use tower_recourse::Name;
///
/// let literal: Name = "payments".into();
/// let made: Name = format!("shard-{}", 7).into();
/// assert_eq!(literal.as_str(), "payments");
/// assert_eq!(made.to_string(), "shard-7");
///
/// let labelled = literal.with_label("team", "billing");
/// assert_eq!(labelled.label("team"), Some("billing"));
/// ```
///
/// Two names are equal if their texts are. Labels and the key aren't compared.
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Literal(&'static str),
    Shared(Arc<str>),
    Detailed(Arc<Detailed>),
}

/// A name with a key or labels.
#[derive(Clone)]
struct Detailed {
    text: Cow<'static, str>,
    key: Option<Box<str>>,
    labels: Vec<Label>,
}

/// A label of a layer or circuit: a name and a value, chosen by the user. Observers receive the
/// labels with each event, and metrics have them as labels.
///
/// `Debug` and `Display` show `name="value"`. The value is escaped and cut at 256 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Label {
    name: &'static str,
    value: Cow<'static, str>,
}

impl Label {
    /// The label's name, such as `team`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The label's value as it was given.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, sanitize::quoted(&self.value))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Name {
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) const fn literal(text: &'static str) -> Self {
        Self(Text::Literal(text))
    }

    #[cfg_attr(not(feature = "fallback"), allow(dead_code))]
    pub(crate) fn as_literal(&self) -> Option<&'static str> {
        match &self.0 {
            Text::Literal(text) => Some(text),
            Text::Detailed(detailed) => match &detailed.text {
                Cow::Borrowed(text) => Some(text),
                Cow::Owned(_) => None,
            },
            Text::Shared(_) => None,
        }
    }

    /// The name, escaped and cut at 256 bytes.
    #[cfg(feature = "tracing")]
    pub(crate) fn sanitized(&self) -> Cow<'_, str> {
        sanitize::name_str(self.as_str())
    }

    /// The name as it was given. `Display` and `Debug` escape it and cut it at 256 bytes.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Literal(text) => text,
            Text::Shared(text) => text,
            Text::Detailed(detailed) => &detailed.text,
        }
    }

    /// The key of the circuit, if the name is that of a keyed circuit with a name of its own. It
    /// may come from outside: escape it before you show it, for example by `{:?}`.
    pub fn key(&self) -> Option<&str> {
        self.detailed()?.key.as_deref()
    }

    /// The labels, in the order in which they were added.
    pub fn labels(&self) -> &[Label] {
        self.detailed().map_or(&[], |detailed| &detailed.labels)
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().iter().find(|label| label.name == name).map(Label::value)
    }

    /// Adds a label. Replaces the value if the label exists.
    pub fn with_label(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let value = value.into();
        self.with_details(|detailed| match detailed.labels.iter_mut().find(|label| label.name == name) {
            Some(label) => label.value = value,
            None => detailed.labels.push(Label { name, value }),
        })
    }

    /// Adds the key of a keyed circuit.
    #[cfg_attr(not(feature = "keyed"), allow(dead_code))]
    #[allow(dead_code)] // Keyed circuits will use it.
    pub(crate) fn with_key(self, key: impl Into<Box<str>>) -> Self {
        self.with_details(|detailed| detailed.key = Some(key.into()))
    }

    /// Adds the labels of another name, which this one replaces.
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) fn with_labels_of(self, other: &Name) -> Self {
        match other.labels() {
            [] => self,
            labels => self.with_details(|detailed| detailed.labels = labels.to_vec()),
        }
    }

    fn detailed(&self) -> Option<&Detailed> {
        match &self.0 {
            Text::Detailed(detailed) => Some(detailed),
            Text::Literal(_) | Text::Shared(_) => None,
        }
    }

    fn with_details(self, change: impl FnOnce(&mut Detailed)) -> Self {
        let mut detailed = match self.0 {
            Text::Literal(text) => Detailed { text: Cow::Borrowed(text), key: None, labels: Vec::new() },
            Text::Shared(text) => Detailed { text: Cow::Owned(String::from(&*text)), key: None, labels: Vec::new() },
            Text::Detailed(detailed) => Arc::unwrap_or_clone(detailed),
        };
        change(&mut detailed);
        Self(Text::Detailed(Arc::new(detailed)))
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self(Text::Literal(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

/// Escapes and cuts the name, and puts it between quotes.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sanitize::quoted(self.as_str()).fmt(f)
    }
}

/// Escapes and cuts the name. It may come from outside, and must not be able to forge a log line.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sanitize::name(self.as_str()).fmt(f)
    }
}

/// As `Display`: escaped and cut.
#[cfg(feature = "store")]
impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_text_and_labels() {
        let name =
            Name::from("a").with_label("team", "x").with_label("zone", String::from("1")).with_label("team", "y");
        assert_eq!(name.as_str(), "a");
        assert_eq!(name.as_literal(), Some("a"));
        assert_eq!(format!("{:?}", name.labels()), r#"[team="y", zone="1"]"#);
        assert_eq!(name.label("zone"), Some("1"));
        assert_eq!(name.label("none"), None);

        let renamed = Name::from(String::from("b")).with_labels_of(&name).with_key("7");
        assert_eq!((renamed.as_str(), renamed.key(), renamed.labels().len()), ("b", Some("7"), 2));
        assert_eq!(renamed.as_literal(), None);
        assert_eq!(name.key(), None);
    }

    #[test]
    fn a_label_from_outside_is_escaped() {
        let name = Name::from("a").with_label("team", "x\n\"y");
        assert_eq!(name.labels()[0].to_string(), r#"team="x\n\"y""#);
        assert_eq!(name.label("team"), Some("x\n\"y"));
    }
}
