//! The future of a script's call.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Sleep, sleep};

use super::{
    script_state::ScriptState,
    step::{Action, Step},
};

/// The future of a [`Script`](super::Script)'s call.
pub struct ScriptFuture<Res, Err> {
    /// Taken by the end of the call.
    action: Option<Action<Res, Err>>,
    delay: Option<Pin<Box<Sleep>>>,
    state: Arc<ScriptState<Res, Err>>,
}

impl<Res, Err> ScriptFuture<Res, Err> {
    pub(super) fn new(state: Arc<ScriptState<Res, Err>>, step: Step<Res, Err>) -> Self {
        // Without a delay, no runtime is needed.
        let delay = (!step.delay.is_zero()).then(|| Box::pin(sleep(step.delay)));
        Self { action: Some(step.action), delay, state }
    }
}

impl<Res, Err> Future for ScriptFuture<Res, Err> {
    type Output = Result<Res, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if matches!(this.action, Some(Action::Hang)) {
            return Poll::Pending;
        }
        if let Some(delay) = &mut this.delay {
            if delay.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.delay = None;
        }
        let action = this.action.take();
        if action.is_some() {
            this.state.end_call(false);
        }
        match action {
            Some(Action::Respond(make)) => Poll::Ready(make()),
            Some(Action::Panic(message)) => panic!("{message}"),
            Some(Action::Hang | Action::NotReady | Action::Busy | Action::ReadinessError(_)) => Poll::Pending,
            None => panic!("the future of a script's call was polled after it had ended"),
        }
    }
}

impl<Res, Err> Drop for ScriptFuture<Res, Err> {
    fn drop(&mut self) {
        if self.action.is_some() {
            self.state.end_call(true);
        }
    }
}

impl<Res, Err> fmt::Debug for ScriptFuture<Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptFuture").field("has_ended", &self.action.is_none()).finish_non_exhaustive()
    }
}
