use std::{error::Error, fmt};

use crate::How;

/// A response, and how it was got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<Res> {
    /// The response.
    pub response: Res,
    /// How it was got.
    pub how: How,
}

/// An error, and what was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered<Err> {
    /// The error.
    pub error: Err,
    /// What was done about it, and why nothing more.
    pub how: How,
}

impl<Err> fmt::Display for Unanswered<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how.cause() {
            Some(_) => self.how.fmt(f),
            None => f.write_str("not answered"),
        }
    }
}

impl<Err: Error + 'static> Error for Unanswered<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
