use std::{collections::HashSet, time::Duration};

use super::{Backoff, Jitter};
use crate::Ratio;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn first_delays(backoff: &Backoff, count: usize) -> Vec<Duration> {
    backoff.delays(0).take(count).collect()
}

/// The delay before the first retry, at this random number.
fn at(backoff: &Backoff, random: f64) -> Duration {
    backoff.delay(0, None, random)
}

#[test]
fn exponential_delays_double_up_to_the_longest() {
    let backoff = Backoff::exponential(ms(2)).max(ms(15)).jitter(Jitter::None);
    assert_eq!(first_delays(&backoff, 5), [ms(2), ms(4), ms(8), ms(15), ms(15)]);
}

#[test]
fn linear_delays_add_up_to_the_longest() {
    let backoff = Backoff::linear(ms(9), ms(30)).max(ms(99));
    assert_eq!(first_delays(&backoff, 5), [ms(9), ms(39), ms(69), ms(99), ms(99)]);
}

#[test]
fn a_doubling_delay_stops_at_the_maximum() {
    let backoff = Backoff::exponential(s(1)).max(s(300)).jitter(Jitter::None);
    for (attempt, delay) in [(8, s(256)), (9, s(300)), (63, s(300)), (128, s(300)), (u32::MAX, s(300))] {
        assert_eq!(backoff.delay(attempt, None, 0.0), delay, "retry {attempt}");
    }
}

#[test]
fn no_curve_overflows_at_any_retry() {
    let jitters = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Bounded(Ratio::HALF), Jitter::Decorrelated];
    let steepest = Backoff::exponential(Duration::MAX).factor(f64::MAX).unwrap();
    let curves = [
        Backoff::fixed(Duration::MAX),
        steepest,
        Backoff::linear(Duration::MAX, Duration::MAX),
        Backoff::schedule([s(1), Duration::MAX]).unwrap(),
    ];
    for (curve, jitter) in curves.iter().flat_map(|curve| jitters.map(|jitter| (curve, jitter))) {
        for retry in [0, 1, 63, 64, 1_023, 1_024, i32::MAX as u32, u32::MAX] {
            for (previous, random) in [(None, 0.0), (None, 1.0), (Some(Duration::MAX), 0.5), (Some(Duration::MAX), 1.0)]
            {
                let backoff = curve.clone().max(Duration::MAX).jitter(jitter);
                assert!(backoff.delay(retry, previous, random) <= Duration::MAX);
                let capped = backoff.max(s(7)).delay(retry, previous, random);
                assert!(capped <= s(7), "{curve:?} with {jitter:?} at retry {retry}: {capped:?}");
            }
        }
    }
}

/// Even if the factor to the power of the retry's number overflows to infinity: zero times infinity
/// is NaN.
#[test]
fn a_base_of_zero_stays_zero() {
    let backoff = Backoff::exponential(Duration::ZERO).jitter(Jitter::None);
    for retry in [0, 1, 1_023, 1_024, u32::MAX] {
        assert_eq!(backoff.delay(retry, None, 0.0), Duration::ZERO, "retry {retry}");
    }
}

#[test]
fn a_schedule_repeats_its_last_delay() {
    let backoff = Backoff::schedule([ms(10), ms(500), ms(100)]).unwrap();
    assert_eq!(first_delays(&backoff, 5), [ms(10), ms(500), ms(100), ms(100), ms(100)]);
    assert_eq!(backoff.delay(u32::MAX, None, 0.0), ms(100));
}

#[test]
fn bounded_jitter_spreads_a_fixed_delay() {
    let backoff = Backoff::fixed(s(1)).max(s(2)).jitter(Jitter::Bounded(Ratio::percent(25).unwrap()));
    for (random, delay) in [(0.0, ms(750)), (0.4, ms(950)), (0.6, ms(1_050)), (1.0, ms(1_250))] {
        assert_eq!(at(&backoff, random), delay, "random {random}");
    }
}

/// The delays that seatbelt 0.11 computes (row s17, see `tests/conformance/seatbelt_retry.rs`): the
/// third delay of a linear backoff of 1 s, with a jitter of 25 %.
#[test]
fn bounded_jitter_spreads_a_linear_delay() {
    let backoff = Backoff::linear(s(1), s(1)).jitter(Jitter::Bounded(Ratio::percent(25).unwrap()));
    for (random, delay) in [(0.0, 2_250), (0.4, 2_850), (0.6, 3_150), (1.0, 3_750)] {
        assert_eq!(backoff.delay(2, None, random), ms(delay), "s17, random {random}");
    }
}

/// A case of seatbelt 0.11 (row s18): a linear backoff of 10 s with a maximum of 1 s and 25 %
/// jitter, at random number 0.5. seatbelt applies the maximum after the jitter, so the three delays
/// are 1 s each, and so is every delay above the maximum. Here, the whole range fits below the
/// maximum, and the delay is in its middle, at 1 s / 1.25.
#[test]
fn bounded_jitter_reduces_a_delay_above_the_maximum() {
    let backoff = Backoff::linear(s(10), s(10)).max(s(1)).jitter(Jitter::Bounded(Ratio::percent(25).unwrap()));
    for retry in 0..3 {
        assert_eq!(backoff.delay(retry, None, 0.5), ms(800), "s18, retry {retry}");
        assert_eq!(backoff.delay(retry, None, 1.0), s(1), "s18, retry {retry}: never more than the cap");
    }
}

/// If the range were cut off at the maximum, half of all clients would return at the same moment.
#[test]
fn bounded_jitter_fits_its_range_below_the_maximum() {
    let backoff = Backoff::fixed(s(100)).max(s(60)).jitter(Jitter::Bounded(Ratio::HALF));
    for (random, delay) in [(0.0, s(20)), (0.25, s(30)), (0.5, s(40)), (0.75, s(50)), (1.0, s(60))] {
        assert_eq!(at(&backoff, random), delay, "random {random}");
    }
}

