use std::sync::Arc;

use tower_layer::Layer;

use super::{Cloned, Retry, keep::FromFn, service::Shared};

/// Puts a retry around a service. Everything that the layer makes shares its policy, and so its budget.
///
/// # Clone
///
/// A clone shares the policy.
#[derive(Debug)]
pub struct RetryLayer<P, K = Cloned> {
    shared: Arc<Shared<P, K>>,
}

impl<P> RetryLayer<P> {
    /// A retry by a [`RetryConfig`](super::RetryConfig), or any other [`Policy`](super::Policy).
    pub fn new(policy: P) -> Self {
        Self { shared: Arc::new(Shared { policy, keep: Cloned }) }
    }

    /// A retry that keeps requests by a [`Keep`](super::Keep).
    pub fn keeping<K>(policy: P, keep: K) -> RetryLayer<P, K> {
        RetryLayer { shared: Arc::new(Shared { policy, keep }) }
    }

    /// Copies requests by a function, for those that aren't `Clone`. Where it returns `None`, the request is sent once.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// struct Upload { name: String, file: Option<std::fs::File> }
    ///
    /// // An upload without its file can be sent again, one with it can't.
    /// let layer = RetryLayer::new(RetryConfig::default()).keep(|upload: &Upload| match upload.file {
    ///     None => Some(Upload { name: upload.name.clone(), file: None }),
    ///     Some(_) => None,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn keep<F, Req>(self, copy: F) -> RetryLayer<P, FromFn<F>>
    where
        F: Fn(&Req) -> Option<Req>,
        P: Clone,
    {
        RetryLayer::keeping(self.shared.policy.clone(), FromFn(copy))
    }
}

impl<P, K> Clone for RetryLayer<P, K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S, P, K> Layer<S> for RetryLayer<P, K> {
    type Service = Retry<S, P, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::clone(&self.shared))
    }
}
