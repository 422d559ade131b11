//! The [`RetryLayer`].

use std::sync::Arc;

use tower_layer::Layer;

use super::{CloneRequest, CopyWith, PrepareResend, Retry, RetryConfig};
use crate::{Attempt, sharded_arc::ShardedArc};

/// Wraps a service in a [`Retry`]. All services that a layer makes share its policy, and so its
/// budget.
///
/// # Clone
///
/// A clone shares the policy.
#[derive(Debug)]
pub struct RetryLayer<P = RetryConfig, Replay = CloneRequest> {
    pub(super) policy: ShardedArc<P>,
    replay: Replay,
}

impl<C, Timeout, Quota, Replay: Clone> RetryLayer<RetryConfig<C, Timeout, Quota, Replay>, Replay> {
    /// A layer with the policy of a [`RetryConfig`].
    pub fn new(mut config: RetryConfig<C, Timeout, Quota, Replay>) -> Self {
        config.settings.enter_registry();
        let replay = config.replay.clone();
        Self { policy: ShardedArc::new(config), replay }
    }
}

impl<P> RetryLayer<P> {
    /// A layer with any [`Policy`](super::Policy). It stores clones of the requests.
    pub fn with(policy: P) -> Self {
        Self { policy: ShardedArc::new(policy), replay: CloneRequest }
    }
}

impl<P, Replay> RetryLayer<P, Replay> {
    /// Stores copies of the requests that a function makes. Use it for request types that aren't
    /// `Clone`. If the function returns `None`, the request is sent once.
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// struct Upload { name: String, file: Option<std::fs::File> }
    ///
    /// // An upload without a file can be sent again. An upload with a file can't.
    /// let layer = RetryLayer::new(RetryConfig::default()).copy_request_with(|upload: &Upload| match upload.file {
    ///     None => Some(Upload { name: upload.name.clone(), file: None }),
    ///     Some(_) => None,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn copy_request_with<F, Req>(self, copy: F) -> RetryLayer<P, CopyWith<F>>
    where
        F: Fn(&Req) -> Option<Req>,
    {
        self.replay(CopyWith(copy))
    }

    /// Stores requests with a [`RequestReplay`](super::RequestReplay).
    pub fn replay<NewReplay>(self, replay: NewReplay) -> RetryLayer<P, NewReplay> {
        RetryLayer { policy: self.policy, replay }
    }

    /// Changes a request each time that it is sent again, with an async function: for example, sets
    /// a fresh token, or a header with the number of the attempt.
    ///
    /// The function is called after the delay, within the attempt's time limit. If the service then
    /// fails to become ready, the function is called again for the next attempt with the request
    /// that it has already changed. So replace values, and don't append them.
    ///
    /// [`run`](Self::run) doesn't call it: a function that is run gets the attempt, and no request.
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
    /// It can't fail. If there is no fresh token, send the old one, and let the classifier decide
    /// about the service's response.
    pub fn before_resend<F, Fut, Req>(self, prepare: F) -> RetryLayer<P, PrepareResend<Replay, F>>
    where
        F: Fn(Req, Attempt) -> Fut,
        Fut: Future<Output = Req>,
    {
        RetryLayer { policy: self.policy, replay: PrepareResend { replay: self.replay, prepare } }
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The same layer with another type of the same policy.
    pub(super) fn map_policy<NewP>(self, map: impl FnOnce(Arc<P>) -> NewP) -> RetryLayer<NewP, Replay> {
        RetryLayer { policy: self.policy.map(map), replay: self.replay }
    }
}

impl<P, Replay: Clone> Clone for RetryLayer<P, Replay> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), replay: self.replay.clone() }
    }
}

impl<S, P, Replay: Clone> Layer<S> for RetryLayer<P, Replay> {
    type Service = Retry<S, P, Replay>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, &self.policy, self.replay.clone())
    }
}
