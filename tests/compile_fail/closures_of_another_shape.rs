//! Closures that have the shape of another method, or say something that is no verdict.

use std::io;

use tower_recourse::{BreakerConfig, FallbackLayer, RetryConfig, Verdict};

fn main() {
    // Over the error, where the outcome is judged.
    let _ = RetryConfig::default().classify(|_: &io::Error| Verdict::transient());

    // Over the outcome, where errors are.
    let _ = BreakerConfig::default().classify_errors(|_: Result<&(), &io::Error>| Verdict::transient());

    // Without the memo.
    let _ = FallbackLayer::value(()).classify_with(|_: &u32| true, |_: Result<&(), &io::Error>| Verdict::transient());

    // A predicate.
    let _ = RetryConfig::default().classify_errors(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut);
}
