//! Two threads that call at the same time.

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

/// The thread that measures, and another one beside it.
pub struct Pair<'a> {
    shared: &'a Shared,
}

struct Shared {
    epoch: Instant,
    /// Wakes the other thread. What follows needs more exactness than waking has.
    barrier: Barrier,
    arrived: AtomicUsize,
    is_over: AtomicBool,
    which: AtomicUsize,
    calls: AtomicU64,
    /// When the other thread began, and ended, in nanoseconds.
    other: Mutex<(u64, u64)>,
}

/// How much of a turn both must have been at it, or it doesn't count.
const TOGETHER: f64 = 0.85;

impl Pair<'_> {
    /// The other thread calls `others`, each at the turn of its contender.
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
        // On one core they would take turns. Threads of their own, as others of this program may run where they like.
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

    /// Nanoseconds a call of each of the two, and whether they were at it together.
    pub fn time(&self, which: usize, own: &mut Calls, calls: u64) -> (f64, bool) {
        let Self { shared } = self;
        // Relaxed: the barrier tells the other thread.
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
    /// Waits until both are here, and calls.
    fn turn(&self, calls: &mut Calls, count: u64) -> (u64, u64) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.arrived.load(Ordering::Acquire) < 2 {
            spins += 1;
            // The other one may need this core.
            if spins % 1_000 == 0 { thread::yield_now() } else { spin_loop() }
        }
        let began = self.epoch.elapsed().as_nanos() as u64;
        calls(count);
        (began, self.epoch.elapsed().as_nanos() as u64)
    }
}
