//! Tests of the breaker and of its circuit.

mod failing_time;
mod hedges;
#[cfg(feature = "keyed")]
mod keyed;
mod modes;
mod other_crates_faults;
mod other_crates_resource_faults;
mod reconfigure;
mod recovery;
mod rejections;
#[cfg(all(feature = "keyed", feature = "http"))]
mod reservations;
mod service;
mod slow_start;
mod snapshot;
mod throttle;
mod throttled_calls;
mod time_fast_path;
mod time_windows;
mod trickling_probes;
mod trip_rules;

#[path = "../support/circuits.rs"]
mod circuits;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
