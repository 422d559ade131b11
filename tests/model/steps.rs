//! What can be done to a circuit.

use proptest::{prelude::*, sample::Index};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Admit,
    /// Ends one of the calls on their way.
    End(Index, End),
    /// So many calls, each over before the next.
    Calls(u8, End),
    Wait(Wait),
    Reset,
    Look,
    /// Drops the circuit, and makes another with the same settings.
    Replace,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Success,
    Failure,
    Neutral,
    /// By another breaker further in.
    Rejected,
    Dropped,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Nothing,
    OneMicrosecond,
    /// Until a call may be admitted.
    UntilItMoves,
    UntilJustBefore,
    /// The first opening's time.
    OpenTime,
    Lease,
    /// As long as a call may take before it is slow.
    SlowTime,
    SixtyDays,
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Admit),
        8 => (any::<Index>(), any_end()).prop_map(|(which, end)| Step::End(which, end)),
        4 => (1..=6_u8, any_end()).prop_map(|(calls, end)| Step::Calls(calls, end)),
        1 => (30..=75_u8, any_end()).prop_map(|(calls, end)| Step::Calls(calls, end)),
        8 => any_wait().prop_map(Step::Wait),
        1 => Just(Step::Reset),
        1 => Just(Step::Look),
        1 => Just(Step::Replace),
    ]
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Success),
        5 => Just(End::Failure),
        1 => Just(End::Neutral),
        1 => Just(End::Rejected),
        1 => Just(End::Dropped),
    ]
}

fn any_wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        1 => Just(Wait::Nothing),
        2 => Just(Wait::OneMicrosecond),
        4 => Just(Wait::UntilItMoves),
        2 => Just(Wait::UntilJustBefore),
        2 => Just(Wait::OpenTime),
        2 => Just(Wait::Lease),
        2 => Just(Wait::SlowTime),
        1 => Just(Wait::SixtyDays),
    ]
}
