//! Tests of verdicts and of the classifiers that return them.

mod descriptions;
mod errors;
#[cfg(all(feature = "hyper", feature = "h2"))]
mod http_errors;
#[cfg(feature = "text")]
mod messages;
#[cfg(feature = "grpc")]
mod response_descriptions;
mod verdicts;

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
