//! Closures with the arguments of another method, or that return something other than a verdict.

use std::io;

use tower_recourse::{BreakerConfig, FallbackLayer, RetryConfig, Verdict};

fn main() {
    // Takes the error where the method passes the outcome.
    let _ = RetryConfig::default().classify(|_: &io::Error| Verdict::transient());

    // Takes the outcome where the method passes the error.
    let _ = BreakerConfig::default().classify_errors(|_: Result<&(), &io::Error>| Verdict::transient());

    // Lacks the argument for the memo.
    let _ = FallbackLayer::value(()).classify_with_request(|_: &u32| true, |_: Result<&(), &io::Error>| Verdict::transient());

    // Returns `bool` instead of a verdict.
    let _ = RetryConfig::default().classify_errors(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut);
}
