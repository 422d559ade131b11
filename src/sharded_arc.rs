//! What all calls of a service go by, counted in many places.
//!
//! A call holds what it goes by, as it may outlive its service, so it counts itself in and out. Were there one count for all, threads that
//! call the same service would mostly wait for each other's writes to it: with two threads on one layer, that was three quarters of
//! what a call took (ARCHITECTURE, "The healthy path").

use std::{
    cell::Cell,
    fmt,
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Threads beyond these share.
const SHARDS: usize = 16;

/// What a service has. Its clones count in one place: a service is cloned less often than it is called.
///
/// `B` is what else the calls share that not all of a layer's services do.
pub(crate) struct ShardedArc<T, B = ()>(Arc<Shards<T, B>>);

/// Read by every call, and so not where clones are counted.
#[repr(align(128))]
struct Shards<T, B> {
    value: Arc<T>,
    beside: Arc<B>,
    /// Made when a thread first calls.
    places: [OnceLock<ArcShard<T, B>>; SHARDS],
    /// How many were made of this value by [`with`](ShardedArc::with).
    services: Arc<AtomicUsize>,
}

/// What a call has.
pub(crate) struct ArcShard<T, B = ()>(Arc<Shard<T, B>>);

/// On cache lines of its own: two, as they are fetched in pairs.
#[repr(align(128))]
struct Shard<T, B> {
    value: Arc<T>,
    beside: Arc<B>,
}

impl<T> ShardedArc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::both(Arc::new(value), (), Arc::default())
    }

    /// The same value, with something beside it.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn with<B>(&self, beside: B) -> ShardedArc<T, B> {
        let services = Arc::clone(&self.0.services);
        // Relaxed: only the number matters.
        services.fetch_add(1, Ordering::Relaxed);
        ShardedArc::both(Arc::clone(&self.0.value), beside, services)
    }
}

impl<T, B> ShardedArc<T, B> {
    /// Whether more than one was made of this value by [`with`](ShardedArc::with).
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn has_services(&self) -> bool {
        self.0.services.load(Ordering::Relaxed) > 1
    }

    fn both(value: Arc<T>, beside: B, services: Arc<AtomicUsize>) -> Self {
        let places = [const { OnceLock::new() }; SHARDS];
        Self(Arc::new(Shards { value, beside: Arc::new(beside), places, services }))
    }

    /// A share for one call, counted where this thread counts.
    #[inline]
    pub(crate) fn share(&self) -> ArcShard<T, B> {
        let place = &self.0.places[place()];
        match place.get() {
            Some(ArcShard(counted)) => ArcShard(Arc::clone(counted)),
            None => self.first_in(place),
        }
    }

    #[cold]
    fn first_in(&self, place: &OnceLock<ArcShard<T, B>>) -> ArcShard<T, B> {
        let Shards { value, beside, .. } = &*self.0;
        let make = || ArcShard(Arc::new(Shard { value: Arc::clone(value), beside: Arc::clone(beside) }));
        let ArcShard(counted) = place.get_or_init(make);
        ArcShard(Arc::clone(counted))
    }
}

impl<T, B> Clone for ShardedArc<T, B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug, B> fmt::Debug for ShardedArc<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, B> Deref for ShardedArc<T, B> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T, B> Deref for ArcShard<T, B> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T, B> ArcShard<T, B> {
    /// What is beside the value.
    #[inline]
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn beside(&self) -> &B {
        &self.0.beside
    }
}

/// Where this thread counts.
#[inline]
fn place() -> usize {
    thread_local!(static SHARD: Cell<usize> = const { Cell::new(SHARDS) });

    #[cold]
    fn next() -> usize {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: that two threads rarely get the same is all that matters.
        let place = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
        SHARD.set(place);
        place
    }

    let place = SHARD.get();
    if place < SHARDS { place } else { next() }
}

#[cfg(test)]
mod tests {
    use std::{sync::Weak, thread};

    use super::*;

    fn place_of<T>(share: &ArcShard<T>) -> *const Shard<T, ()> {
        Arc::as_ptr(&share.0)
    }

    fn on_another_thread<T: Send>(does: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(does).join().unwrap())
    }

    #[test]
    fn a_thread_counts_in_one_place() {
        let shared = ShardedArc::new("all the same");
        let (one, other) = (shared.share(), shared.clone().share());
        assert_eq!(place_of(&one), place_of(&other));
        let there = on_another_thread(|| shared.share());
        assert_eq!((*one, *there, *shared), ("all the same", "all the same", "all the same"));
    }

    #[test]
    fn threads_count_in_several_places_and_many_share_them() {
        let shared = ShardedArc::new(());
        let mut shares: Vec<_> = (0..=SHARDS * SHARDS).map(|_| on_another_thread(|| shared.share())).collect();
        shares.sort_by_key(place_of);
        shares.dedup_by_key(|share| place_of(share));
        // Other tests begin threads, too: so not all of them, perhaps.
        assert!((2..=SHARDS).contains(&shares.len()), "{}", shares.len());
    }

    #[test]
    fn it_takes_half_a_kilobyte_and_a_quarter_for_each_thread() {
        // With the counts, which take what their neighbour's alignment leaves them.
        assert_eq!((128 + size_of::<Shards<(), ()>>(), 128 + size_of::<Shard<(), ()>>()), (512, 256));
    }

    #[test]
    fn it_lives_as_long_as_the_last_of_service_and_calls() {
        let value = Arc::new(());
        let seen: Weak<()> = Arc::downgrade(&value);
        let shared = ShardedArc::new(value);
        let (first, second) = (shared.share(), on_another_thread(|| shared.share()));
        drop((shared, first));
        assert!(seen.upgrade().is_some());
        drop(second);
        assert!(seen.upgrade().is_none());
    }
}
