use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    backup::LastGoodBackup,
    record::RecordGood,
    settings::Weigh,
    store::{Bounds, Store},
};
use crate::{
    InvalidConfig, Name,
    classify::ErrorClassifier,
    fallback::{Fallback, FallbackLayer, KeepPrimary},
    observe::Observer,
    registry::Registry,
};

/// Answers a failed call with the last good response for the same key. See the [module](super).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`max_age`](Self::max_age) | 1 hour | an older response is likely to be wrong |
/// | [`max_entries`](Self::max_entries) | 1,024 | it bounds the memory of keys that come from outside |
/// | [`max_weight`](Self::max_weight) | each response weighs 1 | only your code knows the size of a response |
/// | [`classifier`](Self::classifier) | [`ErrorClassifier`]: every response is good, every error a failure | only your code knows which responses are failures |
/// | [`name`](Self::name) | `last_good` | |
pub struct LastGoodLayer<Res, Key, C = ErrorClassifier> {
    store: Arc<Store<Res>>,
    bounds: Bounds,
    weigh: Weigh<Res>,
    key: Key,
    fallback: FallbackLayer<(), C, KeepPrimary>,
}

impl FallbackLayer<()> {
    /// Answers with the last good response for the same key. `key` returns the key of a request, or
    /// `None` if its response must not be stored. See [`last_good`](super).
    pub fn last_good<Key, Req, Res: Clone>(key: Key) -> LastGoodLayer<Res, Key>
    where
        Key: Fn(&Req) -> Option<String>,
    {
        let bounds = Bounds { entries: 1_024, weight: 1_024, age: Duration::from_secs(3_600) };
        let fallback = FallbackLayer::with(()).name("last_good").keep_primary_error();
        LastGoodLayer { store: Arc::new(Store::new(bounds)), bounds, weigh: Arc::new(|_| 1), key, fallback }
    }
}

impl<Res: Clone, Key, C> LastGoodLayer<Res, Key, C> {
    /// Sets the age up to which a stored response is an answer.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.bounds.age = age;
        self.with_new_store()
    }

    /// Sets how many responses are stored. Without [`max_weight`](Self::max_weight), each of them
    /// weighs 1.
    ///
    /// # Errors
    ///
    /// If `entries` is zero.
    pub fn max_entries(mut self, entries: usize) -> Result<Self, InvalidConfig> {
        if entries == 0 {
            return Err(InvalidConfig::new("max_entries", entries, "at least 1"));
        }
        if self.bounds.weight == self.bounds.entries as u64 {
            self.bounds.weight = entries as u64;
        }
        self.bounds.entries = entries;
        Ok(self.with_new_store())
    }

    /// Limits the weight of all stored responses together, such as their length in bytes. `weigh`
    /// returns the weight of a response. Each response counts at least `limit` divided by
    /// [`max_entries`](Self::max_entries). A response that weighs more than `limit` isn't stored,
    /// and removes the one that it would replace.
    ///
    /// # Errors
    ///
    /// If `limit` is zero.
    pub fn max_weight<W>(mut self, limit: u64, weigh: W) -> Result<Self, InvalidConfig>
    where
        W: Fn(&Res) -> u64 + Send + Sync + 'static,
    {
        if limit == 0 {
            return Err(InvalidConfig::new("max_weight", limit, "at least 1"));
        }
        self.bounds.weight = limit;
        self.weigh = Arc::new(weigh);
        Ok(self.with_new_store())
    }

    /// Sets the classifier. It decides which responses are stored, namely those whose verdict is a
    /// success, and for which outcomes the stored response is the answer.
    pub fn classifier<D>(self, classifier: D) -> LastGoodLayer<Res, Key, D> {
        let Self { store, bounds, weigh, key, fallback } = self;
        LastGoodLayer { store, bounds, weigh, key, fallback: fallback.classifier(classifier) }
    }

    /// Sets the name in events. Default: `last_good`.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.fallback = self.fallback.name(name);
        self
    }

    /// Adds a label, which observers and metrics receive with the name. Replaces the value if the
    /// label exists.
    pub fn label(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fallback = self.fallback.label(name, value);
        self
    }

    /// Passes the events to the observers of a [registry](crate::registry).
    pub fn register(mut self, registry: &Registry) -> Self {
        self.fallback = self.fallback.register(registry);
        self
    }

    /// Adds an observer. State the type of a closure's argument: `|event: &Event<'_>| …`.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.fallback = self.fallback.observe(observer);
        self
    }

    /// Removes all observers, including the default one.
    pub fn without_observers(mut self) -> Self {
        self.fallback = self.fallback.without_observers();
        self
    }

    /// The number of stored responses, including those that are too old.
    pub fn entries(&self) -> usize {
        self.store.len()
    }

    fn with_new_store(mut self) -> Self {
        self.store = Arc::new(Store::new(self.bounds));
        self
    }
}

impl<S, Res, Key: Clone, C: Clone> Layer<S> for LastGoodLayer<Res, Key, C> {
    type Service = Fallback<RecordGood<S, Res, Key, C>, LastGoodBackup<Res, Key>, C, KeepPrimary>;

    fn layer(&self, inner: S) -> Self::Service {
        let (store, key) = (&self.store, &self.key);
        let record = RecordGood {
            inner,
            store: Arc::clone(store),
            key: key.clone(),
            weigh: Arc::clone(&self.weigh),
            classifier: self.fallback.classifier_ref().clone(),
        };
        let backup = LastGoodBackup { store: Arc::clone(store), key: key.clone() };
        self.fallback.clone().backup(backup).layer(record)
    }
}

impl<Res, Key: Clone, C: Clone> Clone for LastGoodLayer<Res, Key, C> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            bounds: self.bounds,
            weigh: Arc::clone(&self.weigh),
            key: self.key.clone(),
            fallback: self.fallback.clone(),
        }
    }
}

impl<Res, Key, C> fmt::Debug for LastGoodLayer<Res, Key, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGoodLayer").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
