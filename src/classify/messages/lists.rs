//! The lists of patterns that come with the crate. They are based on classifiers that teams had
//! written by hand; mistakes are corrected.

use super::ErrorMessages;
use crate::{Health, Verdict};

impl ErrorMessages {
    /// Errors of service clients, in this order:
    ///
    /// | pattern | verdict |
    /// |---|---|
    /// | `timeout` | timed out |
    /// | `connection`, `network` | transient |
    /// | `rate limit`, `too many requests`, `429` | throttled |
    /// | `temporary`, `unavailable`, `503` | transient |
    /// | `memory`, `disk`, `resource` | permanent; unhealthy |
    /// | anything else, if no classifier follows | permanent; unhealthy |
    ///
    /// *Unhealthy*: a breaker [counts a failure](Verdict::health).
    pub fn service_calls() -> Self {
        let transient = Verdict::transient();
        let throttled = Verdict::throttled();
        let exhausted = Verdict::permanent().health(Health::Unhealthy);
        Self::ready([
            ("timeout", Verdict::timed_out()),
            ("connection", transient),
            ("network", transient),
            ("rate limit", throttled),
            ("too many requests", throttled),
            ("429", throttled),
            ("temporary", transient),
            ("unavailable", transient),
            ("503", transient),
            ("memory", exhausted),
            ("disk", exhausted),
            ("resource", exhausted),
        ])
    }

    /// Errors of jobs that are sent to nodes, in this order. Faults of the job itself, which are
    /// permanent, come before those of the network.
    ///
    /// | pattern | verdict |
    /// |---|---|
    /// | `validation`, `invalid` | permanent |
    /// | `node not found` | transient: it may join again |
    /// | `not found`, `unauthorized`, `forbidden`, `bad request`, `malformed`, `missing required` | permanent |
    /// | `timeout` | timed out |
    /// | `connection`, `unavailable`, `temporary`, `network`, `refused`, `unreachable`, `no route`, `connection reset`, `broken pipe`, `node offline` | transient |
    /// | anything else, if no classifier follows | permanent; [unhealthy](Verdict::health) |
    pub fn node_jobs() -> Self {
        let transient = Verdict::transient();
        let permanent = Verdict::permanent();
        Self::ready([
            ("validation", permanent),
            ("invalid", permanent),
            ("node not found", transient),
            ("not found", permanent),
            ("unauthorized", permanent),
            ("forbidden", permanent),
            ("bad request", permanent),
            ("malformed", permanent),
            ("missing required", permanent),
            ("timeout", Verdict::timed_out()),
            ("connection", transient),
            ("unavailable", transient),
            ("temporary", transient),
            ("network", transient),
            ("refused", transient),
            ("unreachable", transient),
            ("no route", transient),
            ("connection reset", transient),
            ("broken pipe", transient),
            ("node offline", transient),
        ])
    }

    fn ready<const N: usize>(rules: [(&str, Verdict); N]) -> Self {
        // The lists don't know whether the requests are idempotent.
        let rules = rules.map(|(pattern, verdict)| (pattern, verdict.of_any_request()));
        // An unknown error isn't a healthy answer.
        let otherwise = Verdict::permanent().health(Health::Unhealthy);
        Self::new(rules).expect("a test makes each list").otherwise(otherwise)
    }
}
