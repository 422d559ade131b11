//! backon 1.6: retries of a function, with a custom sleeper that doesn't sleep.

use std::{
    future::{Future, Ready, ready},
    time::Duration,
};

use backon::{ConstantBuilder, Retryable};
use tower::Service;

use crate::upstream::{Answer, Health, Upstream};

/// Three attempts without waits.
pub fn retry<H: Health>(mut inner: Upstream<H>) -> impl Future<Output = Answer> {
    let backoff = ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(2);
    let attempt = move || inner.call(std::hint::black_box(7));
    attempt.retry(backoff).sleep(no_sleep)
}

fn no_sleep(_: Duration) -> Ready<()> {
    ready(())
}
