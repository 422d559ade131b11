//! Closures that take the arguments of another method, or that don't return a verdict.

use std::io;

use tower_recourse::{BreakerConfig, FallbackLayer, RetryConfig, Verdict};

fn main() {
    // The closure takes an error, but the method passes an outcome.
    let _ = RetryConfig::default().classify(|_: &io::Error| Verdict::transient());

    // The closure takes an outcome, but the method passes an error.
    let _ = BreakerConfig::default().classify_errors(|_: Result<&(), &io::Error>| Verdict::transient());

    // The closure lacks the argument for the memo.
    let _ = FallbackLayer::value(()).classify_with_request(|_: &u32| true, |_: Result<&(), &io::Error>| Verdict::transient());

    // The closure returns `bool` instead of a verdict.
    let _ = RetryConfig::default().classify_errors(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut);
}
