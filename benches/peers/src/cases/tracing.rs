//! What it costs that events are told: to nobody, through `tracing` without a subscriber, to one that wants none of them, and to
//! one that takes them all. Calls that succeed at once tell nothing.

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
            told::<Healthy>(stack(), stack(), stack())
        }),
        Case::new("tracing: breaker rejecting", || {
            let rejecting = || BreakerLayer::on(&ours::open()).layer(Upstream::<Healthy>::new());
            told::<Healthy>(rejecting(), rejecting(), rejecting())
        }),
        Case::new("tracing: retry, three attempts fail", || {
            let failing = || RetryLayer::new(ours::retry().without_budget()).layer(Upstream::<Broken>::new());
            told::<Broken>(failing(), failing(), failing())
        }),
        Case::new("tracing: fallback, a value answers", || {
            let answering = || FallbackLayer::value(0).layer(Upstream::<Broken>::new());
            told::<Broken>(answering(), answering(), answering())
        }),
    ]
}

fn told<H: crate::upstream::Health>(
    unheard: impl Service<Request> + Send + 'static,
    unwanted: impl Service<Request> + Send + 'static,
    taken: impl Service<Request> + Send + 'static,
) -> Vec<Contender> {
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        Contender::service(OURS, unheard),
        Contender {
            around: |calls| within(Takes { all: false }, calls),
            ..Contender::service("a subscriber that wants none", unwanted)
        },
        Contender {
            around: |calls| within(Takes { all: true }, calls),
            ..Contender::service("a subscriber that takes all", taken)
        },
    ]
}

/// With a subscriber for as long as the calls take.
fn within(subscriber: Takes, calls: &mut dyn FnMut()) {
    let dispatch = Dispatch::new(subscriber);
    dispatcher::with_default(&dispatch, calls);
    drop(dispatch);
    // What callsites have heard of it is forgotten with it.
    tracing::callsite::rebuild_interest_cache();
}

struct Takes {
    all: bool,
}

impl Subscriber for Takes {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.all
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
