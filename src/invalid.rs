//! The error of a setting that can't be used.

use std::{error::Error, fmt};

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
    field: &'static str,
    value: String,
    allowed: &'static str,
}

impl Invalid {
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "text")), allow(dead_code))]
    pub(crate) fn new(field: &'static str, value: impl fmt::Debug, allowed: &'static str) -> Self {
        Self { field, value: format!("{value:?}"), allowed }
    }

    /// The setting's name.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The value that was refused, as text.
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
