//! What each rule of the breaker does, step by step, against an upstream that fails: `cargo run --example breaker_tour`.
//!
//! The circuits go by a manual clock, so that it takes no time.

use std::{error::Error, time::Duration};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, Verdict,
    breaker::{Mode, OpenFor, OpenRule, Probes, Throttle, Window, WindowStats},
    observe::Event,
    time::ManualClock,
};

fn main() -> Result<(), Box<dyn Error>> {
    consecutive()?;
    ratio_of_calls()?;
    ratio_of_time()?;
    slow()?;
    custom()?;
    throttle()?;
    growing_and_probes()?;
    until_reset()?;
    modes()?;
    Ok(())
}

fn consecutive() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new("3 failures in a row", OpenRule::consecutive(3)?, |config| config);
    tour.calls("FFSFFF");
    tour.calls("S");
    tour.wait(30);
    tour.calls("S");
    Ok(())
}

fn ratio_of_calls() -> Result<(), Box<dyn Error>> {
    let window = Window::count(10)?.minimum(4)?;
    let tour = Tour::new(
        "half of the last 10 calls, at least 4",
        OpenRule::Ratio { failing: Ratio::HALF, window },
        |config| config,
    );
    tour.calls("FF");
    println!("     two of two: too few to say anything");
    tour.calls("SSSSSSFFF");
    Ok(())
}

fn ratio_of_time() -> Result<(), Box<dyn Error>> {
    let window = Window::time(Duration::from_secs(10))?.minimum(4)?;
    let tour =
        Tour::new("half of the last 10 s, at least 4", OpenRule::Ratio { failing: Ratio::HALF, window }, |config| {
            config
        });
    tour.calls("FF");
    tour.wait(11);
    println!("     the failures have left the window");
    tour.calls("FFSF");
    Ok(())
}

fn slow() -> Result<(), Box<dyn Error>> {
    let rule = OpenRule::Slow { longer_than: Duration::from_secs(1), share: Ratio::HALF, window: Window::count(4)? };
    let tour = Tour::new("half of the last 4 calls slower than 1 s (s: a success after 2 s)", rule, |config| config);
    tour.calls("SsSs");
    Ok(())
}

fn custom() -> Result<(), Box<dyn Error>> {
    let two_and_a_fifth = |in_a_row: u32, window: &WindowStats| in_a_row >= 2 && window.failure_rate() > Some(0.2);
    let rule = OpenRule::custom(Window::count(10)?, two_and_a_fifth);
    let tour = Tour::new("a rule of one's own: 2 in a row, and over 20 % of the last 10", rule, |config| config);
    tour.calls("SSSSSSSSFF");
    tour.calls("F");
    Ok(())
}

fn throttle() -> Result<(), Box<dyn Error>> {
    let tour =
        Tour::new("throttling: reject as much as isn't accepted", OpenRule::Throttle(Throttle::GOOGLE), |config| {
            config.seed(1)
        });
    for (accepted, name) in [(100, "all"), (50, "half"), (20, "a fifth"), (0, "none")] {
        let mut admitted = 0;
        for call in 0..1_000 {
            if let Ok(permit) = tour.circuit.admit() {
                admitted += 1;
                permit.end(if call % 100 < accepted { Verdict::Success } else { Verdict::transient() });
            }
        }
        println!("     the upstream accepts {name} of 1000 calls: {admitted} are admitted");
        tour.clock.advance(Duration::from_secs(150));
    }
    Ok(())
}

fn growing_and_probes() -> Result<(), Box<dyn Error>> {
    let probes = Probes::successes(2)?;
    let tour = Tour::new("open for 1 s, 2 s, 4 s …; two probes must succeed", OpenRule::consecutive(1)?, |config| {
        config.open_for(OpenFor::growing(Duration::from_secs(1))).probes(probes)
    });
    tour.calls("F");
    tour.wait(1);
    tour.calls("F");
    tour.wait(2);
    tour.calls("SF");
    tour.wait(4);
    tour.calls("SS");
    Ok(())
}

fn until_reset() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new("open until somebody resets it", OpenRule::consecutive(1)?, |config| {
        config.open_for(OpenFor::until_reset())
    });
    tour.calls("F");
    tour.wait(60 * 60 * 24);
    tour.calls("S");
    tour.circuit.reset();
    tour.calls("S");
    Ok(())
}

fn modes() -> Result<(), Box<dyn Error>> {
    let tour = Tour::new("steered from outside", OpenRule::consecutive(2)?, |config| config);
    for mode in [Mode::MetricsOnly, Mode::ForcedOpen, Mode::Disabled, Mode::Auto] {
        tour.circuit.set_mode(mode);
        tour.calls("FF");
    }
    Ok(())
}

struct Tour {
    circuit: Circuit,
    clock: ManualClock,
}

impl Tour {
    fn new(title: &str, rule: OpenRule, settings: impl FnOnce(BreakerConfig) -> BreakerConfig) -> Self {
        println!("\n{title}");
        let clock = ManualClock::new();
        let config = BreakerConfig::default().unobserved().open_when(rule).clock(clock.clone()).observe(tell);
        Self { circuit: Circuit::new(settings(config)), clock }
    }

    /// S succeeds, F fails, s succeeds after 2 s.
    fn calls(&self, calls: &str) {
        for call in calls.chars() {
            match self.circuit.admit() {
                Err(rejection) => println!("  {call}  rejected: {rejection}"),
                Ok(permit) => {
                    if call == 's' {
                        self.clock.advance(Duration::from_secs(2));
                    }
                    println!("  {call}  admitted");
                    permit.end(if call == 'F' { Verdict::transient() } else { Verdict::Success });
                }
            }
        }
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        println!("     … {seconds} s later: {}", self.circuit.state());
    }
}

fn tell(event: &Event<'_>) {
    match event {
        Event::CircuitOpened { open_for, calls, failures, slow, .. } if *open_for < Duration::MAX => {
            let seen =
                if *calls == 0 { String::new() } else { format!(" ({failures} failed and {slow} slow, of {calls})") };
            println!("     → open for {open_for:?}{seen}");
        }
        Event::CircuitOpened { .. } => println!("     → open until it is reset"),
        Event::CircuitHalfOpened { .. } => println!("     → half-open"),
        Event::CircuitClosed { .. } => println!("     → closed"),
        Event::CircuitWouldOpen { .. } => println!("     → would have opened"),
        Event::CircuitSteered { mode, .. } => println!("     mode: {mode}"),
        _ => {}
    }
}
