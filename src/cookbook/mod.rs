//! Whole programs, each of which takes the place of one that a team wrote by hand, and how much retrying is right.
//!
//! A page says what the program does, shows it, tells what is corrected relative to what it replaces, what to tune, and when not to
//! use it. The programs are compiled and run with the tests; longer ones that print what happens lie in `examples/`, and every point
//! that is promised has a test of its own.
//!
//! | page | for | example |
//! |---|---|---|
//! | [`how_much`] | choosing retries, back-off, budget and time-outs | `outage` |
//! | [`coordinator`] | loops that must not spin on what fails: one circuit a worker | `system_b_coordinator` |
//! | [`ladder`] | several ways to an answer, one after the other, the last one a person | `system_d_ladder` |
//!
//! These pages are documentation only; nothing of them is compiled into a program.

#[doc = include_str!("how_much.md")]
pub mod how_much {}

#[doc = include_str!("coordinator.md")]
pub mod coordinator {}

#[doc = include_str!("ladder.md")]
pub mod ladder {}
