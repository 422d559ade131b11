use std::fmt::{self, Write};

use aho_corasick::automaton::StateID;

use super::pattern_set::PatternSet;

/// How many bytes are read of an error and its sources together. It bounds the work that a peer can
/// cause by a long error text.
const MAX_BYTES: usize = 64 * 1024;

/// Reads texts while they are being formatted, and keeps the position of the first pattern of the
/// list that it has found.
pub(super) struct Scan<'a> {
    patterns: &'a PatternSet,
    state: StateID,
    found: Option<usize>,
    bytes_left: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(patterns: &'a PatternSet) -> Self {
        Self { patterns, state: patterns.start, found: None, bytes_left: MAX_BYTES }
    }

    /// Reads another text. A pattern doesn't match across two texts.
    pub(super) fn read(&mut self, text: impl fmt::Display) {
        self.state = self.patterns.start;
        // An error means that the scan is over, or that the text's own `Display` failed. What was
        // read before counts.
        let _ = write!(self, "{text}");
    }

    pub(super) fn found(&self) -> Option<usize> {
        self.found
    }

    /// Whether no further text can change what was found.
    pub(super) fn is_over(&self) -> bool {
        self.bytes_left == 0 || self.found == Some(0)
    }

    fn step(&mut self, byte: u8) {
        self.state = self.patterns.next_state(self.state, byte);
        self.found = self.patterns.matches(self.state).chain(self.found).min();
    }
}

impl Write for Scan<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for &byte in piece.as_bytes() {
            if self.is_over() {
                return Err(fmt::Error);
            }
            self.bytes_left -= 1;
            self.step(byte);
        }
        Ok(())
    }
}
