use std::{error::Error, fmt};

use tower_recourse::observe::ErrorText;

type BoxError = Box<dyn Error + Send + Sync>;

/// A value is outside the allowed values. The error names the field, the value, and what is
/// allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    field: &'static str,
    value: String,
    allowed: &'static str,
}

impl InvalidValue {
    /// Makes an error. `value` is escaped, and cut at 256 bytes.
    pub fn new(field: &'static str, value: impl fmt::Display, allowed: &'static str) -> Self {
        Self { field, value: ErrorText::display(&value).to_string(), allowed }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn of_field(self, field: &'static str) -> Self {
        Self { field, ..self }
    }

    /// The name of the field.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The invalid value, escaped and cut at 256 bytes.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The allowed values.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}, but must be {}", self.field, self.value, self.allowed)
    }
}

impl Error for InvalidValue {}

/// A queue couldn't do what was requested.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueueError {
    /// A value of the job is invalid. The job isn't stored.
    Invalid(InvalidValue),
    /// The queue holds as many jobs as its [limit](super::QueueLimits::max_jobs) allows. The job
    /// isn't stored.
    Full {
        /// The number of jobs that the queue may hold.
        limit: u64,
    },
    /// The table has a version that this crate doesn't support. Run the migrations, or use a newer
    /// version of the crate.
    Schema {
        /// The version of the table; 0 if it doesn't exist.
        found: i64,
        /// The version that this crate supports.
        supported: i64,
    },
    /// The database failed or can't be reached.
    Database(BoxError),
}

impl QueueError {
    /// Wraps an error of a database.
    pub fn database(error: impl Into<BoxError>) -> Self {
        Self::Database(error.into())
    }
}

impl From<InvalidValue> for QueueError {
    fn from(invalid: InvalidValue) -> Self {
        Self::Invalid(invalid)
    }
}

/// The text of a database's error is escaped, and cut at 256 bytes.
impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Full { limit } => write!(f, "the queue is full: it holds {limit} jobs, which is its limit"),
            Self::Schema { found, supported } => {
                write!(f, "the table of jobs has version {found}, but this program supports version {supported}")
            }
            Self::Database(error) => write!(f, "the queue's database failed: {}", ErrorText::display(error)),
        }
    }
}

impl Error for QueueError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(invalid) => Some(invalid),
            Self::Database(error) => Some(&**error),
            Self::Full { .. } | Self::Schema { .. } => None,
        }
    }
}
