use crate::observe::{ErrorText, ResponseStatus};

/// The parts of a failed outcome that events show: the status of the response, and the text of the
/// error. See [`Classifier::describe_failure`](crate::Classifier::describe_failure).
///
/// By default, it contains nothing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FailureDescription<'a> {
    /// The status of the response.
    pub status: Option<ResponseStatus>,
    /// The text of the error.
    pub error: Option<ErrorText<'a>>,
}

impl<'a> FailureDescription<'a> {
    /// A description that contains nothing.
    pub const fn new() -> Self {
        Self { status: None, error: None }
    }

    /// Sets the status of the response.
    pub const fn status(self, status: ResponseStatus) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Sets the text of the error.
    pub const fn error(self, error: ErrorText<'a>) -> Self {
        Self { error: Some(error), ..self }
    }

    /// The status of an HTTP response, if there is a response.
    #[cfg(feature = "http")]
    pub(crate) fn of_http(status: Option<http::StatusCode>) -> Self {
        Self { status: status.map(|status| ResponseStatus::Http(status.as_u16())), error: None }
    }

    /// Takes the parts that are missing here from another description.
    pub(super) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.status.is_some() && self.error.is_some() {
            return self;
        }
        let other = other();
        Self { status: self.status.or(other.status), error: self.error.or(other.error) }
    }
}
