//! The ladder: the order of the fallbacks, and what the caller learns about its answer.

use std::{future::ready, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    classify::ErrorClassifierFn,
    fallback::PrimaryFailure,
    observe::Observer,
    report::{ReportLayer, Reported, ReportedError},
    retry::Backoff,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) role: &'static str,
    pub(crate) text: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) by: &'static str,
    pub(crate) text: &'static str,
}

/// The errors. Only `Passing` is recoverable: `Final` is permanent, and `Unknown` errors count as
/// permanent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskError {
    Passing(&'static str),
    Final(&'static str),
    Unknown(&'static str),
}

type Work = dyn Fn(Task) -> Result<&'static str, TaskError> + Send + Sync;
type ServiceClassifier = ErrorClassifierFn<fn(&TaskError) -> Verdict, TaskError>;

/// A service with a circuit, which counts its failures in a row and resets the count on success.
pub(crate) struct Provider {
    name: &'static str,
    role: &'static str,
    work: Box<Work>,
    pub(crate) circuit: Circuit<ServiceClassifier>,
}

impl Provider {
    pub(crate) fn new(name: &'static str, role: &'static str, work: Box<Work>) -> Self {
        // A task that can't be done isn't a failure of the service.
        let classify: fn(&TaskError) -> Verdict = |error| match error {
            TaskError::Final(_) => Verdict::Neutral,
            _ => Verdict::transient(),
        };
        let config = BreakerConfig::default()
            .name(name)
            .open_when(TripRule::consecutive(5).expect("5 failures can be counted"))
            .open_for(OpenDuration::fixed(Duration::from_secs(30)))
            .probes(Probes::one());
        let circuit = Circuit::new(config.classify_errors(classify));
        Self { name, role, work, circuit }
    }

    async fn ask(&self, task: Task) -> Result<Answer, TaskError> {
        let call = || async { (self.work)(task).map(|text| Answer { by: self.name, text }) };
        self.circuit.call(call).await.map_err(|error| match error {
            BreakerError::Inner(error) => error,
            BreakerError::Rejected(_) => TaskError::Passing("the circuit is open"),
        })
    }
}

/// All sources of answers: the services, stored answers, and a person, who receives the task and
/// the error.
pub(crate) struct FollowSources {
    pub(crate) providers: Vec<Provider>,
    pub(crate) memory: fn(Task) -> Result<Answer, TaskError>,
    pub(crate) desk: mpsc::UnboundedSender<(Task, Option<TaskError>)>,
}

impl FollowSources {
    async fn ask(self: Arc<Self>, task: Task, nth_of_its_role: usize) -> Result<Answer, TaskError> {
        let mut matching = self.providers.iter().filter(|provider| provider.role == task.role);
        matching.nth(nth_of_its_role).ok_or(TaskError::Passing("there is no such service"))?.ask(task).await
    }

    fn hand_over(&self, task: Task, error: Option<TaskError>) -> Result<Answer, TaskError> {
        let sent = self.desk.send((task, error));
        sent.map_err(|_| TaskError::Final("the desk is closed"))?;
        Ok(Answer { by: "desk", text: "a person will answer" })
    }
}

/// Builds the ladder. The last level comes first, because it is the outermost layer.
pub(crate) fn ladder(
    sources: &Arc<FollowSources>,
    observer: impl Observer + Clone,
) -> impl Service<Task, Response = Reported<Answer>, Error = ReportedError<TaskError>> {
    let [first, another, stored, desk] = std::array::from_fn(|_| Arc::clone(sources));
    let first = service_fn(move |task| Arc::clone(&first).ask(task, 0));
    let another = service_fn(move |task| Arc::clone(&another).ask(task, 1));
    let memory = service_fn(move |task| ready((stored.memory)(task)));
    let person = move |task, failed: PrimaryFailure<'_, Answer, TaskError>| {
        ready(desk.hand_over(task, failed.outcome.err().cloned()))
    };

    let delays = Backoff::schedule([1, 2, 4].map(Duration::from_secs)).expect("the schedule isn't empty");
    let retry = RetryConfig::default().retries(3).backoff(delays).classify_errors(classify).observe(observer.clone());
    let person = FallbackLayer::with_request(person).name("person").observe(observer.clone());
    let degraded = FallbackLayer::new(memory).name("degraded").observe(observer.clone());
    let another = FallbackLayer::new(another).name("another").observe(observer);
    ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(person.merge_errors(last))
        .layer(degraded.when(is_recoverable).merge_errors(last))
        .layer(another.when(is_recoverable).merge_errors(last))
        .layer(RetryLayer::new(retry))
        .service(first)
}

fn classify(error: &TaskError) -> Verdict {
    match error {
        TaskError::Passing(_) => Verdict::transient(),
        TaskError::Final(_) | TaskError::Unknown(_) => Verdict::permanent(),
    }
}

fn is_recoverable(outcome: Result<&Answer, &TaskError>) -> bool {
    matches!(outcome, Err(TaskError::Passing(_)))
}

/// Keeps the newest error, which decides whether the next fallback is called.
fn last(_: TaskError, last: TaskError) -> TaskError {
    last
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AnswerSource {
    AtOnce,
    Retry { attempt: u32 },
    Fallback { service: &'static str },
    Degraded,
    Intervention,
}

/// Converts how an answer was obtained. Its text is `answered.report.to_string()`.
pub(crate) fn answer_source(answered: &Reported<Answer>) -> AnswerSource {
    match (answered.report.fallback(), answered.report.attempts()) {
        (None, 1) => AnswerSource::AtOnce,
        (None, attempt) => AnswerSource::Retry { attempt },
        (Some("degraded"), _) => AnswerSource::Degraded,
        (Some("person"), _) => AnswerSource::Intervention,
        (Some(_), _) => AnswerSource::Fallback { service: answered.response.by },
    }
}
