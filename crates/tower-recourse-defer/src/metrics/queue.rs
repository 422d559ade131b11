use std::borrow::Cow;

use metrics::{Label, SharedString, gauge};

use crate::{Queue, QueueError};

/// Sets the gauges of a queue. `name` is their label.
///
/// # Errors
///
/// If the queue fails. The gauges keep their former values then.
pub async fn publish_queue(name: impl Into<Cow<'static, str>>, queue: &impl Queue) -> Result<(), QueueError> {
    let name = SharedString::from(name.into());
    let counts = queue.counts().await?;
    for (state, jobs) in
        [("waiting", counts.waiting), ("running", counts.running), ("done", counts.done), ("dead", counts.dead)]
    {
        let labels = vec![Label::new("name", name.clone()), Label::from_static_parts("state", state)];
        gauge!("recourse_jobs", labels).set(jobs as f64);
    }
    let late = counts.late.map_or(0.0, |late| late.as_secs_f64());
    gauge!("recourse_jobs_late_seconds", vec![Label::new("name", name)]).set(late);
    Ok(())
}
