//! The open time of a circuit as a log shows it.

use std::{fmt, time::Duration};

use crate::time::ShownTime;

/// How long a circuit stays open. Shows `until_reset` for a circuit that stays open until it is
/// reset, and `until_next_call` if the open time is over already.
#[derive(Clone, Copy)]
pub(super) struct ShownOpenTime(pub(super) Duration);

impl fmt::Debug for ShownOpenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::MAX => f.write_str("until_reset"),
            Duration::ZERO => f.write_str("until_next_call"),
            time => fmt::Debug::fmt(&ShownTime(time), f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_time_may_have_no_end() {
        assert_eq!(format!("{:?}", ShownOpenTime(Duration::MAX)), "until_reset");
        assert_eq!(format!("{:?}", ShownOpenTime(Duration::ZERO)), "until_next_call");
        assert_eq!(format!("{:?}", ShownOpenTime(Duration::from_secs(90))), "1m30s");
    }
}
