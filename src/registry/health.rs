//! The health of the registered circuits.

use std::{cmp::Reverse, collections::HashSet, fmt};

use super::{CircuitStatus, Registry, json};
use crate::breaker::State;

/// The most circuits that a [`Health`] lists.
const LISTED: usize = 20;

/// Whether the service is ready, and which circuits aren't closed. [`Registry::health`] makes it.
///
/// `Display` writes [JSON](Self::to_json).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the service should report that it is ready.
    pub ready: bool,
    /// The number of registered circuits.
    pub total: usize,
    /// How many of them are open.
    pub open: usize,
    /// How many of them are half-open.
    pub half_open: usize,
    /// Circuits that aren't closed, at most 20: first those that make the service unready, then
    /// open ones before half-open ones, those that have failed for the longest time first.
    pub circuits: Vec<CircuitStatus>,
}

impl Registry {
    /// Returns which circuits aren't closed, and whether the service is ready. It is ready unless a
    /// circuit of [`not_ready_if_open`](Self::not_ready_if_open) is open. Calls no service.
    pub fn health(&self) -> Health {
        let critical = self.critical();
        let names: HashSet<&str> = critical.iter().map(crate::Name::as_str).collect();
        self.health_with(|circuit| circuit.state != State::Open || !names.contains(circuit.name.as_str()))
    }

    /// As [`health`](Self::health), with your own rule: the service is ready if `is_ready` returns
    /// `true` for each registered circuit. `not_ready_if_open` has no effect on it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::Registry;
    ///
    /// // Ready unless calls of some circuit have been failing for five minutes.
    /// let registry = Registry::new();
    /// let health = registry.health_with(|circuit| circuit.failing_for < Some(Duration::from_secs(300)));
    /// assert!(health.ready);
    /// ```
    pub fn health_with(&self, is_ready: impl Fn(&CircuitStatus) -> bool) -> Health {
        let circuits = self.circuits();
        let count = |state| circuits.iter().filter(|circuit| circuit.state == state).count();
        let (total, open, half_open) = (circuits.len(), count(State::Open), count(State::HalfOpen));
        let mut listed: Vec<(bool, CircuitStatus)> =
            circuits.into_iter().map(|circuit| (is_ready(&circuit), circuit)).collect();
        let ready = listed.iter().all(|&(is_ready, _)| is_ready);
        listed.retain(|(_, circuit)| circuit.state != State::Closed);
        listed
            .sort_by_key(|(is_ready, circuit)| (*is_ready, circuit.state != State::Open, Reverse(circuit.failing_for)));
        listed.truncate(LISTED);
        Health { ready, total, open, half_open, circuits: listed.into_iter().map(|(_, circuit)| circuit).collect() }
    }
}

impl Health {
    /// The health as JSON in one line. Names and keys are escaped and cut at 256 bytes.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, Circuit, Registry};
    ///
    /// let registry = Registry::new();
    /// let circuit = Circuit::new(BreakerConfig::default().name("payments").register(&registry));
    /// circuit.force_open();
    /// assert_eq!(
    ///     registry.health().to_json(),
    ///     r#"{"ready":true,"total":1,"open":1,"half_open":0,"circuits":[{"name":"payments","state":"open","mode":"forced open","failing_seconds":null,"next_probe_seconds":null}]}"#
    /// );
    /// ```
    pub fn to_json(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ready, total, open, half_open, circuits } = self;
        write!(f, r#"{{"ready":{ready},"total":{total},"open":{open},"half_open":{half_open},"circuits":["#)?;
        for (index, circuit) in circuits.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            write!(f, r#"{{"name":{}"#, json::Text(circuit.name.as_str()))?;
            if let Some(key) = circuit.name.key() {
                write!(f, r#","key":{}"#, json::Text(key))?;
            }
            let state = match circuit.state {
                State::Closed => "closed",
                State::Open => "open",
                State::HalfOpen => "half_open",
            };
            write!(f, r#","state":"{state}","mode":"{}""#, circuit.mode)?;
            write!(f, r#","failing_seconds":{}"#, json::Seconds(circuit.failing_for))?;
            write!(f, r#","next_probe_seconds":{}}}"#, json::Seconds(circuit.open_for))?;
        }
        f.write_str("]}")
    }
}
