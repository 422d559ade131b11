//! Tower middleware for calls that fail: retry them, stop calling, or answer from a fallback.
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // Any tower service: an HTTP or gRPC client, a function. This one is down.
//! let client = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
//! let cache = service_fn(|key: &'static str| async move { Ok::<_, Infallible>(format!("cached {key}")) });
//!
//! let mut service = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(cache))                           // the answer if retries fail
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent())) // more attempts, within a budget
//!     .layer(BreakerLayer::new(BreakerConfig::default()))         // no calls while it is down
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
//! | layer | page | purpose |
//! |---|---|---|
//! | [`RetryLayer`] | [`retry`] | retries with backoff, a budget, and deadlines |
//! | [`BreakerLayer`] | [`breaker`] | stops calling a service that is down, and detects its recovery |
//! | [`FallbackLayer`] | [`fallback`] | answers another way when everything else has failed |
//!
//! Each layer works on its own. Stacked, they share context: a retry doesn't retry a breaker's
//! rejection and spends no budget on it, a breaker counts a failure if a retry's time limit ends
//! the attempt, and a fallback receives the [`Cause`]. The order above is recommended; the page of
//! each layer documents the alternatives.
//!
//! The [`cookbook`] has complete programs, and pages on how much to retry, on types for the fields
//! of a struct, and on the compiler's messages. [`costs`] lists what a call costs. The pages of
//! `integrations` (feature `http`) cover axum, tonic, hyper, reqwest, OpenTelemetry, apalis and
//! graphile_worker.
//! `cheat_sheet` (features `grpc`, `keyed`) has settings, presets, recipes and log lines on one
//! page. `operating` (features `axum`, `keyed`, `metrics`) has alerts and a runbook for the person
//! on call. `coming_from` has pages for users of other crates, and a comparison with them.
//!
//! # Terms
//!
//! An **attempt** ([`Attempt`]) is one call of the inner service, and its result is an **outcome**
//! ([`Outcome`]). A [`Classifier`] turns the outcome into a **verdict** ([`Verdict`]): success, a
//! failure with a kind, or neutral. A [policy](retry::Policy) turns the verdict into a **decision**
//! with a reason. A breaker issues **permits** or **rejections**. [Observers](observe) receive an
//! event for each thing that happens.
//!
//! # Features
//!
//! On by default:
//!
//! | feature | adds |
//! |---|---|
//! | `retry`, `breaker`, `fallback` | the three layers |
//! | `tracing` | an observer that writes events as `tracing` events; [`spans`] of requests and attempts |
//! | `tower` | [`classify::ErrorClassifier`] recognises the errors of tower's timeout and load shedding |
//!
//! Off by default:
//!
//! | feature | adds |
//! |---|---|
//! | `keyed` | one circuit per key |
//! | `hyper`, `h2` | [`classify::ErrorClassifier`] recognises their errors |
//! | `last-good` | a fallback that answers with the last good response for a key |
//! | `text` | [`classify::ErrorMessages`](classify), which classifies errors by their text |
//! | `store` | state that survives the process |
//! | `audit` | an audit log |
//! | `metrics` | counters, gauges and histograms, for Prometheus and others |
//! | `http` | statuses, `Retry-After`, bodies that can be resent |
//! | `axum` | axum's bodies can be resent |
//! | `grpc` | statuses in trailers, pushback, service configs |
//! | `testing` | a kit to test your settings with: scripted services, recorded events, paused time |
//! | `tonic` | tonic's bodies can be resent; errors of its channels are recognised |
//! | `reqwest` | the layers wrap a `reqwest::Client` |
//! | `tower-http`, `tower-http-06` | classifiers of tower-http 0.7 and 0.6 |
//!
//! # Requirements
//!
//! Waits and timeouts need a tokio runtime with its time driver; a breaker alone needs no runtime.
//! Service errors must be `'static` and `Send`.
//!
//! The services of this crate have the methods `ready`, `call` and `oneshot`, so that neither
//! tower's `Service` nor its `ServiceExt` has to be imported. See [`service`].
//!
//! In a spawned task or an axum handler, these methods work with every error type. The `oneshot` of
//! tower's `ServiceExt` doesn't compile there if an error type of the stack contains a lifetime, as
//! a boxed error or `&'static str` does ("higher-ranked lifetime error", "implementation of `From`
//! is not general enough"). So make a layer of this crate the outermost one, or box the stack.
//!
//! The services are `Send` and `Sync` if the inner service and the closures are. Their
//! futures are `Sync` even if the inner future isn't. So a whole stack can be boxed, with
//! `ServiceBuilder::boxed_clone_sync` or `BoxCloneSyncService::new`.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Pages link to one another, so links break if a feature that a page needs is off.
#![cfg_attr(
    not(all(feature = "retry", feature = "breaker", feature = "fallback")),
    allow(rustdoc::broken_intra_doc_links)
)]

