//! A kit to test your settings with: scripted services, recorded events, paused time.
//!
//! ```
//! use std::{io, time::Duration};
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer, retry::Timeouts};
//! use tower_recourse::testing::{EventRecorder, Script, fail_io, hang, succeed};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In your program, a test: #[tokio::test(start_paused = true)]
//! let upstream = Script::new([
//!     fail_io(io::ErrorKind::ConnectionRefused),
//!     hang(),
//!     succeed("hello"),
//! ]);
//! let recorder = EventRecorder::new();
//! let retry = RetryConfig::default()
//!     .idempotent()
//!     .timeouts(Timeouts::attempt(Duration::from_secs(1)))
//!     .seed(1)
//!     .observe(recorder.clone());
//! let mut service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(retry))
//!     .layer(BreakerLayer::new(BreakerConfig::default()))
//!     .service(upstream.clone());
//!
//! assert_eq!(service.ready().await?.call(()).await?, "hello");
//! assert_eq!(upstream.calls(), 3);
//! assert_eq!(recorder.count("RetryScheduled"), 2);
//! assert_eq!(recorder.lines().last().unwrap(), "RetrySucceeded attempt=3");
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dev-dependencies]
//! tokio = { version = "1", features = ["full", "test-util"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | for | use |
//! |---|---|
//! | a service that fails, hangs, panics or isn't ready, as a script says | [`Script`], [`Step`], and the functions below |
//! | HTTP and gRPC responses, with bodies that break off | `testing::http` (feature `http`) |
//! | assertions about events | [`EventRecorder`] |
//! | time | `#[tokio::test(start_paused = true)]`, [`advance`]; [`PausedTime`] for blocking code |
//! | a configuration as text, for snapshots | `RetryConfig::describe`, `BreakerConfig::describe` (without this feature) |
//! | jitter that is the same in each run | `RetryConfig::seed`, `BreakerConfig::seed` (without this feature) |
//!
//! The page `testing` of the cookbook shows tests of a policy, a breaker, a stack and a
//! configuration.
//!
//! # When not to use it
//!
//! In a program that isn't a test: the feature enables tokio's `test-util`. Put it into
//! `[dev-dependencies]`.

#[cfg(feature = "http")]
pub mod http;
mod paused_time;
mod recorded_event;
mod recorder;
mod request_log;
mod script;
mod script_future;
mod script_state;
mod step;
mod steps;

pub use paused_time::{PausedTime, advance};
pub use recorded_event::RecordedEvent;
pub use recorder::EventRecorder;
pub use script::Script;
pub use script_future::ScriptFuture;
pub use step::Step;
pub use steps::{
    fail, fail_io, fail_with, hang, not_ready, not_ready_for, panic, readiness_error, respond_with, succeed,
    succeed_with,
};
