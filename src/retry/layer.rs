use tower_layer::Layer;

use super::{Cloned, FromFn, Prepared, Retry, RetryConfig};
use crate::{Attempt, shared::Shared};

/// Puts a retry around a service. Everything that the layer makes shares its policy, and so its budget.
///
/// # Clone
///
/// A clone shares the policy.
#[derive(Debug)]
pub struct RetryLayer<P, K = Cloned> {
    pub(super) policy: Shared<P>,
    keep: K,
}

impl<C, A, L, K: Clone> RetryLayer<RetryConfig<C, A, L, K>, K> {
    /// A retry by a [`RetryConfig`].
    pub fn new(config: RetryConfig<C, A, L, K>) -> Self {
        let keep = config.keep.clone();
        Self { policy: Shared::new(config), keep }
    }
}

impl<P> RetryLayer<P> {
    /// A retry by any [`Policy`](super::Policy). Requests are kept as clones.
    pub fn with(policy: P) -> Self {
        Self { policy: Shared::new(policy), keep: Cloned }
    }
}

impl<P, K> RetryLayer<P, K> {
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
    {
        self.keeping(FromFn(copy))
    }

    /// Keeps requests by a [`Keep`](super::Keep).
    pub fn keeping<N>(self, keep: N) -> RetryLayer<P, N> {
        RetryLayer { policy: self.policy, keep }
    }

    /// Changes a request before each attempt but the first, by an async function: a fresh token, a header with the number of the
    /// attempt. It is called after the wait, and takes of the attempt's time. A request for which the service didn't get ready
    /// is changed once more, so set things, rather than append them. Functions that are [run](Self::run) get no request, and are told
    /// their attempt.
    ///
    /// ```
    /// use tower_recourse::{Attempt, RetryConfig, RetryLayer};
    ///
    /// #[derive(Clone)]
    /// struct Request { path: &'static str, token: String, attempt: u32 }
    /// # async fn fresh_token() -> String { "fresh".to_owned() }
    ///
    /// let layer = RetryLayer::new(RetryConfig::default()).before_resend(|request: Request, attempt: Attempt| async move {
    ///     Request { token: fresh_token().await, attempt: attempt.number(), ..request }
    /// });
    /// # let _ = layer;
    /// ```
    ///
    /// It can't fail: where no fresh token is to be had, send the old one, and let the service's answer be judged.
    pub fn before_resend<F, Fut, Req>(self, prepare: F) -> RetryLayer<P, Prepared<K, F>>
    where
        F: Fn(Req, Attempt) -> Fut,
        Fut: Future<Output = Req>,
    {
        RetryLayer { policy: self.policy, keep: Prepared { keep: self.keep, prepare } }
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<P, K: Clone> Clone for RetryLayer<P, K> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), keep: self.keep.clone() }
    }
}

impl<S, P, K: Clone> Layer<S> for RetryLayer<P, K> {
    type Service = Retry<S, P, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, &self.policy, self.keep.clone())
    }
}
