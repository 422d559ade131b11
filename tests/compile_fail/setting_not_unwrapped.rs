//! A setting that could be invalid is passed on without a check of its `Result`.

use tower_recourse::{BreakerConfig, RetryConfig, breaker::TripRule, retry::TokenBucket};

fn main() {
    let retry = RetryConfig::default().budget(TokenBucket::retry_ratio(0.1));
    let breaker = BreakerConfig::default().open_when(TripRule::consecutive(5));
    drop((retry, breaker));
}
