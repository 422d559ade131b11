use std::sync::Arc;

use ::http::Request;

use super::{
    method_name::MethodName,
    parse::{ParsedConfig, parse},
    retry_policy::{MethodConfig, MethodRetry, method_retry},
};
use crate::{
    Attempt, Cause, Elapsed, InvalidConfig, Outcome, RetryLayer,
    classify::{DrainFuture, Origin},
    grpc::GrpcReplay,
    http::Deadline,
    retry::{
        Decision, NoTimeouts, OverridablePolicy, Override, Policy, Proposal, TimeLimits, Timeouts, budget::AnyBudget,
    },
    time::Instant,
};

/// Retries calls as a gRPC service config describes: each method by the `retryPolicy` of the
/// matching `methodConfig`, with one budget for all methods, the `retryThrottling`. Made by
/// [`RetryConfig::from_service_config`](crate::RetryConfig::from_service_config).
///
/// ```
/// use tower_recourse::{InvalidConfig, RetryConfig};
///
/// let config = RetryConfig::from_service_config(r#"{
///     "methodConfig": [{
///         "name": [{ "service": "shop.Prices" }],
///         "retryPolicy": {
///             "maxAttempts": 3,
///             "initialBackoff": "0.05s",
///             "maxBackoff": "1s",
///             "backoffMultiplier": 2,
///             "retryableStatusCodes": ["UNAVAILABLE"]
///         }
///     }],
///     "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 }
/// }"#)?;
/// let layer = config.layer();
/// # let _ = layer;
/// # Ok::<(), InvalidConfig>(())
/// ```
///
/// If several names match a call, the most specific one applies: service and method, then the
/// service alone, then `{}`. Methods without a `methodConfig`, or without a `retryPolicy` in it,
/// aren't retried. Only the codes in `retryableStatusCodes` are retried. If a pushback comes with
/// one of them, the retry waits for it.
///
/// A `timeout` is the deadline of a call, including all attempts and waits. An earlier deadline of
/// the call takes precedence. Each attempt sends the time that is left as `grpc-timeout`, which
/// tonic's channel enforces. [`timeouts`](Self::timeouts) limits the attempts, too.
///
/// All other settings are those of [`RetryConfig::grpc`](crate::RetryConfig::grpc). Its budget
/// applies if there is no `retryThrottling`. Fields for other purposes (load balancing,
/// `waitForReady`, hedging) are ignored. Fields that gRPC doesn't define are ignored, too, as
/// proposal A21 requires, and [`unknown_fields`](Self::unknown_fields) lists them. Only in a `name`
/// are they an error: a misspelt `service` would select all methods.
///
/// The page for [users of a gRPC service config](crate::coming_from::grpc_service_config) has a
/// complete stack, with a breaker.
///
/// # Errors, clone, cancel safety
///
/// As for [`RetryLayer`].
#[derive(Debug, Clone)]
pub struct ServiceConfig<Timeout = NoTimeouts> {
    base: MethodRetry<Timeout>,
    methods: Vec<(MethodName, MethodConfig)>,
    max_attempts: u32,
    /// One per item of `methods`, in the same order. An additional last one applies to methods
    /// without a config.
    retries: Arc<[MethodRetry<Timeout>]>,
    unknown_fields: Arc<[String]>,
}

impl ServiceConfig {
    /// gRPC's libraries have the same limit. Without it, the publisher of a config could make all
    /// clients retry a hundred times.
    const MAX_ATTEMPTS: u32 = 5;

    pub(crate) fn parse(base: MethodRetry, json: &str) -> Result<Self, InvalidConfig> {
        let ParsedConfig { mut methods, throttle, unknown } = parse(json)?;
        methods.sort_by(|(one, _), (other, _)| one.cmp(other));
        let base = match throttle {
            Some(throttle) => base.budget(throttle),
            None => base,
        };
        let (max_attempts, unknown_fields) = (Self::MAX_ATTEMPTS, unknown.into());
        Ok(Self { base, methods, max_attempts, retries: Arc::new([]), unknown_fields }.with_retries())
    }
}

impl<Timeout> ServiceConfig<Timeout> {
    /// The paths of the fields that gRPC doesn't define, such as `methodConfig[0].retryPolcy`. They
    /// have no effect. Log them, or reject the config if the list isn't empty: each is a misspelt
    /// field, or a field of a later version of gRPC.
    ///
    /// ```
    /// use tower_recourse::{InvalidConfig, RetryConfig};
    ///
    /// let config = RetryConfig::from_service_config(r#"{ "methodConfigs": [] }"#)?;
    /// assert_eq!(config.unknown_fields(), ["methodConfigs"]);
    /// # Ok::<(), InvalidConfig>(())
    /// ```
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown_fields
    }

    /// Sets the time limits of all methods, for each attempt and for the whole call, and the
    /// outcome when one is reached. Default: none. The `timeout` of a method remains a limit, and
    /// the earlier one applies. The field `perAttemptRecvTimeout` is ignored.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{InvalidConfig, RetryConfig, grpc::DeadlineExceeded, retry::Timeouts};
    ///
    /// let limits = Timeouts::attempt(Duration::from_secs(1)).timeout_outcome(DeadlineExceeded);
    /// let layer = RetryConfig::from_service_config("{}")?.timeouts(limits).layer();
    /// # let _ = layer;
    /// # Ok::<(), InvalidConfig>(())
    /// ```
    ///
    /// An attempt that times out is repeated if `retryableStatusCodes` contains DEADLINE_EXCEEDED.
    pub fn timeouts<NewTimeout: Clone>(self, timeouts: Timeouts<NewTimeout>) -> ServiceConfig<NewTimeout> {
        let Self { base, methods, max_attempts, retries: _, unknown_fields } = self;
        let base = base.timeouts(timeouts);
        ServiceConfig { base, methods, max_attempts, retries: Arc::new([]), unknown_fields }.with_retries()
    }

    pub(super) fn base(&self) -> &MethodRetry<Timeout> {
        &self.base
    }

    pub(super) fn methods(&self) -> &[(MethodName, MethodConfig)] {
        &self.methods
    }

    pub(super) fn attempt_limit(&self) -> u32 {
        self.max_attempts
    }
}

