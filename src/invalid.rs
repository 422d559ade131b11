//! The error of a setting that can't be used.

use std::{borrow::Cow, error::Error, fmt};

use crate::sanitize;

/// A setting was refused when it was made: it names the field, the value that it was given, and what is allowed.
///
/// Parts of a config are checked here, one by one, so that a whole config is always usable:
/// [`RetryLayer::new`](crate::RetryLayer::new) and [`BreakerLayer::new`](crate::BreakerLayer::new) never fail.
///
/// ```
/// use tower_recourse::Ratio;
///
/// let refused = Ratio::new(1.5).unwrap_err();
/// assert_eq!(refused.to_string(), "`ratio` is 1.5, but must be within 0..=1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    field: Cow<'static, str>,
    value: String,
    allowed: &'static str,
}

impl Invalid {
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "text")), allow(dead_code))]
    pub(crate) fn new(field: &'static str, value: impl fmt::Debug, allowed: &'static str) -> Self {
        Self { field: Cow::Borrowed(field), value: sanitize::message(format_args!("{value:?}")).to_string(), allowed }
    }

    /// Of a setting in a document, by its path there.
    #[cfg(feature = "grpc")]
    pub(crate) fn at(path: String, value: String, allowed: &'static str) -> Self {
        Self {
            field: Cow::Owned(sanitize::message(path).to_string()),
            value: sanitize::message(value).to_string(),
            allowed,
        }
    }

    /// The setting's name, or its path in the document that it was read from.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value that was refused, as text: escaped, and cut at 1,024 bytes.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would have been allowed.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}, but must be {}", self.field, self.value, self.allowed)
    }
}

impl Error for Invalid {}
