//! The error of a setting with an invalid value.

use std::{borrow::Cow, error::Error, fmt};

use crate::sanitize;

/// A setting has an invalid value. The error names the setting, the value, and the allowed values.
///
/// The constructors and setters of a configuration's parts return this error, so a complete
/// configuration is always valid: [`RetryLayer::new`](crate::RetryLayer::new) and
/// [`BreakerLayer::new`](crate::BreakerLayer::new) can't fail.
///
/// ```
/// use tower_recourse::Ratio;
///
/// let invalid = Ratio::new(1.5).unwrap_err();
/// assert_eq!(invalid.to_string(), "`ratio` is 1.5, but must be within 0..=1");
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
    pub(crate) fn at(path: String, value: String, allowed: &'static str) -> Self {
        Self {
            field: Cow::Owned(sanitize::message(path).to_string()),
            value: sanitize::message(value).to_string(),
            allowed,
        }
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
