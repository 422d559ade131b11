//! The circuit's shared state: one packed atomic word, and the only file that changes it.
//!
//! ```text
//!  63                       33 32      27 26  24 23   22 21                        0
//! ┌───────────────────────────┬──────────┬──────┬───────┬───────────────────────────┐
//! │ generation 31             │ streak 6 │ mode │ phase │ closed: answered 1 ·      │
//! │                           │          │    3 │     2 │   slow_start 1 · failures in │
//! │                           │          │      │       │   a row 20                │
//! │                           │          │      │       │ half-open: in flight 8 ·  │
//! │                           │          │      │       │   counted 8 · admitted 6  │
//! └───────────────────────────┴──────────┴──────┴───────┴───────────────────────────┘
//! ```
//!
//! The other words carry the generation that they belong to. So no word has to be cleared, and a
//! value that was written late can't be taken for one of the present generation:
//!
//! | word | holds |
//! |---|---|
//! | `open_until` | open: the end of the open time |
//! | `lease_until` | half-open: the newest probe's lease. Closed: the row of dropped calls |
//! | `probes` | half-open: the probes' results. Closed: the length of the dropped row |
//! | `failing_since` | since when calls have been failing ([`failing`]) |
//! | `optional` | the limit of half-open, and the start of the ramp ([`optional_times`]) |
//!
//! Times are written *before* the word that makes them count: a thread that sees an open circuit
//! sees the end of its open time.

mod admit;
mod cancelled_row;
mod context;
mod end;
mod failing_since;
mod failure_row;
mod optional_times;
mod packed_word;
mod probe_counts;
mod stamp;
mod state_cell;
mod step;
#[cfg(all(test, not(recourse_loom)))]
mod tests;
mod timers;
mod trickle;
mod update;

pub(crate) use {
    context::{EndEffect, Transition, TransitionContext, WindowUse},
    stamp::LONGEST,
    state_cell::StateCell,
};
