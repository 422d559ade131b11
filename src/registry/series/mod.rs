//! Turns the values of a registry into series of the crate `metrics`.

#[cfg(feature = "retry")]
mod budgets;
mod by_name;
#[cfg(feature = "breaker")]
mod circuit_group;
#[cfg(feature = "breaker")]
mod circuit_series;
#[cfg(feature = "keyed")]
mod keyed;
#[cfg(any(feature = "retry", feature = "fallback"))]
mod known_series;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod ledger;
mod publisher;
#[cfg(feature = "retry")]
mod quotas;
#[cfg(feature = "breaker")]
mod retired;

pub(super) use publisher::Publisher;
