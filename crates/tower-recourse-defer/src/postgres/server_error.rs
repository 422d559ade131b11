use std::{error::Error, fmt, time::Duration};

use crate::QueueError;

/// An error of the driver, with its source in its text: the driver's own text is only `db error`.
#[derive(Debug)]
struct ServerError(tokio_postgres::Error);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_db_error(), self.0.source()) {
            (Some(error), _) => write!(f, "{} (SQLSTATE {})", error.message(), error.code().code()),
            (None, Some(source)) => write!(f, "{}: {source}", self.0),
            (None, None) => self.0.fmt(f),
        }
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

pub(super) fn database(error: tokio_postgres::Error) -> QueueError {
    QueueError::database(ServerError(error))
}

pub(super) fn timed_out(after: Duration) -> QueueError {
    QueueError::database(format!("no answer from the server within {after:?}"))
}
