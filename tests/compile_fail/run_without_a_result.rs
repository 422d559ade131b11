//! A function that is run returns no `Result`.

use tower_recourse::{RetryConfig, RetryLayer};

async fn run() {
    let retry = RetryLayer::new(RetryConfig::default());
    retry.run(|_| async { 7 }).await;
}

fn main() {
    drop(run());
}