// Data types that contain no layer's behaviour. They import one another and `time::Instant` only.
mod attempt;
#[cfg(feature = "http")]
mod body_elapsed;
mod boxed_error;
mod call_report;
mod cause;
mod description;
mod elapsed;
mod failure;
mod failure_info;
mod invalid_config;
mod name;
mod outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod ratio;
#[cfg(feature = "reqwest")]
mod reqwest_error;
// Each of these features uses a part of the module.
#[cfg_attr(
    not(all(feature = "audit", feature = "store", feature = "keyed", feature = "fallback", feature = "tracing")),
    allow(dead_code)
)]
mod sanitize;
mod verdict;

// Primitives that several layers use.
#[cfg(any(feature = "audit", feature = "store"))]
mod background_log;
mod call_context;
#[cfg(any(feature = "retry", feature = "fallback"))]
mod clone_source;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod cold_option;
#[cfg(any(feature = "audit", feature = "store"))]
// Each of the two features uses a part of the module.
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

// How to call the services of this crate.
pub mod service;

// Classifiers.
pub mod classify;

// The list of what is registered. The layers enter themselves.
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod registry;

// The layers. No layer imports another.
#[cfg(feature = "breaker")]
pub mod breaker;
#[cfg(feature = "fallback")]
pub mod fallback;
#[cfg(feature = "retry")]
pub mod retry;

// Protocols. They implement the traits above for HTTP and gRPC.
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "reqwest")]
pub mod reqwest;

// Services, observers and time for tests.
#[cfg(feature = "testing")]
pub mod testing;

// Reports of how a result was obtained, and spans.
pub mod boundary;
pub mod report;
#[cfg(all(feature = "tracing", any(feature = "retry", feature = "breaker", feature = "fallback")))]
pub mod spans;

// Pages of documentation. Their examples use all layers. The programs of `coming_from` depend on
// other crates, so the package `tests/coming_from` tests them.
#[cfg(all(any(doc, doctest), feature = "grpc", feature = "keyed", feature = "fallback"))]
pub mod cheat_sheet;
#[cfg(all(doc, not(doctest), feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod coming_from;
#[cfg(all(any(doc, doctest), feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod cookbook;
#[cfg(all(any(doc, doctest), feature = "retry", feature = "breaker", feature = "fallback"))]
pub mod costs;
#[cfg(all(any(doc, doctest), feature = "http", feature = "fallback"))]
pub mod integrations;
#[cfg(all(any(doc, doctest), feature = "axum", feature = "metrics", feature = "keyed", feature = "fallback"))]
pub mod operating;

// Access to the environment: time, observers, metrics, storage, atomics.
// Each layer uses a part of the module.
#[cfg(feature = "metrics")]
#[cfg_attr(not(all(feature = "retry", feature = "keyed", feature = "fallback")), allow(dead_code))]
pub mod metrics;
pub mod observe;
#[cfg(feature = "store")]
pub mod store;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod sync;
pub mod time;

pub use attempt::Attempt;
pub use boxed_error::IntoBoxError;
#[cfg(feature = "breaker")]
pub use breaker::{BreakerConfig, BreakerError, BreakerLayer, Circuit, Rejection, State};
pub use call_report::CallReport;
pub use cause::Cause;
pub use classify::Classifier;
pub use description::Description;
pub use elapsed::Elapsed;
pub use failure::{Delivery, Failure, FailureKind, Health};
pub use failure_info::FailureInfo;
#[cfg(feature = "fallback")]
pub use fallback::{FallbackError, FallbackLayer};
pub use invalid_config::InvalidConfig;
pub use name::{Label, Name};
pub use outcome::Outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
pub use ratio::Ratio;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub use registry::Registry;
#[cfg(feature = "retry")]
pub use retry::{RetryConfig, RetryLayer};
pub use verdict::Verdict;

/// The code of the README, compiled and run.
#[cfg(all(doctest, feature = "fallback", feature = "axum", feature = "tonic"))]
#[doc = include_str!("../README.md")]
struct Readme;
