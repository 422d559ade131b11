//! recloser 1.4: a circuit breaker for functions and futures, with a count window.

use std::time::Duration;

use recloser::Recloser;

use crate::upstream::Down;

/// The default: opens if half of the last hundred calls failed.
pub fn count_window() -> Recloser {
    Recloser::custom().build()
}

pub fn opens_at_once() -> Recloser {
    Recloser::custom().closed_len(1).half_open_len(1).open_wait(Duration::ZERO).build()
}

pub fn open() -> Recloser {
    let breaker = Recloser::custom().closed_len(1).open_wait(Duration::from_secs(3_600)).build();
    while !matches!(breaker.call(|| Err::<u64, _>(Down)), Err(recloser::Error::Rejected)) {}
    breaker
}
