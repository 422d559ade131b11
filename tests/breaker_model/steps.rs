//! What can be done to a circuit.

use proptest::{prelude::*, sample::Index, sample::select};
use tower_recourse::breaker::Mode;

use crate::any_settings::any_time;

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
    ReportSuccess,
    Steer(Mode),
    /// Goes on by one of the other settings.
    Reconfigure(Index),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Success,
    Failure,
    /// A failure that asks for a delay.
    Asks(u64),
    /// The service asked for fewer calls; whether it is known that it answered.
    Throttled(bool),
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
    /// For as long as a row of failures must last.
    Lasting,
    /// The time that it may be half-open.
    Limit,
    HalfTheRamp,
    /// As long as a call may take before it is slow.
    SlowTime,
    /// Until the next slice of time begins.
    Slice,
    JustBeforeTheSlice,
    /// A window of time.
    Window,
    SixtyDays,
}

/// What may happen to a circuit that nobody steers.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Admit),
        8 => (any::<Index>(), any_end()).prop_map(|(which, end)| Step::End(which, end)),
        4 => (1..=6_u8, any_end()).prop_map(|(calls, end)| Step::Calls(calls, end)),
        1 => (30..=75_u8, any_end()).prop_map(|(calls, end)| Step::Calls(calls, end)),
        10 => any_wait().prop_map(Step::Wait),
        1 => Just(Step::Reset),
        1 => Just(Step::Look),
        1 => Just(Step::Replace),
    ]
}

/// And to one that somebody does.
pub(crate) fn any_step_or_steering() -> impl Strategy<Value = Step> {
    use Mode::{Auto, Disabled, ForcedClosed, ForcedOpen, MetricsOnly};
    let modes = vec![Auto, Auto, Auto, Auto, ForcedOpen, ForcedClosed, MetricsOnly, MetricsOnly, Disabled];
    prop_oneof![
        16 => any_step(),
        2 => select(modes).prop_map(Step::Steer),
        1 => Just(Step::ReportSuccess),
    ]
}

/// And to one whose settings are exchanged while it runs.
pub(crate) fn any_step_or_exchange() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_step_or_steering(),
        1 => any::<Index>().prop_map(Step::Reconfigure),
    ]
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Success),
        9 => Just(End::Failure),
        1 => any_time().prop_map(End::Asks),
        2 => any::<bool>().prop_map(End::Throttled),
        2 => Just(End::Neutral),
        2 => Just(End::Rejected),
        2 => Just(End::Dropped),
    ]
}

fn any_wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        1 => Just(Wait::Nothing),
        2 => Just(Wait::OneMicrosecond),
        5 => Just(Wait::UntilItMoves),
        2 => Just(Wait::UntilJustBefore),
        2 => Just(Wait::OpenTime),
        2 => Just(Wait::Lease),
        2 => Just(Wait::Lasting),
        1 => Just(Wait::Limit),
        2 => Just(Wait::HalfTheRamp),
        2 => Just(Wait::SlowTime),
        2 => Just(Wait::Slice),
        1 => Just(Wait::JustBeforeTheSlice),
        1 => Just(Wait::Window),
        1 => Just(Wait::SixtyDays),
    ]
}