#[test]
fn full_jitter_spreads_from_zero_to_the_delay() {
    let backoff = Backoff::fixed(s(10)).jitter(Jitter::Full);
    for (random, delay) in [(0.0, s(0)), (0.5, s(5)), (1.0, s(10))] {
        assert_eq!(at(&backoff, random), delay, "random {random}");
    }
}

/// The formulas of the AWS architecture blog, v = min(cap, base · 2ⁿ), with a base of 1 s and a cap
/// of 10 s.
#[test]
fn delays_follow_the_formulas_of_aws() {
    let backoff = |jitter| Backoff::exponential(s(1)).max(s(10)).jitter(jitter);
    // (jitter, retry, previous) → from, to
    for (jitter, retry, previous, from, to) in [
        // U(0, v)
        (Jitter::Full, 0, None, s(0), s(1)),
        (Jitter::Full, 3, None, s(0), s(8)),
        (Jitter::Full, 4, None, s(0), s(10)),
        // v/2 + U(0, v/2)
        (Jitter::Equal, 0, None, ms(500), s(1)),
        (Jitter::Equal, 3, None, s(4), s(8)),
        (Jitter::Equal, 4, None, s(5), s(10)),
        // min(cap, U(base, 3 · previous)); in the blog, the first previous is the base
        (Jitter::Decorrelated, 0, None, s(1), s(3)),
        (Jitter::Decorrelated, 1, Some(s(1)), s(1), s(3)),
        (Jitter::Decorrelated, 2, Some(s(3)), s(1), s(9)),
        (Jitter::Decorrelated, 3, Some(s(9)), s(1), s(10)),
        // The number of the retry has no effect.
        (Jitter::Decorrelated, 30, Some(s(1)), s(1), s(3)),
    ] {
        let backoff = backoff(jitter);
        let name = format!("{jitter:?}, retry {retry} after {previous:?}");
        assert_eq!(backoff.delay(retry, previous, 0.0), from, "{name}, random 0");
        assert_eq!(backoff.delay(retry, previous, 1.0), to, "{name}, random 1");
    }
    assert_eq!(backoff(Jitter::Decorrelated).delay(2, Some(s(2)), 0.5), ms(3_500), "halfway from 1 s to 6 s");
}

/// Delays for 10,000 consecutive seeds, in 20 bins of equal width. With 19 degrees of freedom,
/// chi-square exceeds 43.8 in one of a thousand experiments. The seeds are fixed, so the test
/// always has the same result.
#[test]
fn jitter_is_spread_evenly_over_its_range() {
    const SEEDS: u64 = 10_000;
    const BINS: usize = 20;
    for (jitter, from, to) in [
        (Jitter::Full, s(0), s(10)),
        (Jitter::Equal, s(5), s(10)),
        (Jitter::Bounded(Ratio::HALF), s(5), s(15)),
        (Jitter::Decorrelated, s(10), s(30)),
    ] {
        let backoff = Backoff::fixed(s(10)).max(s(60)).jitter(jitter);
        for retry in [0, 5] {
            let mut bins = [0_u32; BINS];
            for seed in 0..SEEDS {
                // Without a previous delay, which would move the range of decorrelated jitter.
                let random = crate::random::unit(&mut crate::random::generator(seed, retry));
                let delay = backoff.delay(retry as u32, None, random);
                assert!((from..to).contains(&delay), "{jitter:?}: {delay:?}");
                bins[((delay - from).as_secs_f64() / (to - from).as_secs_f64() * BINS as f64) as usize] += 1;
            }
            let expected = SEEDS as f64 / BINS as f64;
            let chi_square: f64 = bins.iter().map(|&seen| (f64::from(seen) - expected).powi(2) / expected).sum();
            assert!(chi_square < 43.8, "{jitter:?}, retry {retry}: chi-square {chi_square} of {bins:?}");
        }
    }
}

#[test]
fn a_seed_determines_the_sequence() {
    for jitter in [Jitter::Full, Jitter::Equal, Jitter::Bounded(Ratio::HALF), Jitter::Decorrelated] {
        let backoff = Backoff::exponential(ms(50)).max(s(20)).jitter(jitter);
        let sequence = |seed| backoff.delays(seed).take(8).collect::<Vec<_>>();
        assert_eq!(sequence(7), sequence(7), "{jitter:?}");
        let different: HashSet<_> = (0..1_000).map(sequence).collect();
        assert_eq!(different.len(), 1_000, "{jitter:?}: each seed has a different sequence");
    }
}

/// Two clients with consecutive seeds must not wait equally long, at any of their retries.
#[test]
fn different_seeds_share_no_delay() {
    let backoff = Backoff::fixed(s(1_000)).jitter(Jitter::Full);
    let delays: HashSet<_> = (0..1_000).flat_map(|seed| backoff.delays(seed).take(8)).collect();
    assert_eq!(delays.len(), 8_000);
}

#[test]
fn jitter_never_exceeds_the_longest_delay() {
    for jitter in [Jitter::Full, Jitter::Equal, Jitter::Bounded(Ratio::percent(100).unwrap()), Jitter::Decorrelated] {
        let backoff = Backoff::exponential(s(1)).max(s(5)).jitter(jitter);
        let mut longest = Duration::ZERO;
        for seed in 0..100 {
            longest = backoff.delays(seed).take(50).fold(longest, Duration::max);
        }
        assert!(longest <= s(5), "{jitter:?}: {longest:?}");
        assert!(longest > s(4), "{jitter:?}: {longest:?} is far below the maximum");
    }
}
