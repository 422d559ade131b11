//! The shared state of one circuit, in atomics. Only this module changes it. The state itself is
//! one packed word, the *state word*; comments in this module call it the word:
//!
//! ```text
//!  63                       33 32      27 26  24 23   22 21                        0
//! ┌───────────────────────────┬──────────┬──────┬───────┬───────────────────────────┐
//! │ generation 31             │ streak 6 │ mode │ phase │ closed: answered 1 ·      │
//! │                           │          │    3 │     2 │  slow start 1 · failures  │
//! │                           │          │      │       │  in a row 20              │
//! │                           │          │      │       │ half-open: in flight 8 ·  │
//! │                           │          │      │       │   counted 8 · admitted 6  │
//! └───────────────────────────┴──────────┴──────┴───────┴───────────────────────────┘
//! ```
//!
//! Each of the other words carries the generation that it belongs to. So no transition has to clear
//! a word, and a value that a thread writes late for a former generation has no effect on the
//! present one. A time with its generation is a `Stamp`:
//!
//! | word | holds |
//! |---|---|
//! | `open_until` | open: the end of the open time |
//! | `lease_until` | half-open: the end of the newest probe's lease. Closed: the start of the row of cancelled calls |
//! | `probes` | half-open: the results of the probes. Closed: the length of the row of cancelled calls |
//! | `failing_since` | when calls began to fail (`failing_since`) |
//! | `optional` | the end of the half-open timeout, and the start of the slow start (`optional_times`) |
//!
//! A thread writes the times of a state *before* it stores the state word. So a thread that sees an
//! open circuit also sees the end of its open time.

mod admit;
mod cancelled_row;
mod context;
mod end;
mod failing_since;
mod failure_row;
mod optional_times;
mod outside_calls;
mod packed_word;
mod probe_counts;
mod stamp;
mod state_cell;
mod step;
#[cfg(all(test, not(recourse_loom)))]
mod tests;
mod timers;
mod trickle;

pub(crate) use {
    context::{EndEffect, Transition, TransitionContext, WindowUse},
    failing_since::FailingSince,
    stamp::LONGEST,
    state_cell::StateCell,
};
