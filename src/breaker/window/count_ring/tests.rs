use super::*;

#[test]
fn a_place_can_be_marked_again_after_it_was_cleared() {
    let marks = CountRing::new(2);
    for _ in 0..3 {
        assert_eq!(marks.record(0, true).map(|(_, marked)| marked), Some(1));
        marks.record(0, false);
        assert_eq!(marks.record(0, false), Some((2, 0)));
        assert_eq!(marks.record(0, true), Some((2, 1)), "the other place");
        marks.record(0, false);
        assert_eq!(marks.record(0, false), Some((2, 0)));
    }
}

#[test]
fn only_a_full_window_without_marks_ignores_successes() {
    let marks = CountRing::new(2);
    for (mark, quiet) in [(false, false), (false, true), (true, false), (false, false), (false, true)] {
        marks.record(1, mark);
        assert_eq!(marks.ignores_success(1), quiet);
    }
    assert!(!marks.ignores_success(0) && !marks.ignores_success(2));
}
