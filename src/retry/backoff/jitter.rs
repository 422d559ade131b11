use std::time::Duration;

use crate::Ratio;

/// How a delay is spread at random. The names and formulas are those of the AWS architecture blog, "Exponential Backoff And
/// Jitter" (2015), where v is the delay by the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// v.
    None,
    /// Anything from 0 to v. Spreads best.
    Full,
    /// Anything from v/2 to v: never comes back at once.
    Equal,
    /// Up to this share less or more: with a half, v × 0.5 to v × 1.5. At the cap, v is so much smaller that the whole spread
    /// fits under it: cut off there, half of all clients would come back at the same moment.
    Bounded(Ratio),
    /// Anything from the first delay to three times the previous one, whatever the curve says, up to the cap.
    Decorrelated,
}

impl Jitter {
    /// The largest v whose spread fits under the cap.
    pub(super) fn fitted(self, max: Duration) -> Duration {
        match self {
            Self::Bounded(share) => times(max, 1.0 / (1.0 + share.as_f64())),
            Self::None | Self::Full | Self::Equal | Self::Decorrelated => max,
        }
    }

    /// `random` is from 0 to 1; `first` computes the curve's first delay, `previous` is the delay before
    /// this one, jitter included.
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

fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
