//! One circuit per key. No other crate has this, so the bench compares it with lookups of the same
//! keys in a `HashMap`.

use std::collections::HashMap;

use tower::{Layer, Service};
use tower_recourse::{
    BreakerConfig,
    breaker::keyed::{CircuitRegistry, KeyedBreakerLayer},
};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    options::Size,
    upstream::{Healthy, Request, Upstream, call},
};

pub fn cases(size: Size) -> Vec<Case> {
    let many = match size {
        Size::Full => Case::new("keyed breaker, 1,000,000 keys", || contenders(1_000_000)),
        Size::Quick => Case::new("keyed breaker, 10,000 keys", || contenders(10_000)),
    };
    vec![
        Case::new("keyed breaker, 1 key", || contenders(1)),
        Case::new("keyed breaker, 1,000 keys", || contenders(1_000)),
        many,
    ]
}

fn contenders(keys: u64) -> Vec<Contender> {
    // The capacity exceeds the number of keys, so no key is evicted.
    let circuits =
        CircuitRegistry::with_capacity(BreakerConfig::default(), keys as usize * 2 + 100).expect("at least 1");
    (0..keys).for_each(|key| drop(circuits.get(&key)));
    let map: HashMap<u64, u64> = (0..keys).map(|key| (key, key)).collect();
    let mut drawn = Drawn::of(keys);
    let looked_up = move || {
        let key = drawn.next();
        std::hint::black_box(map.get(&key));
        call(&mut Upstream::<Healthy>::new(), key)
    };
    vec![
        drawing(BARE, keys, Upstream::<Healthy>::new()),
        drawing(OURS, keys, KeyedBreakerLayer::on(&circuits, |key: &u64| *key).layer(Upstream::<Healthy>::new())),
        Contender::of("a HashMap lookup", looked_up),
    ]
}

fn drawing<S>(name: &'static str, keys: u64, mut service: S) -> Contender
where
    S: Service<Request> + Send + 'static,
{
    let mut drawn = Drawn::of(keys);
    let future = Some(size_of_val(&service.call(0)));
    Contender { future, ..Contender::of(name, move || call(&mut service, drawn.next())) }
}

/// Random keys, the same sequence for all contenders.
struct Drawn {
    state: u32,
    keys: u64,
}

impl Drawn {
    fn of(keys: u64) -> Self {
        Self { state: 7, keys }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Use the high bits: the low bits of a linear congruential generator have short periods.
        (u64::from(self.state) * self.keys) >> 32
    }
}
