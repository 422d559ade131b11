//! Cases that the public API can't reach, or not within the time of a test.

use super::{super::time_slot::tag, *};

/// Slots of one microsecond: a time is the number of its slot.
fn ring(count: u8) -> TimeRing {
    TimeRing::new(1, count)
}

/// The distance of two slots whose numbers have the same 33 bits.
const ROUND: u64 = TimeSlot::NUMBER_MASK + 1;

#[test]
fn counts_of_another_slot_with_the_same_tag_are_ignored() {
    for generation in 0..50 {
        for other in 0..50 {
            // The slot of `other` with the same tag as slot 0 of `generation`.
            let number = tag(slot_id(other, 0)) ^ tag(slot_id(generation, 0));
            assert_eq!(tag(slot_id(other, number)), tag(slot_id(generation, 0)));
            if other <= generation && (other, number) != (generation, 0) {
                let ring = ring(1);
                ring.record(other, number, 7, 7);
                ring.record(generation, 0, 1, 0);
                assert_eq!(ring.read(generation, 0), (1, 0), "{generation} after {other}");
            }
        }
    }
}

#[test]
fn a_slot_with_the_same_tag_is_empty_after_the_takeover() {
    for number in 0..20 {
        let (ring, later) = (ring(1), number + (1 << 16));
        assert_eq!(tag(slot_id(0, number)), tag(slot_id(0, later)));
        ring.record(0, number, 7, 7);
        assert_eq!(ring.record(0, later, 1, 0), Some((1, 0)), "{number}");
        assert_eq!(ring.record(0, later, 1, 1), Some((2, 1)), "{number}");
    }
}

/// The thread that took over the slot hasn't recorded its call yet.
#[test]
fn a_slot_without_calls_after_the_takeover_is_empty() {
    let ring = ring(1);
    ring.record(0, 5, 7, 7);
    ring.ring[0].slot_id.store(slot_id(0, 6), Ordering::Relaxed);
    assert_eq!(ring.read(0, 6), (0, 0));
    assert_eq!(ring.record(0, 6, 1, 0), Some((1, 0)));
}

#[test]
fn neighbouring_slots_have_different_tags() {
    for number in [0, 1, 77, 65_535, 65_536, ROUND - 2] {
        for generation in [0, 1, 65_535, u32::MAX >> 1] {
            let own = tag(slot_id(generation, number));
            (1..60).for_each(|later| assert_ne!(own, tag(slot_id(generation, number + later))));
            (1..60).for_each(|later| assert_ne!(own, tag(slot_id(generation.wrapping_add(later), number))));
        }
    }
}

#[test]
fn a_late_thread_takes_no_slot_over() {
    let ring = ring(4);
    ring.record(3, 100, 1, 1);
    for late in [96, 4, 0] {
        assert_eq!(ring.record(3, late, 1, 1), Some((0, 0)), "outside of its own window");
        assert_eq!(ring.record(2, late, 1, 1), None, "its generation is over");
    }
    assert_eq!(ring.read(3, 100), (1, 1));
    assert_eq!(ring.record(3, 100 + TimeSlot::MAX_LATENESS, 1, 0), Some((1, 0)));
    assert_eq!(ring.record(3, 100, 1, 1), Some((0, 0)), "the latest possible call");
    assert_eq!(ring.read(3, 100 + TimeSlot::MAX_LATENESS), (1, 0));
}

#[test]
fn windows_count_on_when_slot_numbers_wrap() {
    let ring = ring(10);
    for number in ROUND - 30..ROUND + 30 {
        let so_far = (number + 1 - (ROUND - 30)).min(10) as u32;
        assert_eq!(ring.record(1, number, 2, 1), Some((2 * so_far, so_far)), "{number}");
    }
}

#[test]
fn a_slot_is_taken_over_after_any_idle_time() {
    for power in 4..33 {
        for idle in [(1 << power) - 1, 1 << power, (1 << power) + 1, ROUND - TimeSlot::MAX_LATENESS - 1] {
            let ring = ring(1);
            ring.record(5, 9, 3, 3);
            assert_eq!(ring.record(5, 9 + idle, 1, 0), Some((1, 0)), "idle for {idle} slots");
        }
    }
}

/// A full slot keeps its share, and overflows neither into the other count nor into the tag.
#[test]
fn a_full_slot_stays_full() {
    let ring = ring(2);
    let full = TimeSlot::SUM_MASK as u32;
    ring.record(1, 6, full - 1, full / 2);
    assert_eq!(ring.record(1, 6, 1, 1), Some((full, full / 2 + 1)));
    assert_eq!(ring.record(1, 6, 1, 1), Some((full, full / 2 + 1)), "the next call is ignored");
    assert_eq!(ring.record(1, 7, 1, 0), Some((full + 1, full / 2 + 1)));
    assert_eq!(ring.record(1, 8, full, full), Some((full + 1, full)));
}

#[test]
fn windows_count_on_when_generations_wrap() {
    let last = u32::MAX >> 1;
    let ring = ring(3);
    for generation in [last / 2, last, 0, 1] {
        assert_eq!(ring.record(generation, 5, 1, 1), Some((1, 1)), "{generation}");
    }
    assert_eq!(ring.record(last, 5, 1, 1), None);
}

#[test]
fn a_ring_returns_its_kind() {
    assert_eq!(TimeRing::new(1_234, 60).kind(), WindowKind::Time { slot: 1_234, slots: 60 });
}

#[test]
fn a_window_includes_old_slots_and_slots_ahead() {
    let (window, now) = (ring(3), 1_000_000);
    let in_window = |number| window.in_window(slot_id(7, number), 7, now);
    assert!(in_window(now) && in_window(now - 2) && !in_window(now - 3));
    assert!(
        in_window(now + 1)
            && in_window(now + TimeSlot::MAX_LATENESS - 1)
            && !in_window(now + TimeSlot::MAX_LATENESS + 1)
    );
    assert!(!window.in_window(slot_id(6, now), 7, now) && !window.in_window(slot_id(8, now), 7, now));
    // The same where the numbers wrap.
    let in_window = |number| window.in_window(slot_id(7, number), 7, ROUND);
    assert!(in_window(ROUND) && in_window(ROUND - 2) && !in_window(ROUND - 3) && in_window(ROUND + 1));
}
