//! Shows step by step what each breaker rule does while an upstream fails.
//!
//! ```sh
//! cargo run --example breaker_tour
//! ```
//!
//! The circuits use a manual clock, so the example takes no time.

use std::{cell::Cell, error::Error, time::Duration};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{AdaptiveThrottle, Mode, OpenDuration, Probes, TripRule, Window, WindowStats},
    observe::Event,
    time::ManualClock,
};

use Upstream::{Down, Flaky, Slow, Up};

fn main() -> Result<(), Box<dyn Error>> {
    println!("Each line shows a call and its result. `→` marks an event of the circuit.");
    consecutive()?;
    ratio_of_calls()?;
    ratio_of_time()?;
    slow()?;
    custom()?;
    throttle()?;
    growing_and_probes()?;
    ramp()?;
    until_reset()?;
    modes()
}

fn consecutive() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new("Opens after 3 failures in a row, for 30 s", TripRule::consecutive(3)?, |config| config);
    tour.upstream(Down).calls(2);
    tour.upstream(Up).calls(1);
    tour.note("a success resets the count");
    tour.upstream(Down).calls(5);
    tour.wait(30).calls(1);
    tour.note("the probe failed: the circuit opens again after one failure");
    tour.wait(30).upstream(Up).calls(2);
    Ok(())
}

fn ratio_of_calls() -> Result<(), Box<dyn Error>> {
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(10)?.minimum(4)? };
    let tour = Tour::new("Opens if half of the last 10 calls failed, after at least 4 calls", rule, |config| config);
    tour.upstream(Up).calls(3);
    tour.upstream(Flaky).calls(10);
    tour.note("there were never two failures in a row, so a rule of failures in a row wouldn't open");
    Ok(())
}

fn ratio_of_time() -> Result<(), Box<dyn Error>> {
    let rule =
        TripRule::FailureRate { failing: Ratio::HALF, window: Window::time(Duration::from_secs(10))?.minimum(4)? };
    let tour =
        Tour::new("Opens if half of the calls of the last 10 s failed, after at least 4 calls", rule, |config| config);
    tour.upstream(Down).calls(3);
    tour.wait(11);
    tour.note("those three calls have left the window, so three more are too few");
    tour.calls(5);
    Ok(())
}

fn slow() -> Result<(), Box<dyn Error>> {
    let rule =
        TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share: Ratio::HALF, window: Window::count(4)? };
    let tour = Tour::new("Opens if half of the last 4 calls took longer than 1 s", rule, |config| config);
    tour.upstream(Up).calls(3);
    tour.upstream(Slow).calls(3);
    tour.note("every call succeeded, but too slowly");
    tour.wait(30).calls(1);
    tour.note("a slow probe counts like a failed one");
    Ok(())
}

fn custom() -> Result<(), Box<dyn Error>> {
    let both = |in_a_row: u32, window: &WindowStats| in_a_row >= 2 && window.failure_rate() >= Some(0.4);
    let rule = TripRule::custom(Window::count(10)?.minimum(1)?, both);
    let tour = Tour::new("A custom rule: 2 failures in a row, and 40 % of the last 10 calls", rule, |config| config);
    tour.upstream(Up).calls(4);
    tour.upstream(Down).calls(2);
    tour.note("two failures in a row, but only a third of the calls");
    tour.calls(2);
    Ok(())
}

fn throttle() -> Result<(), Box<dyn Error>> {
    let rule = TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE);
    let tour =
        Tour::new("Throttles: rejects a random share of the calls, and never opens", rule, |config| config.seed(1));
    for accepted in [100, 60, 20, 0, 100] {
        let admitted = (0..1_000)
            .filter_map(|call| Some((call, tour.circuit.try_acquire().ok()?)))
            .map(|(call, permit)| {
                permit.end(if call % 100 < accepted { Verdict::Success } else { Verdict::transient() })
            })
            .count();
        println!("  the upstream accepts {accepted:>3} % of the calls: {admitted:>4} of 1000 are admitted");
        // Longer than the window of two minutes, so that the next round begins with an empty one.
        tour.clock.advance(Duration::from_secs(150));
    }
    tour.note("it rejects calls if the upstream accepts less than half; it still admits some, to detect a recovery");
    Ok(())
}

fn growing_and_probes() -> Result<(), Box<dyn Error>> {
    let (open_for, probes) = (OpenDuration::exponential(Duration::from_secs(1)), Probes::successes(2)?);
    let tour = Tour::new(
        "Stays open for 1 s, 2 s, 4 s …; closes after two successful probes",
        TripRule::consecutive(1)?,
        |config| config.open_for(open_for).probes(probes),
    );
    tour.upstream(Down).calls(1);
    tour.wait(1).calls(1);
    tour.wait(2).upstream(Up).calls(1);
    tour.note("one successful probe isn't enough, and the next one fails");
    tour.upstream(Down).calls(1);
    tour.wait(4).upstream(Up).calls(2);
    Ok(())
}

