//! The error of a setting with an invalid value.

use std::{borrow::Cow, error::Error, fmt};

use crate::sanitize;

/// A setting has an invalid value. The error names the setting, the value, and the allowed values.
///
/// The constructors and setters of a configuration's parts return this error, so
/// [`RetryLayer::new`](crate::RetryLayer::new) and [`BreakerLayer::new`](crate::BreakerLayer::new)
/// can't fail. `RetryConfig::validate` and `BreakerConfig::validate` also reject settings that work
/// but are probably mistakes, such as a time limit of zero.
///
/// A program that reads its settings from a file replaces the name by that of its own field:
///
/// ```
/// use tower_recourse::Ratio;
///
/// let invalid = Ratio::new(1.5).unwrap_err();
/// assert_eq!(invalid.to_string(), "`ratio` is 1.5, but must be within 0..=1");
///
/// let invalid = invalid.at("jitter").within("upstream.retry");
/// assert_eq!(invalid.to_string(), "`upstream.retry.jitter` is 1.5, but must be within 0..=1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig {
    field: Cow<'static, str>,
    value: String,
    allowed: &'static str,
}

impl InvalidConfig {
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "text")), allow(dead_code))]
    pub(crate) fn new(field: &'static str, value: impl fmt::Debug, allowed: &'static str) -> Self {
        Self { field: Cow::Borrowed(field), value: sanitize::message(format_args!("{value:?}")).to_string(), allowed }
    }

    /// A setting in a document, with its path in the document.
    #[cfg(feature = "grpc")]
    pub(crate) fn in_document(path: String, value: String, allowed: &'static str) -> Self {
        Self {
            field: Cow::Owned(sanitize::message(path).to_string()),
            value: sanitize::message(value).to_string(),
            allowed,
        }
    }

    /// Replaces the setting's name by the name, or the path, of the field that your program read
    /// the value from. The text is escaped and cut at 1,024 bytes.
    pub fn at(mut self, path: impl fmt::Display) -> Self {
        self.field = Cow::Owned(sanitize::message(path).to_string());
        self
    }

    /// Puts a section's name before the name: `ratio` becomes `upstream.retry.ratio`. The text is
    /// escaped and cut at 1,024 bytes.
    pub fn within(mut self, section: impl fmt::Display) -> Self {
        self.field = Cow::Owned(sanitize::message(format_args!("{section}.{}", self.field)).to_string());
        self
    }

    /// The setting's name, or its path in the document that contains it.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The invalid value as text, escaped and cut at 1,024 bytes.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The allowed values.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}, but must be {}", self.field, self.value, self.allowed)
    }
}

impl Error for InvalidConfig {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_replaces_the_name_and_a_section_precedes_it() {
        let invalid = InvalidConfig::new("ratio", 1.5, "within 0..=1");
        let named = invalid.clone().at("jitter").within("retry").within("upstream");
        assert_eq!((named.field(), named.value()), ("upstream.retry.jitter", "1.5"));
        assert_eq!(named.to_string(), "`upstream.retry.jitter` is 1.5, but must be within 0..=1");
        let hostile = invalid.at("a\nb").within("c".repeat(5_000));
        assert!(!hostile.field().contains('\n') && hostile.field().len() <= 1_100, "{}", hostile.field().len());
    }
}
