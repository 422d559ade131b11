//! The steps of a script.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// One step of a [`Script`](super::Script). The functions of [`testing`](crate::testing) make them:
/// [`succeed`](super::succeed), [`fail`](super::fail), [`hang`](super::hang), ….
pub struct Step<Res, Err> {
    pub(super) action: Action<Res, Err>,
    pub(super) delay: Duration,
    pub(super) times: u32,
}

/// What a service does in a step.
pub(super) enum Action<Res, Err> {
    /// Makes the result of the call.
    Respond(Make<Res, Err>),
    Hang,
    Panic(Cow<'static, str>),
    /// Isn't ready until the script is changed.
    NotReady,
    /// Isn't ready until the step's delay is over. This step takes no call.
    Busy,
    /// Fails to become ready.
    ReadinessError(Arc<dyn Fn() -> Err + Send + Sync>),
}

/// Makes the result of a call.
pub(super) type Make<Res, Err> = Arc<dyn Fn() -> Result<Res, Err> + Send + Sync>;

impl<Res, Err> Step<Res, Err> {
    pub(super) const fn new(action: Action<Res, Err>) -> Self {
        Self { action, delay: Duration::ZERO, times: 1 }
    }

    /// Delays the end of the step: the response, the error or the panic comes this long after the
    /// call; a readiness error comes this long after the first poll. The delay is tokio time. It
    /// has no effect on [`hang`](super::hang) and [`not_ready`](super::not_ready).
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Repeats the step this many times. 0 removes it from the script.
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Whether the step takes a call. Other steps concern readiness.
    pub(super) fn takes_a_call(&self) -> bool {
        match self.action {
            Action::Respond(_) | Action::Hang | Action::Panic(_) => true,
            Action::NotReady | Action::Busy | Action::ReadinessError(_) => false,
        }
    }
}

impl<Res: 'static, Err: 'static> Step<Res, Err> {
    /// Changes the response of the step, if it has one.
    #[cfg(feature = "http")]
    pub(super) fn map_response(self, map: impl Fn(Res) -> Res + Send + Sync + 'static) -> Self {
        let action = match self.action {
            Action::Respond(make) => Action::Respond(Arc::new(move || make().map(&map))),
            other => other,
        };
        Self { action, ..self }
    }
}

impl<Res, Err> Clone for Step<Res, Err> {
    fn clone(&self) -> Self {
        Self { action: self.action.clone(), delay: self.delay, times: self.times }
    }
}

impl<Res, Err> Clone for Action<Res, Err> {
    fn clone(&self) -> Self {
        match self {
            Self::Respond(make) => Self::Respond(Arc::clone(make)),
            Self::Hang => Self::Hang,
            Self::Panic(message) => Self::Panic(message.clone()),
            Self::NotReady => Self::NotReady,
            Self::Busy => Self::Busy,
            Self::ReadinessError(make) => Self::ReadinessError(Arc::clone(make)),
        }
    }
}

impl<Res, Err> fmt::Debug for Step<Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match &self.action {
            Action::Respond(_) => "respond",
            Action::Hang => "hang",
            Action::Panic(_) => "panic",
            Action::NotReady => "not ready",
            Action::Busy => "busy",
            Action::ReadinessError(_) => "readiness error",
        };
        f.debug_struct("Step")
            .field("action", &format_args!("{action}"))
            .field("delay", &self.delay)
            .field("times", &self.times)
            .finish()
    }
}
