//! The presets for reqwest.

use super::Replay;
use crate::{
    BreakerConfig, RetryConfig,
    http::StatusClassifier,
    retry::{NoTimeouts, quota::NoQuota},
};

impl RetryConfig<StatusClassifier, NoTimeouts, NoQuota, Replay> {
    /// [`RetryConfig::http`] around a `reqwest::Client`: the same settings and the same classifier,
    /// for requests of reqwest's type.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::ServiceBuilder;
    /// use tower_recourse::{RetryConfig, RetryLayer, reqwest::Error, retry::Timeouts};
    ///
    /// let timeouts = Timeouts::attempt(Duration::from_secs(1)).total(Duration::from_secs(3));
    /// let client = ServiceBuilder::new()
    ///     .layer(RetryLayer::new(RetryConfig::reqwest().timeouts(timeouts)))
    ///     .map_err(Error::Client)                             // so that a timeout has an error type
    ///     .service(reqwest::Client::new());
    /// # let _ = client;
    /// ```
    pub fn reqwest() -> Self {
        RetryConfig::http().name("reqwest").replay(Replay::default())
    }
}

impl BreakerConfig<StatusClassifier> {
    /// [`BreakerConfig::http`] around a `reqwest::Client`: the same settings and the same
    /// classifier, under another name.
    pub fn reqwest() -> Self {
        Self::http().name("reqwest")
    }
}