impl<Timeout: Clone> ServiceConfig<Timeout> {
    /// Sets the maximum number of attempts for every method; 5 by default. A larger `maxAttempts`
    /// in the config is lowered to it.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self.with_retries()
    }

    /// Changes the settings that all methods share: names, observers, the retry switch, the longest
    /// delay. Attempts, backoff and codes remain those of the service config. A budget that it sets
    /// replaces the `retryThrottling` of the service config, and so does
    /// [`without_budget`](crate::RetryConfig::without_budget). For time limits, see
    /// [`timeouts`](Self::timeouts).
    pub fn map_methods(mut self, change: impl FnOnce(MethodRetry<Timeout>) -> MethodRetry<Timeout>) -> Self {
        self.base = change(self.base);
        self.with_retries()
    }

    /// Makes the layer.
    pub fn layer(self) -> RetryLayer<Self, GrpcReplay> {
        let replay = self.base.replay.clone();
        RetryLayer::with(self).replay(replay)
    }

    fn with_retries(mut self) -> Self {
        let none = std::iter::once(None);
        let policies = self.methods.iter().map(|(_, config)| config.retry.as_ref()).chain(none);
        self.retries = policies.map(|policy| method_retry(&self.base, policy, self.max_attempts)).collect();
        self
    }

    fn method_index(&self, path: &str) -> usize {
        self.methods.iter().position(|(name, _)| name.matches(path)).unwrap_or(self.methods.len())
    }

    /// The deadline of a call that starts now.
    fn deadline(&self, index: usize) -> Option<Instant> {
        let (_, config) = self.methods.get(index)?;
        config.timeout.map(|timeout| Deadline::after(timeout).at())
    }
}

/// The state of one request.
#[derive(Debug)]
pub struct ServiceConfigState<S> {
    method: usize,
    /// From the method's `timeout`.
    deadline: Option<Instant>,
    state: S,
}

impl<Timeout, B, Res, Err> OverridablePolicy<Request<B>, Res, Err> for ServiceConfig<Timeout>
where
    Timeout: Clone,
    MethodRetry<Timeout>: OverridablePolicy<Request<B>, Res, Err>,
{
    fn decide_with(
        &self,
        state: &mut Self::State,
        attempt: &Attempt,
        outcome: Outcome<'_, Res, Err>,
        overrides: &mut dyn FnMut(&Proposal<'_>) -> Option<Override>,
    ) -> Decision {
        self.retries[state.method].decide_with(&mut state.state, attempt, outcome, overrides)
    }
}

impl<Timeout, B, Res, Err> Policy<Request<B>, Res, Err> for ServiceConfig<Timeout>
where
    Timeout: Clone,
    MethodRetry<Timeout>: Policy<Request<B>, Res, Err>,
{
    type State = ServiceConfigState<<MethodRetry<Timeout> as Policy<Request<B>, Res, Err>>::State>;

    fn start(&self, request: &Request<B>) -> Self::State {
        let method = self.method_index(request.uri().path());
        ServiceConfigState { method, deadline: self.deadline(method), state: self.retries[method].start(request) }
    }

    fn attempt(&self, state: &mut Self::State, attempt: &Attempt) {
        self.retries[state.method].attempt(&mut state.state, attempt);
    }

    fn decide(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        self.retries[state.method].decide(&mut state.state, attempt, outcome)
    }

    fn not_retried(&self, state: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        self.retries[state.method].not_retried(&mut state.state, attempt, outcome, cause);
    }

    fn deadline(&self, state: &Self::State) -> Option<Instant> {
        let own = self.retries[state.method].deadline(&state.state);
        own.into_iter().chain(state.deadline).min()
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        self.base.discard(outcome)
    }

    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        Policy::<Request<B>, Res, Err>::keep(&self.base, outcome)
    }

    #[inline]
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.base.origin(outcome)
    }

    fn limits(&self) -> TimeLimits {
        Policy::<Request<B>, Res, Err>::limits(&self.base)
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.base.timed_out(elapsed)
    }

    fn budget(&self) -> Option<&AnyBudget> {
        Policy::<Request<B>, Res, Err>::budget(&self.base)
    }
}
