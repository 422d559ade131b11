//! The cost of events through `tracing`: without a subscriber, with one that disables all events,
//! and with one that records them. Calls that succeed at once emit none.

use tower::{Layer, Service};
use tower_recourse::{BreakerLayer, FallbackLayer, RetryLayer};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher, span};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::ours,
    upstream::{Broken, Healthy, Request, Upstream},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tracing: all three stacked, success", || {
            let stack = || ours::stack(&tower_recourse::Circuit::new(Default::default()), Upstream::<Healthy>::new());
            subscribed::<Healthy>(stack(), stack(), stack())
        }),
        Case::new("tracing: breaker rejecting", || {
            let rejecting = || BreakerLayer::on(&ours::open()).layer(Upstream::<Healthy>::new());
            subscribed::<Healthy>(rejecting(), rejecting(), rejecting())
        }),
        Case::new("tracing: retry, three attempts fail", || {
            let failing = || RetryLayer::new(ours::retry().without_budget()).layer(Upstream::<Broken>::new());
            subscribed::<Broken>(failing(), failing(), failing())
        }),
        Case::new("tracing: fallback returns a value", || {
            let answering = || FallbackLayer::value(0).layer(Upstream::<Broken>::new());
            subscribed::<Broken>(answering(), answering(), answering())
        }),
    ]
}

fn subscribed<H: crate::upstream::Health>(
    unsubscribed: impl Service<Request> + Send + 'static,
    disabled: impl Service<Request> + Send + 'static,
    recorded: impl Service<Request> + Send + 'static,
) -> Vec<Contender> {
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        Contender::service(OURS, unsubscribed),
        Contender {
            around: |calls| within(Recorder { enabled: false }, calls),
            ..Contender::service("a subscriber that disables all events", disabled)
        },
        Contender {
            around: |calls| within(Recorder { enabled: true }, calls),
            ..Contender::service("a subscriber that records all events", recorded)
        },
    ]
}

/// Runs the calls with a subscriber.
fn within(subscriber: Recorder, calls: &mut dyn FnMut()) {
    let dispatch = Dispatch::new(subscriber);
    dispatcher::with_default(&dispatch, calls);
    drop(dispatch);
    // Callsites cache the interest of the dropped subscriber.
    tracing::callsite::rebuild_interest_cache();
}

struct Recorder {
    enabled: bool,
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.enabled
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        std::hint::black_box(event);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
