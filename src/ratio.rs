//! A share of a whole.

use std::{cmp::Ordering, fmt};

use crate::InvalidConfig;

/// A share, from 0 (none) to 1 (all).
///
/// It is stored as a fraction of two integers, so comparisons are exact: 2 of 3 reach
/// `Ratio::new(2.0 / 3.0)`, and 3 of 5 reach `Ratio::new(0.6)`.
///
/// ```
/// use tower_recourse::Ratio;
///
/// assert_eq!(Ratio::new(0.5), Ratio::percent(50));
/// assert_eq!(Ratio::new(2.0 / 3.0), Ratio::of(2, 3));
/// assert!(Ratio::new(1.2).is_err());
/// assert!(Ratio::new(f64::NAN).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    // In lowest terms, so that equal shares have equal fields.
    part: u32,
    whole: u32,
}

impl Ratio {
    /// Half of the whole.
    pub const HALF: Self = Self { part: 1, whole: 2 };

    /// How far a number may be from its fraction. It is much larger than the rounding error of a
    /// few floating point operations, and much smaller than the distance between two fractions with
    /// denominators below 700,000.
    const TOLERANCE: f64 = 1e-12;

    /// The simplest fraction that is within 1e-12 of `value`. A value that was computed as `k / n`
    /// becomes exactly k of n.
    ///
    /// # Errors
    ///
    /// If `value` isn't within 0..=1.
    pub fn new(value: f64) -> Result<Self, InvalidConfig> {
        if !(0.0..=1.0).contains(&value) {
            return Err(InvalidConfig::new("ratio", value, "within 0..=1"));
        }
        Ok(Self::nearest(value))
    }

    /// A share of `value` percent.
    ///
    /// # Errors
    ///
    /// If `value` is over 100.
    pub fn percent(value: u32) -> Result<Self, InvalidConfig> {
        if value > 100 {
            return Err(InvalidConfig::new("percent", value, "within 0..=100"));
        }
        Ok(Self::reduced(value, 100))
    }

    /// `part` of `whole`, such as 2 of 3.
    ///
    /// # Errors
    ///
    /// If `whole` is 0, or `part` is more than `whole`.
    pub fn of(part: u32, whole: u32) -> Result<Self, InvalidConfig> {
        if whole == 0 {
            return Err(InvalidConfig::new("whole", whole, "at least 1"));
        }
        if part > whole {
            return Err(InvalidConfig::new("part", part, "at most the whole"));
        }
        Ok(Self::reduced(part, whole))
    }

