//! The breaker's rules, pure: (word, what happened, counts) → the next word. No atomics, no clock, no I/O.

mod admission;
mod end;
mod probing;
mod rules;
#[cfg(test)]
mod tests;
mod word;

pub use probing::Undecided;
pub use rules::Rule;

pub(crate) use {
    admission::{Admission, Asking, Over, admit, look},
    end::{Ending, end, row},
    probing::{ProbeVerdict, Probing},
    rules::{Consecutive, Custom, Rules, Share},
    word::{Phase, Word},
};
