//! Whole programs, each of which takes the place of one that a team wrote by hand, and how much retrying is right.
//!
//! A page says what the program does, shows it, tells what is corrected relative to what it replaces, what to tune, and when not to
//! use it. The programs are compiled and run with the tests; longer ones that print what happens lie in `examples/`, and every point
//! that is promised has a test of its own.
//!
//! | page | for | example |
//! |---|---|---|
//! | [`how_much`] | choosing retries, back-off, budget and time-outs | `outage` |
//! | [`presets`] | which settings of retry and breaker do no harm, and which numbers to change | |
//! | [`batch_runner`] | retries that are limited over all runs of a batch, whatever crashes | `system_a_batch` |
//! | [`coordinator`] | loops that must not spin on what fails: one circuit a worker | `system_b_coordinator` |
//! | [`primitive`] | one wrapper round any function, async or blocking | `system_c_primitive` |
//! | [`transactions`] | database transactions that conflict with each other | |
//! | [`ladder`] | several ways to an answer, one after the other, the last one a person | `system_d_ladder` |
//! | [`worker`] | jobs on nodes: which errors, and when again. The engine that outlives the process isn't there yet | |
//!
//! These pages are documentation only; nothing of them is compiled into a program.
#![cfg_attr(
    not(all(feature = "store", feature = "audit", feature = "text", feature = "tracing")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("how_much.md")]
pub mod how_much {}

#[doc = include_str!("presets.md")]
#[doc = include_str!("presets.svg")]
#[doc = include_str!("presets_after_plot.md")]
pub mod presets {}

#[cfg(all(feature = "store", feature = "audit"))]
#[doc = include_str!("batch_runner.md")]
pub mod batch_runner {}

#[doc = include_str!("coordinator.md")]
pub mod coordinator {}

#[cfg(all(feature = "text", feature = "tracing"))]
#[doc = include_str!("primitive.md")]
pub mod primitive {}

#[doc = include_str!("transactions.md")]
pub mod transactions {}

#[doc = include_str!("ladder.md")]
pub mod ladder {}

#[cfg(feature = "text")]
#[doc = include_str!("worker.md")]
pub mod worker {}
