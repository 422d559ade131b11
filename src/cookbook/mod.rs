//! Complete programs for common tasks, and guides on how much to retry.
//!
//! Each program replaces one that a team wrote by hand. Its page states what the program does,
//! shows the code, lists what is corrected relative to the original and what to tune, and says when
//! not to use it. The test suite compiles and runs the code of all pages. Longer programs that
//! print what happens are in `examples/`, and a test covers each property that they promise.
//!
//! | page | for | example |
//! |---|---|---|
//! | [`how_much`] | choosing retries, backoff, budget and timeouts | `outage` |
//! | [`presets`] | all defaults in one table, the measurements behind them, and which numbers to change | |
//! | [`batch_runner`] | retry limits that hold across all runs of a batch, including crashes | `batch_runner` |
//! | [`coordinator`] | loops that must not spin on a failing worker: one circuit per worker | `coordinator` |
//! | [`primitive`] | one wrapper around any function, async or blocking | `function_wrapper` |
//! | [`transactions`] | database transactions that conflict with each other | `database` |
//! | [`ladder`] | a chain of fallbacks that ends with a person | `provider_ladder` |
//! | [`limits`] | the order of the layers with rate and concurrency limits | |
//! | [`settings`] | retry and breaker from a TOML file, with errors that name its fields | |
//! | [`testing`] | tests of your settings: scripted outages in paused time | |
//! | [`compile_errors`] | messages of the compiler, and their cures | |
//! | [`types`] | stacks, layers and circuits as fields of a struct | |
//! | [`worker`] | retries that survive a restart, with `tower-recourse-defer` | `retry_worker` of that crate |
//! | `integrations::apalis`, `integrations::graphile_worker` (feature `http`) | the same, in a queue that you already run | |
//!
//! These pages contain documentation only and add no code to a program.
#![cfg_attr(
    not(all(
        feature = "store",
        feature = "audit",
        feature = "text",
        feature = "tracing",
        feature = "testing",
        feature = "http"
    )),
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

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("ladder.md")]
pub mod ladder {}

#[doc = include_str!("settings.md")]
pub mod settings {}

#[cfg(all(feature = "testing", feature = "http"))]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[cfg(feature = "http")]
#[doc = include_str!("compile_errors.md")]
pub mod compile_errors {}

#[cfg(feature = "http")]
#[doc = include_str!("types.md")]
pub mod types {}

#[cfg(feature = "text")]
#[doc = include_str!("worker.md")]
pub mod worker {}
