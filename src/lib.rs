//! When a call fails, decide well what to do next: try again, stop calling, or answer another way. As tower layers that are
//! cheap enough to put around every call.
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // Any tower service: an HTTP or gRPC client, a function. This one is down.
//! let client = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
//! let cache = service_fn(|key: &'static str| async move { Ok::<_, Infallible>(format!("cached {key}")) });
//!
//! let mut service = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(cache))                           // what retries can't save
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent())) // a few more attempts, within a budget
//!     .layer(BreakerLayer::new(BreakerConfig::default()))         // none at all while it is down
//!     .service(client);
//!
//! assert_eq!(service.ready().await.unwrap().call("prices").await.unwrap(), "cached prices");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! | layer | page | in a line |
//! |---|---|---|
//! | [`RetryLayer`] | [`retry`] | tries again, with back-off, a budget, and deadlines |
//! | [`BreakerLayer`] | [`breaker`] | stops calling what is down, and finds out when it is back |
//! | [`FallbackLayer`] | [`fallback`] | answers another way when all else fails |
//!
//! Each works alone. Together they know each other's words: a breaker's rejection isn't retried and costs no budget, an
//! attempt that a retry cuts off is a failure to the breaker inside, and a fallback is told the [`Cause`]. The order above is
//! the paved one; each page says what other orders mean.
//!
//! Whole programs, and how to choose how much to retry, are in the [`cookbook`]; what a call costs is told in [`costs`]. With axum, tonic, hyper
//! and reqwest (feature `http`): `integrations`.
//!
//! # Words
//!
//! An **attempt** is one call of the service within ([`Attempt`]), and what comes back is its **outcome** ([`Outcome`]). A
//! [`Classifier`] makes it a **verdict** ([`Verdict`]): success, failure of a kind, or neutral. A [policy](retry::Policy)
//! makes of that a **decision**, with a reason. A breaker gives **permits**, or **rejections**. What happened is told to
//! [observers](observe).
//!
//! # Features
//!
//! On by default: `retry`, `breaker`, `fallback`, `tracing` (events are written through it), and `tower` (its time-out and load
//! shedding are known to [`classify::ErrorClassifier`]). Off: `keyed` (one circuit a key), `hyper` and `h2` (their errors are known),
//! `text` ([`classify::ErrorMessages`](classify): errors are judged by their text), `store` (state that survives the process), `audit` (a
//! record of what was done), `http` (statuses, `Retry-After`, bodies that are sent again), `axum` (its bodies are among those),
//! `grpc` (statuses in trailers, pushback, service configs), `tonic` (what that needs around its channels), `tower-http` and
//! `tower-http-06` (classifiers of its versions 0.7 and 0.6 judge).
//!
//! # What it needs
//!
//! A tokio runtime with its time driver on for waits and time-outs; a breaker alone needs none. Service errors must be `'static`,
//! and `Send`.
//!
//! In a spawned task or an axum handler, call a stack by `ready().await?.call(…)`. `oneshot` doesn't compile there if one of the stack's
//! error types contains a lifetime, as a boxed error or `&'static str` does ("higher-ranked lifetime error", "implementation of `From` is
//! not general enough"). tower's own layers have the same limit. A stack in a `BoxCloneService` or `BoxCloneSyncService` of tower can be
//! called by `oneshot` everywhere.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The pages link to one another: where a feature leaves some of them out, the rest still build.
#![cfg_attr(
    not(all(feature = "retry", feature = "breaker", feature = "fallback")),
    allow(rustdoc::broken_intra_doc_links)
)]

// Nouns: they import nothing of the crate but each other and `time::Instant`.
mod attempt;
#[cfg(feature = "http")]
mod body_elapsed;
mod call_report;
mod cause;
mod elapsed;
mod failure;
mod invalid_config;
mod name;
mod outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod ratio;
// Each of these features uses its own part.
#[cfg_attr(
    not(all(feature = "audit", feature = "store", feature = "keyed", feature = "fallback", feature = "tracing")),
    allow(dead_code)
)]
mod sanitize;
mod verdict;

// What the layers share, besides words.
#[cfg(any(feature = "audit", feature = "store"))]
mod background_log;
mod call_context;
#[cfg(any(feature = "retry", feature = "fallback"))]
mod clone_source;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod cold_option;
#[cfg(any(feature = "audit", feature = "store"))]
// Each of the two uses its own part.
#[cfg_attr(not(all(feature = "audit", feature = "store")), allow(dead_code))]
mod private_file;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod random;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod readiness;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod reservation;
#[cfg(any(feature = "retry", feature = "fallback"))]
mod sharded_arc;

// Judges.
pub mod classify;

// Layers: none imports another.
#[cfg(feature = "breaker")]
pub mod breaker;
#[cfg(feature = "fallback")]
pub mod fallback;
#[cfg(feature = "retry")]
pub mod retry;

// Edges: the traits above for a protocol.
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;

// How it went, for callers who ask.
pub mod boundary;
pub mod report;

// Pages without code: all of them use every layer.
#[cfg(all(any(doc, doctest), feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod cookbook;
#[cfg(all(any(doc, doctest), feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod costs;
#[cfg(all(any(doc, doctest), feature = "http", feature = "fallback"))]
pub mod integrations;

// Ports.
pub mod observe;
#[cfg(feature = "store")]
pub mod store;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod sync;
pub mod time;

pub use attempt::Attempt;
#[cfg(feature = "breaker")]
pub use breaker::{BreakerConfig, BreakerError, BreakerLayer, Circuit, Rejection, State};
pub use call_report::CallReport;
pub use cause::Cause;
pub use classify::Classifier;
pub use elapsed::Elapsed;
pub use failure::{Delivery, Failure, FailureKind};
#[cfg(feature = "fallback")]
pub use fallback::{FallbackError, FallbackLayer};
pub use invalid_config::InvalidConfig;
pub use name::Name;
pub use outcome::Outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
pub use ratio::Ratio;
#[cfg(feature = "retry")]
pub use retry::{RetryConfig, RetryLayer};
pub use verdict::Verdict;

/// The code of the README, compiled and run.
#[cfg(all(doctest, feature = "fallback", feature = "axum", feature = "tonic"))]
#[doc = include_str!("../README.md")]
struct Readme;
