//! The name of a layer or circuit.

use std::{fmt, sync::Arc};

use crate::sanitize;

/// The name of a layer or circuit in events, rejections and logs. It is cheap to clone: a literal
/// isn't copied, and a `String` is shared.
///
/// ```
/// use tower_recourse::Name;
///
/// let literal: Name = "payments".into();
/// let made: Name = format!("shard-{}", 7).into();
/// assert_eq!(literal.as_str(), "payments");
/// assert_eq!(made.to_string(), "shard-7");
/// ```
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Literal(&'static str),
    Shared(Arc<str>),
}

impl Name {
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) const fn literal(text: &'static str) -> Self {
        Self(Text::Literal(text))
    }

    #[cfg_attr(not(feature = "fallback"), allow(dead_code))]
    pub(crate) const fn as_literal(&self) -> Option<&'static str> {
        match self.0 {
            Text::Literal(text) => Some(text),
            Text::Shared(_) => None,
        }
    }

    /// The name, escaped and cut at 256 bytes.
    #[cfg(feature = "tracing")]
    pub(crate) fn sanitized(&self) -> std::borrow::Cow<'_, str> {
        sanitize::name_str(self.as_str())
    }

    /// The name as it was given. `Display` and `Debug` escape it and cut it at 256 bytes.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Literal(text) => text,
            Text::Shared(text) => text,
        }
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
