//! Random settings of every kind.

use proptest::{option, prelude::*, sample::select};

use crate::settings::{Dropping, Growth, Over, Probing, Rules, SECOND, Settings, Span, Throttling};

const DAY: u64 = 24 * 3_600 * SECOND;

pub(crate) fn any_settings() -> impl Strategy<Value = Settings> {
    let opening = (any_time(), any_growth(), rarely(any_time()), rarely(any_time()));
    let coming_back = (any_probing(), any_recovery());
    let throttled_fail = prop_oneof![3 => Just(false), 1 => Just(true)];
    (any_rules(), (any_dropping(), throttled_fail), opening, coming_back, any::<bool>()).prop_map(
        |(mut rules, (dropped, throttled_fail), opening, (probes, way_back), count_all_calls)| {
            let (open_for, growth, longest, honor_retry_after) = opening;
            let (throttle, ramp) = match way_back {
                Recovery::AtOnce => (None, 0),
                Recovery::Ramp(ramp) => (None, ramp),
                Recovery::Throttled(throttle) => (Some(throttle), 0),
            };
            if (Rules { lasting: 0, ..rules.clone() }) == Rules::default() && throttle.is_none() {
                rules.consecutive = Some(2);
            }
            Settings {
                rules,
                throttle,
                dropped,
                throttled_fail,
                open_for,
                growth,
                longest,
                honor_retry_after,
                probes,
                ramp,
                count_all_calls,
            }
        },
    )
}

/// Slow start and throttle are never combined: both reject at random, and the model couldn't tell
/// which one rejected a call.
#[derive(Debug, Clone)]
enum Recovery {
    AtOnce,
    Ramp(u64),
    Throttled(Throttling),
}

fn any_recovery() -> impl Strategy<Value = Recovery> {
    let throttling = (select(vec![1_000, 1_500, 2_000, 4_000]), select(vec![10_000, 10 * SECOND, 120 * SECOND]));
    prop_oneof![
        4 => Just(Recovery::AtOnce),
        2 => any_time().prop_map(Recovery::Ramp),
        1 => throttling.prop_map(|(k, over)| Recovery::Throttled(Throttling { k, over })),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let share = || prop_oneof![4 => select(vec![0, 1, 250, 333, 500, 667, 1_000]), 1 => 0..=1_000_u32];
    let of_failures = (any_over(), option::of(share()), rarely((0..=3_u32, 1..=4_u32)));
    let slow = (any_time(), share(), any_over());
    let consecutive = option::of((1..=5_u32, prop_oneof![2 => Just(0), 1 => any_time()]));
    (consecutive, option::of(of_failures), option::of(slow)).prop_map(|(consecutive, of_failures, slow)| {
        let (consecutive, lasting) = consecutive.map_or((None, 0), |(failures, lasting)| (Some(failures), lasting));
        let (window, failing, custom) = match of_failures {
            Some((window, None, None)) => (Some(window), Some(500), None),
            Some((window, failing, custom)) => (Some(window), failing, custom),
            None => (None, None, None),
        };
        Rules { consecutive, lasting, window, failing, custom, slow }
    })
}

/// Windows of a few calls, and of 30 to 70 calls (a word of the circuit's ring holds 32). Time
/// windows whose slices divide the time evenly, and others.
fn any_over() -> impl Strategy<Value = Over> {
    let calls = prop_oneof![4 => 1..=6_u32, 1 => 30..=70_u32].prop_map(Span::Calls);
    let times = select(vec![10_000, 60_000, SECOND, 7_777_770, 60 * SECOND, DAY]);
    let time = (times, select(vec![1, 2, 3, 7, 10])).prop_map(|(time, slices)| Span::Time { time, slices });
    (prop_oneof![3 => calls, 2 => time], 0..1_000_u32).prop_map(|(span, minimum)| {
        let most = if let Span::Calls(calls) = span { calls } else { 6 };
        Over { span, minimum: 1 + minimum % most }
    })
}

fn any_dropping() -> impl Strategy<Value = Dropping> {
    prop_oneof![
        4 => Just(Dropping::FailureIfAll),
        2 => Just(Dropping::Neutral),
        1 => Just(Dropping::Failure),
        2 => any_time().prop_map(Dropping::FailureAfter),
    ]
}

fn any_growth() -> impl Strategy<Value = Growth> {
    prop_oneof![
        4 => Just(Growth::None),
        3 => (1..=3_u32).prop_map(Growth::Factor),
        3 => Just(Growth::Stepwise),
        1 => Just(Growth::UntilReset),
        1 => Just(Growth::ByFunction),
        3 => select(vec![0, 1, 100, 500, 1_000]).prop_map(Growth::OfFailingTime),
    ]
}

fn any_probing() -> impl Strategy<Value = Probing> {
    let needed = prop_oneof![9 => 1..=5_u32, 1 => Just(255)];
    let max_concurrent = prop_oneof![9 => 1..=4_u32, 1 => Just(255)];
    let within = rarely((any_time(), any::<bool>()));
    let trickle = prop_oneof![2 => Just(false), 1 => Just(true)];
    (trickle, needed, option::of(0..=1_000_u32), option::of(max_concurrent), any_time(), within).prop_map(
        |(trickle, needed, failing, max_concurrent, lease, within)| {
            let within = within.map(|(time, closes)| (time.max(1_000), closes));
            Probing { trickle, needed, failing, max_concurrent, lease: lease.max(1_000), within }
        },
    )
}

pub(crate) fn any_time() -> impl Strategy<Value = u64> {
    select(vec![0, 1, 2, 1_000, SECOND, 5 * SECOND, 30 * SECOND, 60 * DAY])
}

fn rarely<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.25, value)
}
