//! Describes the script's numbers for the page.

use crate::script::{
    ATTEMPT_TIMEOUT, ATTEMPTS, BACKOFF, BUDGET_AT_START, BUDGET_PER_SECOND, BUDGET_SHARE, DEAD_BACKEND_SHARE, DEMAND,
    ERROR_SHARE, LONG_BREAKER_FAILURES, LONG_BREAKER_OPEN, Phase, QUEUE, Script, WORK, WORKERS,
};

/// The number of requests per second that the workers can serve.
pub(crate) fn capacity() -> f64 {
    WORKERS as f64 / WORK.as_secs_f64()
}

/// Returns the names and values of all numbers.
pub(crate) fn numbers(script: &Script) -> Vec<(&'static str, String)> {
    let phases = script.phases().into_iter().map(|(phase, span)| {
        format!("{} from {:.2} s to {:.2} s", phase.name(), span.start.as_secs_f64(), span.end.as_secs_f64())
    });
    let mut numbers = vec![
        ("script", script.scenario.to_string()),
        ("seed", script.seed.to_string()),
        ("phases", phases.collect::<Vec<_>>().join(", ")),
        ("demand", format!("{DEMAND} requests per second, a Poisson process, whatever the responses are")),
        (
            "upstream",
            format!(
                "{WORKERS} workers, {} ms per job: at most {:.0} responses per second",
                WORK.as_millis(),
                capacity()
            ),
        ),
        (
            "queue",
            format!(
                "{QUEUE} jobs, which is {:.0} ms of work; the upstream answers further requests with 503",
                1000.0 * QUEUE as f64 / capacity()
            ),
        ),
    ];
    numbers.extend(script.phases().into_iter().filter_map(|(phase, _)| Some((fault(phase)?, meaning(phase)))));
    numbers.extend([
        ("time limit", format!("{} ms per attempt, for every client", ATTEMPT_TIMEOUT.as_millis())),
        ("retries", format!("at most {ATTEMPTS} attempts; the stacks use RetryConfig::http()")),
        (
            "backoff",
            format!(
                "a random time up to {} ms, doubled at every retry; the naive client doesn't wait",
                BACKOFF.as_millis()
            ),
        ),
        (
            "budget",
            format!(
                "retries up to {:.0} % of the requests plus {BUDGET_PER_SECOND} per second, and {BUDGET_AT_START} at the \
                 start, in addition to the backoff",
                100.0 * BUDGET_SHARE
            ),
        ),
        (
            "stack, 30 s breaker",
            format!(
                "a fallback around RetryConfig::http() around a breaker that opens after {LONG_BREAKER_FAILURES} failures \
                 in a row, for {} s",
                LONG_BREAKER_OPEN.as_secs()
            ),
        ),
        (
            "the whole stack",
            "a fallback around RetryConfig::http() around a breaker with BreakerConfig::http(), both unchanged".to_owned(),
        ),
    ]);
    numbers
}

/// The name of a fault.
fn fault(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Healthy | Phase::Back => None,
        Phase::Errors => Some("errors"),
        Phase::Dead => Some("dead"),
        Phase::HalfDead => Some("half dead"),
    }
}

fn meaning(phase: Phase) -> String {
    match phase {
        Phase::Healthy | Phase::Back => String::new(),
        Phase::Errors => format!("{:.0} % of the jobs fail with 502, at full cost", 100.0 * ERROR_SHARE),
        Phase::Dead => "workers hang until the phase ends, then their jobs fail with 502".to_owned(),
        Phase::HalfDead => format!(
            "{:.0} % of the requests go to the dead backend and fail with 502 at once; the other backend has all the \
             workers",
            100.0 * DEAD_BACKEND_SHARE
        ),
    }
}
