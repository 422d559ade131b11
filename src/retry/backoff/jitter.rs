//! How a delay is spread at random.

use std::{fmt, time::Duration};

use crate::Ratio;

/// How a delay is spread at random. Below, v is the delay of the curve. The names and formulas are
/// those of the AWS architecture blog, "Exponential Backoff And Jitter" (2015), except
/// [`Bounded`](Self::Bounded).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// Exactly v.
    None,
    /// From 0 to v. It spreads the clients best.
    Full,
    /// From v/2 to v. No client returns at once.
    Equal,
    /// Up to this share less or more: with a half, from v × 0.5 to v × 1.5. At the maximum, v is
    /// reduced so that the whole range fits below it. If the range were cut off at the maximum,
    /// half of all clients would return at the same moment.
    Bounded(Ratio),
    /// From the first delay to three times the previous one, up to the maximum. Only the curve's
    /// first delay has an effect.
    Decorrelated,
}

impl Jitter {
    /// The largest v whose range fits below the maximum.
    pub(super) fn fitted(self, max: Duration) -> Duration {
        match self {
            Self::Bounded(share) => times(max, 1.0 / (1.0 + share.as_f64())),
            Self::None | Self::Full | Self::Equal | Self::Decorrelated => max,
        }
    }

    /// Spreads the curve's delay `plain`. `random` is from 0 to 1. `first` computes the curve's
    /// first delay. `previous` is the delay before this one, jitter included.
    pub(super) fn spread(
        self,
        plain: Duration,
        first: impl FnOnce() -> Duration,
        previous: Option<Duration>,
        random: f64,
    ) -> Duration {
        match self {
            Self::None => plain,
            Self::Full => times(plain, random),
            Self::Equal => times(plain, 0.5 + random / 2.0),
            Self::Bounded(share) => times(plain, 1.0 + share.as_f64() * (2.0 * random - 1.0)),
            Self::Decorrelated => {
                let first = first();
                let longest = previous.unwrap_or(first).saturating_mul(3).max(first);
                first.saturating_add(times(longest - first, random))
            }
        }
    }
}

/// Such as `full jitter`, or `jitter ±50 %`.
impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no jitter"),
            Self::Full => f.write_str("full jitter"),
            Self::Equal => f.write_str("equal jitter"),
            Self::Bounded(share) => write!(f, "jitter ±{share}"),
            Self::Decorrelated => f.write_str("decorrelated jitter"),
        }
    }
}

fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