fn ramp() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new(
        "After closing, admits a share of the calls that grows over 10 s",
        TripRule::consecutive(1)?,
        |config| config.slow_start(Duration::from_secs(10)).seed(1),
    );
    tour.upstream(Down).calls(1);
    tour.wait(30).upstream(Up).calls(1);
    for (wait, second) in [(1, 1), (4, 5), (4, 9), (1, 10)] {
        tour.clock.advance(Duration::from_secs(wait));
        let admitted =
            (0..1_000).filter_map(|_| tour.circuit.try_acquire().ok()).map(|permit| permit.success()).count();
        println!("  after {second:>2} s {admitted:>4} of 1000 calls are admitted");
    }
    Ok(())
}

fn until_reset() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new("Stays open until it is reset", TripRule::consecutive(1)?, |config| {
        config.open_for(OpenDuration::until_reset())
    });
    tour.upstream(Down).calls(1);
    tour.wait(60 * 60 * 24).upstream(Up).calls(1);
    tour.note("an operator calls `reset`");
    tour.circuit.reset();
    tour.calls(1);
    Ok(())
}

fn modes() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new(
        "Modes that override the rule, which opens after 2 failures in a row",
        TripRule::consecutive(2)?,
        |config| config,
    );
    tour.upstream(Down);
    for mode in [Mode::MetricsOnly, Mode::ForcedOpen, Mode::Disabled, Mode::Auto] {
        tour.circuit.set_mode(mode);
        tour.calls(2);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Upstream {
    Up,
    Down,
    /// Every second call fails.
    Flaky,
    /// Every call succeeds after 2 s.
    Slow,
}

struct Tour {
    circuit: Circuit,
    clock: ManualClock,
    upstream: Cell<Upstream>,
    calls: Cell<u32>,
}

impl Tour {
    fn new(title: &str, rule: TripRule, settings: impl FnOnce(BreakerConfig) -> BreakerConfig) -> Self {
        println!("\n# {title}");
        let clock = ManualClock::new();
        let config = BreakerConfig::default().without_observers().open_when(rule);
        let config = config.open_for(OpenDuration::fixed(Duration::from_secs(30))).probes(Probes::one());
        let config = config.clock(clock.clone()).observe(print_event);
        Self { circuit: Circuit::new(settings(config)), clock, upstream: Cell::new(Up), calls: Cell::new(0) }
    }

    fn upstream(&self, upstream: Upstream) -> &Self {
        self.upstream.set(upstream);
        let is = ["is up", "is down", "fails every second call", "takes 2 s for each call"][upstream as usize];
        println!("  -- the upstream {is}");
        self
    }

    fn calls(&self, calls: u32) {
        for _ in 0..calls {
            self.calls.set(self.calls.get() + 1);
            print!("  call {:>2}  ", self.calls.get());
            let before = self.circuit.state();
            match self.circuit.try_acquire() {
                Err(rejection) => println!("rejected: {rejection}"),
                Ok(permit) => {
                    self.answer(if before == State::HalfOpen { "admitted as a probe" } else { "admitted" }, permit)
                }
            }
        }
    }

    fn answer(&self, admitted: &str, permit: tower_recourse::breaker::Permit) {
        let fails = match self.upstream.get() {
            Up | Slow => false,
            Down => true,
            Flaky => self.calls.get() % 2 == 0,
        };
        if self.upstream.get() == Slow {
            self.clock.advance(Duration::from_secs(2));
        }
        println!("{admitted}, {}", if fails { "failed" } else { "succeeded" });
        permit.end(if fails { Verdict::transient() } else { Verdict::Success });
    }

    fn wait(&self, seconds: u64) -> &Self {
        println!("  -- {seconds} s later");
        self.clock.advance(Duration::from_secs(seconds));
        // Reading the state makes the circuit half-open now; otherwise the next call would.
        self.circuit.state();
        self
    }

    fn note(&self, text: &str) {
        println!("           ({text})");
    }
}

fn print_event(event: &Event<'_>) {
    match event {
        Event::CircuitOpened { open_for: Duration::MAX, .. } => {
            println!("           → open until it is reset or its mode changes")
        }
        Event::CircuitOpened { open_for, failures_in_a_row, calls, failures, slow, .. } => {
            let of = format!("{failures} of {calls} failed, {slow} were slow");
            let seen = if *calls == 0 { format!("{failures_in_a_row} failed in a row") } else { of };
            println!("           → open for {open_for:?}: {seen}");
        }
        Event::CircuitHalfOpened { .. } => println!("           → half-open: the next call is a probe"),
        Event::CircuitClosed { .. } => println!("           → closed"),
        Event::CircuitWouldOpen { failures_in_a_row, .. } => {
            println!("           → would have opened: {failures_in_a_row} failed in a row");
        }
        Event::CircuitModeChanged { mode, .. } => println!("  -- mode: {mode}"),
        _ => {}
    }
}
