use std::borrow::Cow;

use metrics::{Label, SharedString, counter, histogram};

use crate::worker::JobEvent;

/// An observer for [`Worker::observe`](crate::Worker::observe) that counts what happens to jobs.
/// `name` is the label of all its metrics: the queue's name.
pub fn job_metrics(name: impl Into<Cow<'static, str>>) -> impl Fn(&JobEvent<'_>) + Send + Sync + 'static {
    let name = SharedString::from(name.into());
    move |event| {
        let named = || Label::new("name", name.clone());
        match event {
            JobEvent::Done { attempt, age, .. } => {
                let attempt = if *attempt <= 10 { attempt.to_string() } else { "more".to_owned() };
                counter!("recourse_jobs_done_total", vec![named(), Label::new("attempt", attempt)]).increment(1);
                histogram!("recourse_jobs_time_to_success_seconds", vec![named()]).record(age.as_secs_f64());
            }
            JobEvent::Retried { .. } => counter!("recourse_jobs_retried_total", vec![named()]).increment(1),
            JobEvent::Postponed { .. } => counter!("recourse_jobs_postponed_total", vec![named()]).increment(1),
            JobEvent::Crashed { .. } => counter!("recourse_jobs_crashed_total", vec![named()]).increment(1),
            JobEvent::Dead { reason, .. } => {
                let reason = Label::new("reason", reason.label().to_owned());
                counter!("recourse_jobs_dead_total", vec![named(), reason]).increment(1);
            }
            JobEvent::LeaseLost { .. } => counter!("recourse_jobs_lease_lost_total", vec![named()]).increment(1),
            JobEvent::QueueFailed { .. } => counter!("recourse_jobs_queue_errors_total", vec![named()]).increment(1),
            JobEvent::Started { .. } | JobEvent::Returned { .. } => {}
        }
    }
}
