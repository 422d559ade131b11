use std::{collections::HashSet, error::Error, fmt, iter};

use aho_corasick::{
    Anchored, MatchKind,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

use super::scan::Scan;
use crate::{Invalid, Verdict, classify::walk::LINKS};

/// The list, and what finds all of it at once.
pub(super) struct Rules {
    /// Finds all patterns at once, byte by byte. It takes a fraction of a table's memory, and failures needn't be fast.
    pub(super) automaton: NFA,
    pub(super) start: StateID,
    /// By the pattern's place in the list.
    verdicts: Vec<Verdict>,
}

impl Rules {
    pub(super) fn new<P: AsRef<str>>(rules: impl IntoIterator<Item = (P, Verdict)>) -> Result<Self, Invalid> {
        let (patterns, verdicts): (Vec<P>, Vec<_>) = rules.into_iter().unzip();
        let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        check_each(&patterns)?;
        let rules = build(&patterns, verdicts).ok_or_else(|| {
            Invalid::new(
                "patterns",
                format_args!("{} patterns", patterns.len()),
                "few and short enough for one automaton",
            )
        })?;
        for (place, &pattern) in patterns.iter().enumerate() {
            let wins = rules.first_in(pattern).unwrap_or(place);
            if rules.verdicts[wins] != rules.verdicts[place] {
                return Err(Invalid::new("pattern", pattern, "before every pattern that is a part of it"));
            }
        }
        Ok(rules)
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }

    /// The place of the first rule of the list that is found in this text.
    fn first_in(&self, text: impl fmt::Display) -> Option<usize> {
        let mut scan = Scan::new(self);
        scan.read(text);
        scan.found()
    }

    pub(super) fn judge_text(&self, text: impl fmt::Display) -> Option<Verdict> {
        self.first_in(text).map(|place| self.verdicts[place])
    }

    /// All texts are one to the list. A rejection is looked for to the end, as no text outdoes it.
    pub(super) fn judge_chain(&self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let mut scan = Scan::new(self);
        // What an `io::Error` wraps, and what is shared, has the text of what it is in: it would be read twice.
        for link in iter::successors(Some(error), |&link| link.source()).take(LINKS) {
            #[cfg(feature = "breaker")]
            if let Some(rejection) = link.downcast_ref::<crate::Rejection>() {
                return Some(Verdict::rejected(rejection.retry_in()));
            }
            if !scan.is_over() {
                scan.read(link);
            }
        }
        scan.found().map(|place| self.verdicts[place])
    }
}

fn check_each(patterns: &[&str]) -> Result<(), Invalid> {
    if patterns.is_empty() {
        return Err(Invalid::new("patterns", patterns, "at least one"));
    }
    let mut seen = HashSet::new();
    for &pattern in patterns {
        if pattern.is_empty() {
            return Err(Invalid::new("pattern", pattern, "at least one character"));
        }
        if !seen.insert(pattern.to_ascii_lowercase()) {
            return Err(Invalid::new("pattern", pattern, "different from those before it, upper and lower case aside"));
        }
    }
    Ok(())
}

/// `None` if there is too much of it.
fn build(patterns: &[&str], verdicts: Vec<Verdict>) -> Option<Rules> {
    let automaton = NFA::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .prefilter(false)
        .build(patterns)
        .ok()?;
    let start = automaton.start_state(Anchored::No).ok()?;
    Some(Rules { automaton, start, verdicts })
}
