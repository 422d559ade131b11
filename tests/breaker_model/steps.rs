//! The steps of a test case.

use proptest::{prelude::*, sample::Index, sample::select};
use tower_recourse::breaker::Mode;

use crate::any_settings::any_time;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Admit,
    /// Ends one of the running calls.
    End(Index, End),
    /// Makes this many calls, one after another.
    Calls(u8, End),
    Wait(Wait),
    Reset,
    Look,
    /// Drops the circuit and creates another with the same settings.
    Replace,
    ReportSuccess,
    Steer(Mode),
    /// Switches to other settings.
    Reconfigure(Index),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Success,
    Failure,
    /// A failure that requests a delay.
    FailureWithDelay(u64),
    /// The service asked for fewer calls. The flag is true if the service is known to have
    /// responded.
    Throttled(bool),
    Neutral,
    /// Rejected by an inner breaker.
    Rejected,
    CancelledCalls,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Nothing,
    OneMicrosecond,
    /// Until a call may be admitted.
    UntilAdmission,
    UntilJustBefore,
    /// For the duration of the first opening.
    OpenTime,
    Lease,
    /// For the time that consecutive failures must last before they open the circuit.
    Lasting,
    /// For the limit of the half-open time.
    Limit,
    HalfTheRamp,
    /// For the time after which a call is slow.
    SlowTime,
    /// Until the next slice begins.
    Slice,
    JustBeforeTheSlice,
    /// For the length of a time window.
    Window,
    SixtyDays,
}

/// Steps of a circuit in automatic mode.
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

/// Steps of a circuit in any mode, with changes of the mode.
pub(crate) fn any_step_or_mode() -> impl Strategy<Value = Step> {
    use Mode::{Auto, Disabled, ForcedClosed, ForcedOpen, MetricsOnly};
    let modes = vec![Auto, Auto, Auto, Auto, ForcedOpen, ForcedClosed, MetricsOnly, MetricsOnly, Disabled];
    prop_oneof![
        16 => any_step(),
        2 => select(modes).prop_map(Step::Steer),
        1 => Just(Step::ReportSuccess),
    ]
}

/// Steps with changes of the settings.
pub(crate) fn any_step_or_reconfigure() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_step_or_mode(),
        1 => any::<Index>().prop_map(Step::Reconfigure),
    ]
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Success),
        9 => Just(End::Failure),
        1 => any_time().prop_map(End::FailureWithDelay),
        2 => any::<bool>().prop_map(End::Throttled),
        2 => Just(End::Neutral),
        2 => Just(End::Rejected),
        2 => Just(End::CancelledCalls),
    ]
}

fn any_wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        1 => Just(Wait::Nothing),
        2 => Just(Wait::OneMicrosecond),
        5 => Just(Wait::UntilAdmission),
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
