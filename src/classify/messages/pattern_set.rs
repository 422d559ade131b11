use aho_corasick::{
    Anchored, MatchKind,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

/// Finds all patterns of a list in one pass over a text. ASCII letters match in either case.
pub(super) struct PatternSet {
    /// The contiguous NFA takes a fraction of a DFA's memory. It is slower, but it only reads the
    /// texts of failures.
    automaton: NFA,
    pub(super) start: StateID,
}

impl PatternSet {
    /// `None` if the patterns are too many or too long for one automaton.
    pub(super) fn new(patterns: &[&str]) -> Option<Self> {
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(patterns)
            .ok()?;
        let start = automaton.start_state(Anchored::No).ok()?;
        Some(Self { automaton, start })
    }

    pub(super) fn next_state(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// The positions in the list of the patterns that end in this state.
    pub(super) fn matches(&self, state: StateID) -> impl Iterator<Item = usize> {
        let count = if self.automaton.is_match(state) { self.automaton.match_len(state) } else { 0 };
        (0..count).map(move |n| self.automaton.match_pattern(state, n).as_usize())
    }
}
