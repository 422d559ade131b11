//! Runs a sequence of calls, written as text, on a circuit with a manual clock.
//!
//! | step | meaning |
//! |---|---|
//! | `S` `F` `X` `D` | a call is admitted, and then succeeds, fails, is neutral, or is dropped |
//! | `s` | a call succeeds after 5 s |
//! | `R` | a call is rejected |
//! | `<` | a call is admitted and keeps running |
//! | `>S` `>F` `>X` `>D` | the running call that began first ends |
//! | `+3s` `+1ms` `+1ns` | the clock advances |
//! | `F*5` | five times |
//!
//! | result | meaning |
//! |---|---|
//! | `C 3/5`, `H 3/5` | closed or half-open, 3 failures among 5 calls |
//! | `H 0/4 slow 3` | three of the calls were slow |
//! | `C 2 in a row` | closed, with a rule that counts only consecutive failures |
//! | `O 3/5 for 5s` | open; the counts are those of the event that reported the opening |
//! | `O 3/3 for 5s` | also: opened by three consecutive failures; a failed probe is `1/1` |

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Circuit, State,
    breaker::{CircuitStats, Permit},
    observe::Event,
    time::ManualClock,
};

/// (name, steps, result). Each row continues where the row before stopped.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a str);

/// Plays the rows from a closed circuit on: once with every call counted, which takes another code
/// path, and once with the default counting. Returns the circuit of the second run.
pub(crate) fn play(config: BreakerConfig, rows: &[Row<'_>]) -> Played {
    for config in [config.clone().count_all_calls(), config.clone()] {
        let mut played = Played::new(config);
        for &row in rows {
            played.row(row);
        }
        if played.circuit.stats().total_admitted.is_none() {
            return played;
        }
    }
    unreachable!("the second circuit doesn't count its calls");
}

pub(crate) struct Played {
    pub(crate) circuit: Circuit,
    clock: ManualClock,
    under_way: Vec<Permit>,
    observed: Arc<Mutex<Observed>>,
}

/// What the observer received.
#[derive(Default)]
struct Observed {
    transitions: u64,
    /// The last opening.
    opened: String,
}

impl Played {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        let (clock, observed) = (ManualClock::new(), Arc::new(Mutex::new(Observed::default())));
        let recorder = Arc::clone(&observed);
        let config =
            config.clock(clock.clone()).observe(move |event: &Event<'_>| recorder.lock().unwrap().record(event));
        Self { circuit: Circuit::new(config), clock, under_way: Vec::new(), observed }
    }

    pub(crate) fn row(&mut self, (name, steps, then): Row<'_>) {
        self.steps(name, steps);
        assert_eq!(self.shows(), then, "{name}, after `{steps}`");
        self.is_accounted_for(name);
    }

    pub(crate) fn steps(&mut self, name: &str, steps: &str) {
        for step in steps.split_whitespace() {
            let (step, times) = step.split_once('*').unwrap_or((step, "1"));
            for _ in 0..times.parse().unwrap() {
                self.step(name, step);
            }
        }
    }

    fn step(&mut self, name: &str, step: &str) {
        if let Some(by) = step.strip_prefix('+') {
            self.clock.advance(duration(by));
        } else if let Some(ending) = step.strip_prefix('>') {
            end(self.under_way.remove(0), ending);
        } else {
            match (self.circuit.try_acquire(), step) {
                (Err(_), "R") => {}
                (Err(rejection), _) => panic!("{name}: `{step}` should have been admitted, but {rejection}"),
                (Ok(_), "R") => panic!("{name}: should have been rejected"),
                (Ok(permit), "<") => self.under_way.push(permit),
                (Ok(permit), "s") => {
                    self.clock.advance(Duration::from_secs(5));
                    permit.success();
                }
                (Ok(permit), _) => end(permit, step),
            }
        }
    }

    fn shows(&self) -> String {
        let CircuitStats { state, window, threshold, failures_in_a_row, .. } = self.circuit.stats();
        let slow = if window.slow > 0 { format!(" slow {}", window.slow) } else { String::new() };
        let of_calls = format!("{}/{}{slow}", window.failures, window.calls);
        match state {
            State::Closed if threshold.is_some() => format!("C {failures_in_a_row} in a row"),
            State::Closed => format!("C {of_calls}"),
            State::HalfOpen => format!("H {of_calls}"),
            State::Open => {
                // As in gobreaker, an opening begins a new generation, in which nothing has been
                // counted. So the event holds the counts that opened the circuit.
                assert_eq!(of_calls, "0/0", "an open circuit counts nothing");
                self.observed.lock().unwrap().opened.clone()
            }
        }
    }

    fn is_accounted_for(&self, name: &str) {
        let stats = self.circuit.stats();
        assert_eq!(
            stats.transitions,
            self.observed.lock().unwrap().transitions,
            "{name}: each transition is reported once"
        );
        if let (Some(admitted), Some(successes)) = (stats.total_admitted, stats.total_successes) {
            let ended = successes + stats.total_failures + stats.total_neutral + stats.total_dropped;
            assert_eq!(admitted, ended + self.under_way.len() as u64, "{name}: each admitted call ends once");
        }
    }
}

impl Observed {
    fn record(&mut self, event: &Event<'_>) {
        match *event {
            Event::CircuitOpened { open_for, calls, failures, slow, .. } => {
                let slow = if slow > 0 { format!(" slow {slow}") } else { String::new() };
                self.transitions += 1;
                self.opened = format!("O {failures}/{calls}{slow} for {open_for:?}");
            }
            Event::CircuitHalfOpened { .. } | Event::CircuitClosed { .. } => self.transitions += 1,
            _ => {}
        }
    }
}

fn end(permit: Permit, ending: &str) {
    match ending {
        "S" => permit.success(),
        "F" => permit.failure(),
        "X" => permit.neutral(),
        "D" => drop(permit),
        other => panic!("`{other}` isn't an ending"),
    }
}

fn duration(text: &str) -> Duration {
    let digits = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let count = text[..digits].parse().expect("a number");
    match &text[digits..] {
        "s" => Duration::from_secs(count),
        "ms" => Duration::from_millis(count),
        "ns" => Duration::from_nanos(count),
        unit => panic!("`{unit}` isn't a unit"),
    }
}
