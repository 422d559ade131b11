use std::{error::Error, fmt};

use crate::How;

/// A response with its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<Res> {
    /// The response.
    pub response: Res,
    /// How the response came about.
    pub how: How,
}

/// An error with its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered<Err> {
    /// The error.
    pub error: Err,
    /// What was tried, and why nothing more was.
    pub how: How,
}

impl<Err> fmt::Display for Unanswered<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how.cause() {
            Some(_) => self.how.fmt(f),
            None => f.write_str("the call failed"),
        }
    }
}

impl<Err: Error + 'static> Error for Unanswered<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
