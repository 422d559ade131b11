//! The cost per call of a keyed breaker with 1, 1,000 and 1,000,000 keys:
//! `cargo bench --features keyed --bench keyed`.
//!
//! The bench draws keys at random. Drawing from a thousand of the stored keys shows the cost of
//! storing more keys; drawing from all keys shows the cost of memory that doesn't fit into the
//! caches. For comparison, it looks up the same keys in the same order in plain `HashMap`s: one of
//! numbers, and one of boxes as large as the part of a circuit that calls read. If the cost of
//! these lookups grows with the number of keys too, memory causes the growth, not the breaker.
//!
//! Rounds are short and alternate, and the fastest one of each kind counts, so that other programs
//! disturb the result as little as possible.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::time::Instant;
use tower_recourse::{BreakerConfig, breaker::keyed::CircuitRegistry};

const CALLS: u32 = 200_000;
const ROUNDS: u32 = 40;

fn main() {
    println!("ns per call, the fastest of {ROUNDS} rounds of {CALLS} calls\n");
    println!("{:>9}  {:>9}  {:>9}  {:>9}  {:>13}", "keys", "keys", "keyed", "HashMap of", "HashMap of");
    println!("{:>9}  {:>9}  {:>9}  {:>9}  {:>13}", "stored", "called", "breaker", "numbers", "boxes");
    for (keys, called) in [(1u32, 1u32), (1_000, 1_000), (1_000_000, 1_000), (1_000_000, 1_000_000)] {
        // The capacity exceeds the number of keys, so no key is evicted.
        let circuits =
            CircuitRegistry::with_capacity(BreakerConfig::default().without_observers(), keys as usize * 2 + 100)
                .unwrap();
        (0..keys).for_each(|key| drop(circuits.get(&key)));
        assert_eq!(circuits.len(), keys as usize);
        let numbers: HashMap<u32, u32> = (0..keys).map(|key| (key, key)).collect();
        let boxes: HashMap<u32, Box<[AtomicU64; 9]>> = (0..keys).map(|key| (key, Box::default())).collect();

        let mut fastest = [f64::MAX; 3];
        for round in 0..ROUNDS {
            let times = [
                time(called, round, |key| circuits.get(&key).try_acquire().unwrap().success()),
                time(called, round, |key| {
                    black_box(numbers.get(&key));
                }),
                time(called, round, |key| {
                    black_box(boxes[&key][0].load(Ordering::Acquire));
                }),
            ];
            fastest = std::array::from_fn(|which| times[which].min(fastest[which]));
        }
        let [breaker, bare, boxed] = fastest;
        println!("{keys:>9}  {called:>9}  {breaker:>9.1}  {bare:>9.1}  {boxed:>13.1}");
    }
}

/// Nanoseconds per call, with the keys of a round.
fn time(keys: u32, round: u32, mut call: impl FnMut(u32)) -> f64 {
    let mut random = 0x9E37_79B9u32.wrapping_mul(round + 1);
    let start = Instant::now();
    for _ in 0..CALLS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Use the high bits: the low bits of a linear congruential generator have short periods.
        call(((u64::from(random) * u64::from(keys)) >> 32) as u32);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
