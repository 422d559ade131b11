//! One attempt of a job: the call of the service, and the policy's decision.

use std::{fmt, future::poll_fn, time::Duration};

use tokio::time::Instant;
use tower_recourse::{
    Attempt, Cause, Outcome,
    classify::Origin,
    observe::ErrorText,
    report::with_report,
    retry::{Decision, Policy},
};
use tower_service::Service;

use super::policy::with_failure;

/// What the policy decided about an attempt, and why it failed.
pub(super) struct Attempted {
    pub(super) decision: Decision,
    pub(super) why: String,
    /// The circuit rejected the attempt after this one, of a retry within the service.
    pub(super) retry_in: Option<Duration>,
}

/// Calls the service with the request, as the attempt with this number.
pub(super) async fn attempt<S, P, Req>(policy: &P, mut service: S, request: Req, number: u32) -> Attempted
where
    S: Service<Req>,
    S::Error: fmt::Display + 'static,
    P: Policy<Req, S::Response, S::Error>,
{
    let attempt = Attempt::new(number);
    let mut state = policy.start(&request);
    policy.attempt(&mut state, &attempt);
    let started = Instant::now();
    let reported = with_report(async {
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    })
    .await;
    let elapsed = started.elapsed();
    let (result, report) = match reported {
        Ok(reported) => (Ok(reported.response), reported.report),
        Err(failed) => (Err(failed.error), failed.report),
    };

    // A fallback's answer is the service's own, whatever the fallback was called for.
    let reported = report.cause().filter(|_| report.fallback().is_none());
    let cause = match policy.origin(result.as_ref()) {
        Origin::Rejected(cause) => Some(cause),
        Origin::Called => reported.filter(|cause| !cause.is_rejection()),
        _ => reported,
    };
    let outcome = Outcome::new(result.as_ref()).with_elapsed(Some(elapsed)).with_cause(cause);
    let (decision, described) = with_failure(|| policy.decide(&mut state, &attempt, outcome));
    if let Decision::Retry { .. } = decision {
        // The retry costs its quota and its budget now, because the state doesn't outlive the job's
        // wait.
        policy.attempt(&mut state, &Attempt::new(number.saturating_add(1)));
    }
    let why = match (&result, decision) {
        (Err(error), _) => ErrorText::display(error).to_string(),
        (Ok(_), Decision::Return(reason)) => described.unwrap_or_else(|| reason.to_string()),
        (Ok(_), _) => described.unwrap_or_else(|| "the response was classified as a failure".to_owned()),
    };
    let retry_in = match cause {
        Some(Cause::RetryRejected { retry_in }) => retry_in,
        _ => None,
    };
    Attempted { decision, why, retry_in }
}
