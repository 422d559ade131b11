//! What the map of a keyed breaker holds.

use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    sync::Arc,
};

use quick_cache::{Equivalent, Lifecycle};

use super::super::{
    rule::{Phase, Word},
    slab::{Core, Tenant},
};

/// A key, and its circuit. To the map all of it is the key, and there is no value: who looks for it reads what there is to read as soon
/// as it is found, in the same place, instead of being given a copy that counts a reference.
#[derive(Clone)]
pub(super) struct Kept<K> {
    pub(super) key: K,
    /// The tenant's, so that a healthy call need not look at that.
    pub(super) core: &'static Core,
    pub(super) tenant: Arc<Tenant>,
}

impl<K> Kept<K> {
    pub(super) fn new(key: K, tenant: Arc<Tenant>) -> Self {
        Self { key, core: tenant.core, tenant }
    }
}

impl<K: Hash> Hash for Kept<K> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<K: PartialEq> PartialEq for Kept<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Eq> Eq for Kept<K> {}

/// Looks for a key, and reads there.
pub(super) struct Look<'a, K, F, T> {
    key: &'a K,
    read: F,
    found: Cell<Option<T>>,
}

impl<'a, K, F: Fn(&Kept<K>) -> T, T> Look<'a, K, F, T> {
    pub(super) fn at(key: &'a K, read: F) -> Self {
        Self { key, read, found: Cell::new(None) }
    }

    pub(super) fn found(self) -> Option<T> {
        self.found.into_inner()
    }
}

impl<K: Hash, F, T> Hash for Look<'_, K, F, T> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<K: Eq, F: Fn(&Kept<K>) -> T, T> Equivalent<Kept<K>> for Look<'_, K, F, T> {
    #[inline]
    fn equivalent(&self, kept: &Kept<K>) -> bool {
        let is_it = *self.key == kept.key;
        if is_it {
            self.found.set(Some((self.read)(kept)));
        }
        is_it
    }
}

/// Circuits that reject aren't forgotten to make room.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeepOpen;

impl<K> Lifecycle<Kept<K>, ()> for KeepOpen {
    type RequestState = ();

    fn is_pinned(&self, kept: &Kept<K>, (): &()) -> bool {
        let word: Word = kept.core.cell.load();
        match word.phase {
            Phase::Closed { .. } => false,
            Phase::HalfOpen { .. } => true,
            // One whose time is over, and that nobody has asked for since, is idle.
            Phase::Open => {
                let until = kept.core.cell.moves_on_at(word);
                until.is_none_or(|until| kept.tenant.now(&kept.tenant.settings.load()) < until)
            }
        }
    }
}
