use std::{collections::HashSet, error::Error, fmt, iter};

use super::{pattern_set::PatternSet, scan::Scan};
use crate::{InvalidConfig, Verdict, classify::links::MAX_LINKS};

/// A list of patterns with their verdicts. The first pattern of the list that is found decides.
pub(super) struct Rules {
    patterns: PatternSet,
    /// The verdicts, by the position of their patterns in the list.
    verdicts: Vec<Verdict>,
}

impl Rules {
    pub(super) fn new<P: AsRef<str>>(rules: impl IntoIterator<Item = (P, Verdict)>) -> Result<Self, InvalidConfig> {
        let (patterns, verdicts): (Vec<P>, Vec<_>) = rules.into_iter().unzip();
        let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        check_each(&patterns)?;
        let Some(set) = PatternSet::new(&patterns) else {
            let count = format_args!("{} patterns", patterns.len());
            return Err(InvalidConfig::new("patterns", count, "few and short enough for one automaton"));
        };
        let rules = Self { patterns: set, verdicts };
        for (position, &pattern) in patterns.iter().enumerate() {
            let decides = rules.first_in(pattern).unwrap_or(position);
            if rules.verdicts[decides] != rules.verdicts[position] {
                return Err(InvalidConfig::new("pattern", pattern, "before every pattern that is a part of it"));
            }
        }
        Ok(rules)
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }

    /// The position of the first rule of the list that is found in a text.
    fn first_in(&self, text: impl fmt::Display) -> Option<usize> {
        let mut scan = Scan::new(&self.patterns);
        scan.read(text);
        scan.found()
    }

    pub(super) fn verdict_on_text(&self, text: impl fmt::Display) -> Option<Verdict> {
        self.first_in(text).map(|position| self.verdicts[position])
    }

    /// The verdict on the texts of an error and its sources, which count as one text.
    ///
    /// A breaker's rejection decides whatever the texts contain, so the search for one goes on
    /// after the scan is over.
    pub(super) fn verdict_on_chain(&self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let mut scan = Scan::new(&self.patterns);
        // `source` skips the error that an `io::Error` wraps and the one in an `Arc`. Their texts
        // are those of the errors around them, so nothing is missed.
        for link in iter::successors(Some(error), |&link| link.source()).take(MAX_LINKS) {
            #[cfg(feature = "breaker")]
            if let Some(rejection) = link.downcast_ref::<crate::Rejection>() {
                return Some(Verdict::rejected(rejection.retry_in()));
            }
            if !scan.is_over() {
                scan.read(link);
            }
        }
        scan.found().map(|position| self.verdicts[position])
    }
}

fn check_each(patterns: &[&str]) -> Result<(), InvalidConfig> {
    if patterns.is_empty() {
        return Err(InvalidConfig::new("patterns", patterns, "at least one"));
    }
    let mut seen = HashSet::new();
    for &pattern in patterns {
        if pattern.is_empty() {
            return Err(InvalidConfig::new("pattern", pattern, "at least one character"));
        }
        if !seen.insert(pattern.to_ascii_lowercase()) {
            return Err(InvalidConfig::new("pattern", pattern, "different from those before it, regardless of case"));
        }
    }
    Ok(())
}
