//! A share of a whole.

use std::fmt;

use crate::Invalid;

/// A share, from 0 (none) to 1 (all), held in millionths, so that 0.6 is 0.6 and comparisons are exact.
///
/// ```
/// use tower_recourse::Ratio;
///
/// assert_eq!(Ratio::new(0.5), Ratio::percent(50));
/// assert!(Ratio::new(1.2).is_err());
/// assert!(Ratio::new(f64::NAN).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio {
    millionths: u32,
}

impl Ratio {
    const WHOLE: u32 = 1_000_000;

    /// Half of the whole.
    pub const HALF: Self = Self { millionths: Self::WHOLE / 2 };

    /// A share of `value`, rounded to the nearest millionth.
    ///
    /// # Errors
    ///
    /// If `value` isn't within 0..=1.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&value) {
            return Err(Invalid::new("ratio", value, "within 0..=1"));
        }
        Ok(Self { millionths: (value * f64::from(Self::WHOLE)).round() as u32 })
    }

    /// A share of `value` percent.
    ///
    /// # Errors
    ///
    /// If `value` is over 100.
    pub fn percent(value: u32) -> Result<Self, Invalid> {
        if value > 100 {
            return Err(Invalid::new("percent", value, "within 0..=100"));
        }
        Ok(Self { millionths: value * (Self::WHOLE / 100) })
    }

    /// The share as a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.millionths) / f64::from(Self::WHOLE)
    }

    /// The smallest part of `whole` that is this share or more.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn least_of(self, whole: u32) -> u32 {
        let part = (u64::from(self.millionths) * u64::from(whole)).div_ceil(u64::from(Self::WHOLE));
        // Never more than the whole.
        (part as u32).max(1)
    }

    /// Whether `part` of `whole` is this share or more. Nothing of nothing is no share at all.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn is_reached_by(self, part: u32, whole: u32) -> bool {
        part > 0 && u64::from(part) * u64::from(Self::WHOLE) >= u64::from(self.millionths) * u64::from(whole)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ratio({})", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_part_that_is_a_share_is_reached_and_one_less_is_not() {
        for (share, whole, least) in
            [(0.5, 100, 50), (0.5, 3, 2), (0.334, 3, 2), (1.0, 7, 7), (0.0, 5, 1), (0.01, 4_096, 41)]
        {
            let ratio = Ratio::new(share).unwrap();
            assert_eq!(ratio.least_of(whole), least, "{share} of {whole}");
            assert!(ratio.is_reached_by(least, whole) && !ratio.is_reached_by(least - 1, whole), "{share} of {whole}");
        }
    }
}
