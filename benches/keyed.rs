//! What a keyed breaker costs a call with 1, 1,000 and 1,000,000 keys: `cargo bench --features keyed --bench keyed`.
//!
//! Keys are drawn at random, so that the largest case shows what memory costs that no longer fits into the caches. Beside it
//! stands a plain `HashMap` with the same keys, alone: the part that grows is the memory's.

use std::{collections::HashMap, hint::black_box, time::Duration};

use tokio::time::Instant;
use tower_recourse::{BreakerConfig, breaker::keyed::Circuits};

const CALLS: u32 = 2_000_000;
const ROUNDS: usize = 5;

fn main() {
    println!("{:>9}  {:>14}  {:>16}", "keys", "ns a call", "a HashMap alone");
    for keys in [1u32, 1_000, 1_000_000] {
        // Room to spare: the shards fill unevenly.
        let circuits = Circuits::with_capacity(BreakerConfig::default().unobserved(), keys as usize * 2 + 100).unwrap();
        let mut map = HashMap::new();
        for key in 0..keys {
            circuits.get(&key);
            map.insert(key, key);
        }
        assert_eq!(circuits.len(), keys as usize);
        let ours = median(keys, |key| circuits.get(&key).admit().unwrap().success());
        let floor = median(keys, |key| {
            black_box(map.get(&key));
        });
        println!("{keys:>9}  {ours:>14.1}  {floor:>16.1}");
    }
}

/// Nanoseconds a call.
fn median(keys: u32, mut call: impl FnMut(u32)) -> f64 {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let mut random = 0x9E37_79B9u32;
            let start = Instant::now();
            for _ in 0..CALLS {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // The high bits: the low ones of such a generator repeat soon.
                call(((u64::from(random) * u64::from(keys)) >> 32) as u32);
            }
            start.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2].as_secs_f64() * 1e9 / f64::from(CALLS)
}
