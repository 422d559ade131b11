//! Tests of the breaker and of its circuit.

mod cancelled_calls;
mod event_details;
mod failing_time;
mod group;
mod half_open;
mod hedges;
#[cfg(feature = "keyed")]
mod keyed;
mod modes;
mod open_duration;
mod other_crates_faults;
mod other_crates_resource_faults;
mod reconfigure;
mod rejections;
mod reported_outcomes;
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
