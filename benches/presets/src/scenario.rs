//! A scenario: the traffic and the fault.

use std::{fmt, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    pub fault: Fault,
    /// How long the fault lasts.
    pub lasts: Duration,
    /// Calls per second of all clients together.
    pub rate: f64,
    /// The number of clients. Each has its own stack, with its own circuit and budget.
    pub clients: usize,
    pub calls: Calls,
    /// Whether the clients start just before the fault, without deposits in their budgets.
    pub is_cold: bool,
}

/// What happens to the upstream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// It refuses every call after 1 ms, and breaks calls in flight.
    Refuses,
    /// It never answers calls that arrive during the fault or are in flight when it begins.
    Hangs,
    /// It answers this share of the calls with 503, after 10 ms.
    Fails(f64),
    /// It answers calls above this share of the demand with 429.
    LimitsRate(f64),
    /// It is a pool: a queue and 8 workers that can answer 800 calls per second. All workers hang.
    PoolHangs,
    /// It is the same pool, and receives 1,200 calls per second.
    Surge,
}

/// The kind of calls that the clients make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Answered after 10 ms.
    Short,
    /// Headers after 10 ms, and a body that takes 1 to 5 s. A call whose body breaks off is lost.
    /// The breaker classifies the headers.
    Streams,
    /// Answered after 1 to 5 s. The breaker classifies the call as late as one that waits for the
    /// end of the body.
    Long,
}

/// The shortest and the longest time of a stream's body, and of a long call, in seconds.
pub const LONG: (f64, f64) = (1.0, 5.0);

/// The demand of [`Fault::Surge`], in calls per second.
pub const SURGE: f64 = 1_200.0;

impl Scenario {
    pub const fn new(fault: Fault, lasts: Duration, rate: f64, clients: usize) -> Self {
        Self { fault, lasts, rate, clients, calls: Calls::Short, is_cold: false }
    }

    /// The time of healthy traffic before the fault. It fills budgets and windows.
    pub fn warm_up(&self) -> Duration {
        if self.is_cold {
            return Duration::from_millis(200);
        }
        // A bucket of 100 tokens is full after 500 calls of its client; the longest window is 10 s.
        let bucket = 450.0 * self.clients as f64 / self.rate;
        Duration::from_secs_f64(bucket.clamp(11.0, 60.0))
    }

    /// A run ends when no call was lost for this time after the fault's end.
    pub fn quiet(&self) -> Duration {
        let calls = (20 * self.clients).max(100);
        Duration::from_secs_f64((calls as f64 / self.rate).max(5.0))
    }

    /// The longest observed time after the fault's end.
    pub const LONGEST_AFTER: Duration = Duration::from_secs(60);

    /// Limits of an attempt and of a whole request.
    pub fn limits(&self) -> (Duration, Duration) {
        let seconds = Duration::from_secs;
        if self.calls == Calls::Long { (seconds(8), seconds(16)) } else { (seconds(1), seconds(2)) }
    }

    /// Whether no call can succeed while the fault lasts.
    pub fn is_dead(&self) -> bool {
        matches!(self.fault, Fault::Refuses | Fault::Hangs) || self.fault == Fault::Fails(1.0)
    }

    /// Whether the upstream's capacity is limited, so that retries can keep it down.
    pub fn is_overload(&self) -> bool {
        matches!(self.fault, Fault::PoolHangs | Fault::Surge)
    }

    /// The approximate number of calls of one run.
    pub fn size(&self) -> f64 {
        self.rate * (self.warm_up() + self.lasts + self.quiet()).as_secs_f64()
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calls {
            Calls::Short => {}
            Calls::Streams => write!(f, "streams, ")?,
            Calls::Long => write!(f, "long calls, ")?,
        }
        match self.fault {
            Fault::Refuses => write!(f, "refuses")?,
            Fault::Hangs => write!(f, "hangs")?,
            Fault::Fails(share) => write!(f, "{:.0} % fail", share * 100.0)?,
            Fault::LimitsRate(share) => write!(f, "limits the rate to {:.0} %", share * 100.0)?,
            Fault::PoolHangs => write!(f, "pool hangs")?,
            Fault::Surge => write!(f, "surge of {SURGE}/s")?,
        }
        let start = if self.is_cold { ", cold start" } else { "" };
        write!(f, " for {:?}, {}/s from {}{start}", self.lasts, self.rate, self.clients)
    }
}