    /// The share as a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.part) / f64::from(self.whole)
    }

    /// The smallest part of `whole` that reaches this share: at least 1.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn least_of(self, whole: u32) -> u32 {
        let part = (u64::from(self.part) * u64::from(whole)).div_ceil(u64::from(self.whole));
        // At most `whole`, because a ratio is at most 1.
        (part as u32).max(1)
    }

    /// The largest part of `whole` that doesn't exceed this share.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn most_of(self, whole: u64) -> u64 {
        (u128::from(self.part) * u128::from(whole) / u128::from(self.whole)) as u64
    }

    /// Whether `part` of `whole` reaches this share. 0 of 0 reaches no share, not even 0.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn is_reached_by(self, part: u32, whole: u32) -> bool {
        part > 0 && u64::from(part) * u64::from(self.whole) >= u64::from(self.part) * u64::from(whole)
    }

    fn reduced(part: u32, whole: u32) -> Self {
        let (mut divisor, mut rest) = (whole, part);
        while rest > 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Self { part: part / divisor, whole: whole / divisor }
    }

    /// The first convergent of `value`'s continued fraction that is within the tolerance, or the
    /// last one whose terms fit into 32 bits.
    fn nearest(value: f64) -> Self {
        let (mut before, mut last) = ((1_u64, 0_u64), (0_u64, 1_u64));
        let mut rest = value;
        while (last.0 as f64 / last.1 as f64 - value).abs() > Self::TOLERANCE {
            rest = rest.recip();
            let digit = rest.floor();
            rest -= digit;
            // A digit beyond the largest denominator can't be used, so saturation does no harm.
            let digit = digit as u64;
            let next = (
                digit.saturating_mul(last.0).saturating_add(before.0),
                digit.saturating_mul(last.1).saturating_add(before.1),
            );
            if next.1 > u64::from(u32::MAX) {
                break;
            }
            (before, last) = (last, next);
        }
        // A share above 0 stays above 0.
        match last {
            (0, _) if value > 0.0 => Self { part: 1, whole: u32::MAX },
            (part, whole) => Self::reduced(part as u32, whole as u32),
        }
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = u64::from(self.part) * u64::from(other.whole);
        mine.cmp(&(u64::from(other.part) * u64::from(self.whole)))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In percent, such as `20 %`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.part) * 100.0 / f64::from(self.whole))
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
    fn the_least_part_reaches_the_share_and_one_less_does_not() {
        for (share, whole, least) in
            [(0.5, 100, 50), (0.5, 3, 2), (0.334, 3, 2), (1.0, 7, 7), (0.0, 5, 1), (0.01, 4_096, 41)]
        {
            let ratio = Ratio::new(share).unwrap();
            assert_eq!(ratio.least_of(whole), least, "{share} of {whole}");
            assert!(ratio.is_reached_by(least, whole) && !ratio.is_reached_by(least - 1, whole), "{share} of {whole}");
        }
    }

    #[test]
    fn fractions_up_to_200_reach_their_thresholds() {
        for n in 1..=200_u32 {
            for k in 0..=n {
                let ratio = Ratio::new(f64::from(k) / f64::from(n)).unwrap();
                assert_eq!(ratio, Ratio::of(k, n).unwrap(), "{k} of {n}");
                assert_eq!(ratio.least_of(n), k.max(1), "{k} of {n}");
                assert!(k == 0 || ratio.is_reached_by(k, n) && ratio.is_reached_by(7 * k, 7 * n), "{k} of {n}");
                assert!(k == 0 || !ratio.is_reached_by(k - 1, n), "{k} of {n}");
            }
        }
    }

    #[test]
    fn fractions_of_large_windows_are_exact() {
        for n in [999, 1_000, 4_095, 4_096, 10_007, 100_003, 600_011] {
            for k in (1..=n).step_by(n as usize / 97) {
                let ratio = Ratio::new(f64::from(k) / f64::from(n)).unwrap();
                assert_eq!(ratio, Ratio::of(k, n).unwrap(), "{k} of {n}");
            }
        }
    }

    #[test]
    fn a_computed_share_is_the_intended_fraction() {
        for (value, part, whole) in
            [(0.1 + 0.2, 3, 10), (1.0 - 0.9, 1, 10), (0.1 * 3.0, 3, 10), (1.0 / 49.0 * 49.0, 1, 1)]
        {
            assert_eq!(Ratio::new(value), Ratio::of(part, whole), "{value}");
        }
        for value in [0.123_456_789, 1e-9, 1.0 - 1e-9, std::f64::consts::FRAC_1_SQRT_2] {
            assert!((Ratio::new(value).unwrap().as_f64() - value).abs() < 1e-12, "{value}");
        }
        for tiny in [1e-10, 1e-13, f64::MIN_POSITIVE] {
            assert!(Ratio::new(tiny).unwrap() > Ratio::of(0, 1).unwrap(), "{tiny}");
        }
    }

    #[test]
    fn shares_are_ordered_by_size() {
        let shares =
            [(0, 1), (1, 3), (1, 2), (2, 3), (665_857, 665_858), (1, 1)].map(|(k, n)| Ratio::of(k, n).unwrap());
        assert!(shares.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_share_of_nothing_or_above_one_is_invalid() {
        assert_eq!(Ratio::of(1, 0).unwrap_err().to_string(), "`whole` is 0, but must be at least 1");
        assert_eq!(Ratio::of(4, 3).unwrap_err().to_string(), "`part` is 4, but must be at most the whole");
        assert_eq!(Ratio::of(2, 4), Ok(Ratio::HALF));
    }
}
