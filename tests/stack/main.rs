//! Tests of whole stacks: nested layers, on several tasks and threads.

mod boxed_errors;
mod call_isolation;
mod call_report;
mod cancellation;
mod concurrency;
mod invalid_config;
mod kept_errors;
mod layer_order;
mod one_classifier;
mod panics;
mod service_methods;
mod spans;
mod spawned;
mod sync;
mod written_types;

#[path = "../support/circuits.rs"]
mod circuits;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
#[path = "../support/span_tree.rs"]
mod span_tree;
