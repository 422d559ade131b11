use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use ::http::{
    HeaderName, Request,
    header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ORIGIN},
};
use tower_layer::Layer;

use super::{
    backup::StoredResponses,
    classifier::StaleIfErrorClassifier,
    key::{KeyFn, TargetKey},
    record::RecordResponses,
    settings::Shared,
};
use crate::{
    InvalidConfig, Name,
    fallback::{
        Fallback, FallbackLayer, KeepPrimary,
        last_good::store::{Bounds, Store},
    },
    observe::Observer,
};

/// Answers a failed request with the last good response to it. See the [module](super).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`max_age`](Self::max_age) | 1 hour | an older response is likely to be wrong |
/// | [`max_entries`](Self::max_entries) | 1,024 | it bounds the memory of targets that come from outside |
/// | [`max_body`](Self::max_body) | 1 MiB | each body in progress may take this much in addition |
/// | [`max_memory`](Self::max_memory) | 64 MiB | enough for 1,024 responses of 64 KiB |
/// | [`vary_by`](Self::vary_by) | `Accept`, `Accept-Encoding`, `Accept-Language`, `Origin` | the headers that `Vary` usually names |
/// | [`key`](Self::key) | scheme, authority, `Host`, path and query | the parts of the target |
/// | [`classifier`](Self::classifier) | [`StaleIfErrorClassifier`]: errors, 500, 502, 503, 504 | RFC 5861 lists these statuses |
/// | [`name`](Self::name) | `stale_if_error` | |
///
/// # Clone
///
/// A clone shares the stored responses, and so do all services that the layer makes. A setting that
/// limits the store makes a new, empty store.
pub struct StaleIfErrorLayer<K = TargetKey, C = StaleIfErrorClassifier> {
    bounds: Bounds,
    shared: Arc<Shared>,
    key: K,
    fallback: FallbackLayer<(), C, KeepPrimary>,
}

impl StaleIfErrorLayer {
    /// Makes a layer with the default settings.
    pub fn new() -> Self {
        let bounds = Bounds { entries: 1_024, weight: 64 << 20, age: Duration::from_secs(3_600) };
        let vary_by = [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ORIGIN].into();
        let shared = Shared { store: Arc::new(Store::new(bounds)), max_age: bounds.age, max_body: 1 << 20, vary_by };
        let fallback = FallbackLayer::with(()).name("stale_if_error").keep_primary_error();
        let fallback = fallback.classifier(StaleIfErrorClassifier::default());
        Self { bounds, shared: Arc::new(shared), key: TargetKey, fallback }
    }
}

impl Default for StaleIfErrorLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, C> StaleIfErrorLayer<K, C> {
    /// Sets the age up to which a stored response is an answer. The response and the request can
    /// reduce it. The age includes the response's own `Age`.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.bounds.age = age;
        self.with_new_store()
    }

    /// Sets how many responses are stored.
    ///
    /// # Errors
    ///
    /// If `entries` is zero.
    pub fn max_entries(mut self, entries: usize) -> Result<Self, InvalidConfig> {
        if entries == 0 {
            return Err(InvalidConfig::new("max_entries", entries, "at least 1"));
        }
        self.bounds.entries = entries;
        Ok(self.with_new_store())
    }

    /// Sets how many bytes the body of a stored response may have. A larger response isn't stored,
    /// and removes the one that it would replace.
    pub fn max_body(self, bytes: usize) -> Self {
        let Shared { store, max_age, vary_by, .. } = &*self.shared;
        let shared =
            Shared { store: Arc::clone(store), max_age: *max_age, max_body: bytes, vary_by: Arc::clone(vary_by) };
        Self { shared: Arc::new(shared), ..self }
    }

    /// Sets how many bytes all stored responses may take, with their heads and keys. Each response
    /// counts at least this number divided by [`max_entries`](Self::max_entries).
    ///
    /// # Errors
    ///
    /// If `bytes` is zero.
    pub fn max_memory(mut self, bytes: u64) -> Result<Self, InvalidConfig> {
        if bytes == 0 {
            return Err(InvalidConfig::new("max_memory", bytes, "at least 1"));
        }
        self.bounds.weight = bytes;
        Ok(self.with_new_store())
    }

    /// Sets the request headers that the `Vary` of a stored response may name. A response whose
    /// `Vary` names another header isn't stored. A stored response answers only requests with the
    /// same values of the headers that its `Vary` names. One response is stored per key: include a
    /// header in the [key](Self::key) to store one per value of it.
    pub fn vary_by(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        let Shared { max_age, max_body, .. } = *self.shared;
        let store = Arc::new(Store::new(self.bounds));
        self.shared = Arc::new(Shared { store, max_age, max_body, vary_by: headers.into_iter().collect() });
        self
    }

    /// Sets the key of a request: `|request: &Request<B>| Option<String>`. The layer ignores a
    /// request without a key. The layer calls the closure for GET and HEAD, and for methods that
    /// may change a resource, whose success removes the response that is stored under the key.
    ///
    /// The key must cover everything that the response depends on, including the user: with this
    /// setting, the layer stores responses to requests with `Authorization` or `Cookie`, and
    /// answers such requests, without looking for `public`.
    pub fn key<F, B>(self, key: F) -> StaleIfErrorLayer<KeyFn<F>, C>
    where
        F: Fn(&Request<B>) -> Option<String>,
    {
        let Self { bounds, shared, fallback, .. } = self;
        StaleIfErrorLayer { bounds, shared, key: KeyFn(key), fallback }.with_new_store()
    }

    /// Sets the classifier. It decides for which outcomes the stored response is the answer. A
    /// response is stored only if its verdict is a success, and its status is 200.
    pub fn classifier<D>(self, classifier: D) -> StaleIfErrorLayer<K, D> {
        let Self { bounds, shared, key, fallback } = self;
        StaleIfErrorLayer { bounds, shared, key, fallback: fallback.classifier(classifier) }
    }

    /// Sets the name in events. Default: `stale_if_error`.
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
    pub fn register(mut self, registry: &crate::Registry) -> Self {
        self.fallback = self.fallback.register(registry);
        self
    }

    /// Adds an observer.
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
        self.shared.store.len()
    }

    fn with_new_store(mut self) -> Self {
        let Shared { max_body, vary_by, .. } = &*self.shared;
        let store = Arc::new(Store::new(self.bounds));
        let (max_age, max_body, vary_by) = (self.bounds.age, *max_body, Arc::clone(vary_by));
        self.shared = Arc::new(Shared { store, max_age, max_body, vary_by });
        self
    }
}

impl<S, K: Clone, C: Clone> Layer<S> for StaleIfErrorLayer<K, C> {
    type Service = Fallback<RecordResponses<S, K, C>, StoredResponses<K>, C, KeepPrimary>;

    fn layer(&self, inner: S) -> Self::Service {
        let (shared, key) = (&self.shared, &self.key);
        let classifier = self.fallback.classifier_ref().clone();
        let record = RecordResponses { inner, shared: Arc::clone(shared), key: key.clone(), classifier };
        let backup = StoredResponses { shared: Arc::clone(shared), key: key.clone() };
        self.fallback.clone().backup(backup).layer(record)
    }
}

impl<K: Clone, C: Clone> Clone for StaleIfErrorLayer<K, C> {
    fn clone(&self) -> Self {
        Self {
            bounds: self.bounds,
            shared: Arc::clone(&self.shared),
            key: self.key.clone(),
            fallback: self.fallback.clone(),
        }
    }
}

impl<K, C> fmt::Debug for StaleIfErrorLayer<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaleIfErrorLayer").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
