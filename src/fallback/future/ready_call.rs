use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// Polls a service until it is ready, and calls it.
    ///
    /// The same as `tower::util::Oneshot`, for which this crate would need tower's `util` feature.
    #[must_use = "futures do nothing unless polled"]
    pub struct ReadyCall<S, Req, Fut> {
        #[pin]
        step: Step<S, Req, Fut>,
    }
}

pin_project! {
    #[project = StepProj]
    #[project_replace = StepOwned]
    enum Step<S, Req, Fut> {
        Readying { service: S, request: Req },
        Calling { #[pin] future: Fut },
        Done,
    }
}

impl<S, Req, Fut> ReadyCall<S, Req, Fut> {
    pub(in crate::fallback) fn new(service: S, request: Req) -> Self {
        Self { step: Step::Readying { service, request } }
    }
}

impl<S: Service<Req>, Req> Future for ReadyCall<S, Req, S::Future> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            match step.as_mut().project() {
                StepProj::Readying { service, .. } => {
                    ready!(service.poll_ready(cx))?;
                    let ready = step.as_mut().project_replace(Step::Done);
                    let StepOwned::Readying { mut service, request } = ready else { continue };
                    step.set(Step::Calling { future: service.call(request) });
                }
                StepProj::Calling { future } => return future.poll(cx),
                StepProj::Done => panic!("polled after completion"),
            }
        }
    }
}
