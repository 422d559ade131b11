use std::fmt::{self, Write};

use aho_corasick::{
    Anchored,
    automaton::{Automaton, StateID},
};

use super::rules::Rules;

/// How much is read of an error and its sources together. Whoever writes more into an error buys no more work with it.
const LONGEST: usize = 64 * 1024;

/// Goes through texts while they are being written, in pieces of whatever size, and keeps the first rule of the list that it finds.
pub(super) struct Scan<'a> {
    rules: &'a Rules,
    state: StateID,
    found: Option<usize>,
    left: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        Self { rules, state: rules.start, found: None, left: LONGEST }
    }

    /// Reads one more text, from its beginning.
    pub(super) fn read(&mut self, text: impl fmt::Display) {
        self.state = self.rules.start;
        // An error says that the scan is over, or that the text couldn't be written to its end. What was written counts.
        let _ = write!(self, "{text}");
    }

    pub(super) fn found(&self) -> Option<usize> {
        self.found
    }

    /// Whether nothing that comes can change what was found.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0 || self.found == Some(0)
    }

    fn step(&mut self, byte: u8) {
        let automaton = &self.rules.automaton;
        self.state = automaton.next_state(Anchored::No, self.state, byte);
        if automaton.is_match(self.state) {
            let ending_here =
                (0..automaton.match_len(self.state)).map(|n| automaton.match_pattern(self.state, n).as_usize());
            self.found = self.found.into_iter().chain(ending_here).min();
        }
    }
}

impl Write for Scan<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for &byte in piece.as_bytes() {
            if self.is_over() {
                return Err(fmt::Error);
            }
            self.left -= 1;
            self.step(byte);
        }
        Ok(())
    }
}
