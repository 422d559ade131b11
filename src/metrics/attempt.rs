//! The label of an attempt.

const LABELS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

/// The number of an attempt as a label. From 11 on it is `more`, so the number of series is
/// bounded.
pub fn attempt_label(number: u32) -> &'static str {
    let index = usize::try_from(number.max(1) - 1).unwrap_or(usize::MAX);
    LABELS.get(index).copied().unwrap_or("more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_after_the_tenth_share_a_label() {
        assert_eq!([0, 1, 10, 11, u32::MAX].map(attempt_label), ["1", "1", "10", "more", "more"]);
    }
}
