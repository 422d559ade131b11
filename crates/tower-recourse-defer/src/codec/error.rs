use std::{error::Error, fmt};

use tower_recourse::observe::ErrorText;

/// A request can't be encoded, or a payload can't be decoded. The text is escaped, and cut at 256
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(String);

impl CodecError {
    /// Makes an error with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(ErrorText::display(&text).to_string())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CodecError {}
