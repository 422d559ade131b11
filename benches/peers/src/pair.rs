//! Measures calls that two threads make at the same time.

use std::{
    hint::spin_loop,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use tokio::time::Instant;

use crate::contender::Calls;

/// The measuring thread and the other thread.
pub struct Pair<'a> {
    shared: &'a Shared,
}

struct Shared {
    epoch: Instant,
    /// Wakes the other thread. Waking is inexact, so both threads then spin on `arrived`.
    barrier: Barrier,
    arrived: AtomicUsize,
    is_over: AtomicBool,
    which: AtomicUsize,
    calls: AtomicU64,
    /// When the other thread began and ended, in nanoseconds since `epoch`.
    other: Mutex<(u64, u64)>,
}

/// A turn counts only if both threads ran together for at least this share of it.
const TOGETHER: f64 = 0.85;

impl Pair<'_> {
    /// Runs `measure` while the other thread makes the calls of `others`, each in its contender's
    /// turn.
    pub fn with<T: Send>(mut others: Vec<Calls>, measure: impl FnOnce(&Pair<'_>) -> T + Send) -> T {
        let shared = Shared {
            epoch: Instant::now(),
            barrier: Barrier::new(2),
            arrived: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            which: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            other: Mutex::new((0, 0)),
        };
        // Two threads on one core would alternate, so each is pinned to its own core. Neither is
        // the main thread, which stays unpinned.
        let mut cores = core_affinity::get_core_ids().unwrap_or_default().into_iter();
        let (core, other_core) = (cores.next(), cores.next());
        let shared = &shared;
        thread::scope(|scope| {
            scope.spawn(move || {
                other_core.map(core_affinity::set_for_current);
                loop {
                    shared.barrier.wait();
                    if shared.is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let calls = &mut others[shared.which.load(Ordering::Relaxed)];
                    let turn = shared.turn(calls, shared.calls.load(Ordering::Relaxed));
                    *shared.other.lock().expect("no panic") = turn;
                    shared.barrier.wait();
                }
            });
            let measuring = scope.spawn(move || {
                core.map(core_affinity::set_for_current);
                let measured = measure(&Pair { shared });
                shared.is_over.store(true, Ordering::Relaxed);
                shared.barrier.wait();
                measured
            });
            measuring.join().expect("no panic")
        })
    }

    /// Returns the nanoseconds per call of each thread, and whether the turn counts.
    pub fn time(&self, which: usize, own: &mut Calls, calls: u64) -> (f64, bool) {
        let Self { shared } = self;
        // Relaxed: the barrier orders these stores before the other thread's loads.
        shared.which.store(which, Ordering::Relaxed);
        shared.calls.store(calls, Ordering::Relaxed);
        shared.arrived.store(0, Ordering::Relaxed);
        shared.barrier.wait();
        let (began, ended) = shared.turn(own, calls);
        shared.barrier.wait();
        let (other_began, other_ended) = *shared.other.lock().expect("no panic");
        let all = (ended.max(other_ended) - began.min(other_began)) as f64;
        let together = ended.min(other_ended).saturating_sub(began.max(other_began)) as f64;
        (all / calls as f64, together >= TOGETHER * all)
    }
}

impl Shared {
    /// Waits until both threads have arrived, then makes the calls.
    fn turn(&self, calls: &mut Calls, count: u64) -> (u64, u64) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.arrived.load(Ordering::Acquire) < 2 {
            spins += 1;
            // The other thread may need this core.
            if spins % 1_000 == 0 { thread::yield_now() } else { spin_loop() }
        }
        let began = self.epoch.elapsed().as_nanos() as u64;
        calls(count);
        (began, self.epoch.elapsed().as_nanos() as u64)
    }
}
