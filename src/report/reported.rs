use std::{error::Error, fmt};

use crate::{CallReport, Cause, sanitize};

/// A response with its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported<Res> {
    /// The response.
    pub response: Res,
    /// How the response came about.
    pub report: CallReport,
}

/// An error with its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedError<Err> {
    /// The error.
    pub error: Err,
    /// What was tried, and why nothing more was.
    pub report: CallReport,
}

/// Displays the error and the cause: `connection refused (all 4 attempts failed)`. The error is
/// then escaped and cut at 1,024 bytes. Without a cause, it displays the error alone.
impl<Err: fmt::Display> fmt::Display for ReportedError<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.report.cause() {
            None | Some(Cause::Failure) => self.error.fmt(f),
            // A rejection displays its own cause.
            Some(Cause::Rejected { .. }) => self.error.fmt(f),
            Some(cause) => write!(f, "{} ({cause})", sanitize::message(&self.error)),
        }
    }
}

impl<Err: Error + 'static> Error for ReportedError<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
