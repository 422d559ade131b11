//! A list of all circuits, budgets and quotas of a program, with observers for all of its layers
//! and a report of its health.
//!
//! ```
//! # #[cfg(all(feature = "retry", feature = "breaker"))] {
//! use tower_recourse::{BreakerConfig, BreakerLayer, Registry, RetryConfig, RetryLayer};
//!
//! let registry = Registry::new();
//! let retry = RetryLayer::new(RetryConfig::default().name("payments").register(&registry));
//! let breaker = BreakerLayer::new(BreakerConfig::default().name("payments").register(&registry));
//! registry.not_ready_if_open("database");
//!
//! breaker.circuit().force_open();
//! let health = registry.health();
//! assert!(health.ready); // Only `database` is critical.
//! assert_eq!(health.circuits[0].name.as_str(), "payments");
//! assert_eq!(registry.budgets()[0].refused, 0);
//! # let _ = retry;
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! # What it contains
//!
//! | registered by `register` of | the registry lists | its observers receive |
//! |---|---|---|
//! | `RetryConfig` | the budget and the quota, from `RetryLayer::new` on | the events of the retry |
//! | `BreakerConfig` | each circuit that is made from it, and each keyed breaker with its circuits | the events of the circuits |
//! | `FallbackLayer` | nothing; metrics contain its name | the events of the fallback |
//! | `Circuit` | the circuit | nothing |
//!
//! A policy that isn't a `RetryConfig` alone, such as a gRPC service config, isn't listed; its
//! configs still pass their events to the observers.
//!
//! # Health
//!
//! An HTTP handler needs five lines, here with axum: 200 if the service is ready, otherwise 503.
//!
//! ```toml
//! [dependencies]
//! axum = "0.8"
//! tower-recourse = { version = "0.1", features = ["axum"] }
//! ```
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
//! use tower_recourse::Registry;
//!
//! async fn ready(registry: Registry) -> impl IntoResponse {
//!     let health = registry.health();
//!     let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
//!     (status, [("content-type", "application/json")], health.to_json())
//! }
//!
//! let registry = Registry::new();
//! let app: Router = Router::new().route("/ready", get(move || ready(registry.clone())));
//! # let _ = app;
//! # }
//! ```
//!
//! By default, a service stays ready whatever its circuits do. All instances of a service call the
//! same dependencies, so their circuits open at about the same time. If each of them then reported
//! that it isn't ready, a load balancer would remove all of them, and with them every route that
//! doesn't need the dependency. An open circuit also needs calls to close again, because probes are
//! calls. Use [`not_ready_if_open`](Registry::not_ready_if_open) for a dependency without which no
//! route works and that fails per instance, such as a local database or sidecar. If the circuit's
//! probes depend on traffic, it then closes only if some traffic remains; or use
//! [`Circuit::run_health_probe`](crate::Circuit::run_health_probe).
//!
//! Don't use readiness as liveness: a restart doesn't repair a dependency, and resets all circuits.
//!
//! # Log
//!
//! A `TracingObserver` that is added by [`observe`](Registry::observe) sets the levels of the log
//! for all registered layers: it replaces their default ones. A layer with its own
//! `TracingObserver` keeps that.
//!
//! # What it costs
//!
//! A healthy call costs nothing more. An event of a registered layer costs one more observer: a
//! read lock and a reference count. The registry holds weak references, so a dropped circuit,
//! budget or quota disappears. Reading visits everything that is registered; with 100,000 keys, use
//! it once per second or less. No lock is held while an observer or a clock runs. A panic of an
//! observer passes to the call that emitted the event.
//!
//! # When not to use it
//!
//! For one circuit, call [`Circuit::stats`](crate::Circuit::stats); for one keyed breaker, `stats`
//! of its `CircuitRegistry`.
//!
//! # Clone
//!
//! A clone is a handle to the same registry. If all handles are dropped, the observers stay with
//! the registered layers. `without_observers` on a config removes the registry's observer, too, if
//! it is called after `register`.

#[cfg(all(feature = "metrics", feature = "breaker"))]
mod circuit_counts;
#[cfg(feature = "breaker")]
mod health;
#[cfg(feature = "breaker")]
mod json;
#[cfg(feature = "metrics")]
mod publish;
#[expect(clippy::module_inception, reason = "the module is named after its main type")]
mod registry;
#[cfg(feature = "metrics")]
mod series;
mod sources;
mod status;

#[cfg(feature = "breaker")]
pub use health::Health;
pub use registry::Registry;
#[cfg(feature = "breaker")]
pub use status::CircuitStatus;
#[cfg(feature = "keyed")]
pub use status::KeyedStatus;
#[cfg(feature = "retry")]
pub use status::{BudgetStatus, QuotaStatus};

// Each layer uses a part of the module.
#[cfg(all(feature = "metrics", feature = "breaker"))]
pub(crate) use circuit_counts::CircuitCounts;
#[cfg(feature = "breaker")]
pub(crate) use status::CircuitReading;
#[cfg(feature = "retry")]
pub(crate) use status::{BudgetReading, RetryReading, SourceId};
#[cfg_attr(not(all(feature = "retry", feature = "keyed")), allow(unused_imports))]
pub(crate) use {
    sources::{Source, Sources},
    status::Readings,
};
