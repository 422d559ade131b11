//! The script's numbers in words, so that the page can be read without the source.

use crate::script::{
    ATTEMPT_TIMEOUT, ATTEMPTS, BACKOFF, BREAKER_OPEN, BREAKER_SHARE, BREAKER_WINDOW, BUDGET_PER_SECOND, BUDGET_SHARE,
    DEMAND, ERROR_SHARE, QUEUE, Script, WORK, WORKERS,
};

/// Answers a second that the workers can give at most.
pub(crate) fn capacity() -> f64 {
    WORKERS as f64 / WORK.as_secs_f64()
}

/// Each number with its name.
pub(crate) fn numbers(script: &Script) -> [(&'static str, String); 12] {
    let phases = script.phases().map(|(phase, span)| {
        format!("{} from {:.1} s to {:.1} s", phase.name(), span.start.as_secs_f64(), span.end.as_secs_f64())
    });
    [
        ("seed", script.seed.to_string()),
        ("phases", phases.join(", ")),
        ("demand", format!("{DEMAND} requests a second, a Poisson process, whatever becomes of them")),
        (
            "upstream",
            format!("{WORKERS} workers, {} ms a job, so at most {:.0} answers a second", WORK.as_millis(), capacity()),
        ),
        (
            "queue",
            format!(
                "{QUEUE} jobs, which is {:.0} ms of work; the next is turned away with a 503",
                1000.0 * QUEUE as f64 / capacity()
            ),
        ),
        ("errors", format!("{:.0} % of the jobs, at full cost", 100.0 * ERROR_SHARE)),
        ("dead", "workers hang until the phase ends, then the jobs that they hold fail".to_owned()),
        ("time-out", format!("{} ms an attempt, for every client", ATTEMPT_TIMEOUT.as_millis())),
        ("retries", format!("{ATTEMPTS} attempts at most, for all but the bare client")),
        (
            "back-off",
            format!(
                "a random time up to {} ms, doubled at every retry; the naive client has none",
                BACKOFF.as_millis()
            ),
        ),
        (
            "budget",
            format!(
                "retries up to {:.0} % of the requests plus {BUDGET_PER_SECOND} a second, on top of the back-off",
                100.0 * BUDGET_SHARE
            ),
        ),
        (
            "whole stack",
            format!(
                "a fallback around retries with a budget around a breaker, which opens at {:.0} % failures of the last \
                 {BREAKER_WINDOW} attempts and probes after {} ms",
                100.0 * BREAKER_SHARE,
                BREAKER_OPEN.as_millis()
            ),
        ),
    ]
}
