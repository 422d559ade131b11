use std::{error::Error, fmt};

use crate::CallReport;

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

impl<Err> fmt::Display for ReportedError<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.report.cause() {
            Some(_) => self.report.fmt(f),
            None => f.write_str("the call failed"),
        }
    }
}

impl<Err: Error + 'static> Error for ReportedError<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
