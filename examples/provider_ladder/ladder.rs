//! The ladder: what is asked, in which order, and what the caller learns of it.

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

/// Only what is known to pass is recoverable: `Final` says itself that it isn't, and of `Unknown` nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    Passing(&'static str),
    Final(&'static str),
    Unknown(&'static str),
}

type Work = dyn Fn(Task) -> Result<&'static str, Trouble> + Send + Sync;
type Blame = ErrorClassifierFn<fn(&Trouble) -> Verdict>;

/// A service, and the circuit that counts its failures in a row and forgets them on success.
pub(crate) struct Provider {
    name: &'static str,
    role: &'static str,
    work: Box<Work>,
    pub(crate) circuit: Circuit<Blame>,
}

impl Provider {
    pub(crate) fn new(name: &'static str, role: &'static str, work: Box<Work>) -> Self {
        // No service is to blame for a task that can't be done.
        let blame: fn(&Trouble) -> Verdict = |trouble| match trouble {
            Trouble::Final(_) => Verdict::Neutral,
            _ => Verdict::transient(),
        };
        let config = BreakerConfig::default()
            .name(name)
            .open_when(TripRule::consecutive(5).expect("5 failures can be counted"))
            .open_for(OpenDuration::fixed(Duration::from_secs(30)))
            .probes(Probes::one());
        let circuit = Circuit::new(config.classify_errors(blame));
        Self { name, role, work, circuit }
    }

    async fn ask(&self, task: Task) -> Result<Answer, Trouble> {
        let call = || async { (self.work)(task).map(|text| Answer { by: self.name, text }) };
        self.circuit.call(call).await.map_err(|error| match error {
            BreakerError::Inner(trouble) => trouble,
            BreakerError::Rejected(_) => Trouble::Passing("down for some time"),
        })
    }
}

/// Who may be asked: the services, what is remembered, and a person, who is told the task and the trouble.
pub(crate) struct House {
    pub(crate) providers: Vec<Provider>,
    pub(crate) memory: fn(Task) -> Result<Answer, Trouble>,
    pub(crate) desk: mpsc::UnboundedSender<(Task, Option<Trouble>)>,
}

impl House {
    async fn ask(self: Arc<Self>, task: Task, nth_of_its_role: usize) -> Result<Answer, Trouble> {
        let mut able = self.providers.iter().filter(|provider| provider.role == task.role);
        able.nth(nth_of_its_role).ok_or(Trouble::Passing("there is no such service"))?.ask(task).await
    }

    fn ask_person(&self, task: Task, trouble: Option<Trouble>) -> Result<Answer, Trouble> {
        let asked = self.desk.send((task, trouble));
        asked.map_err(|_| Trouble::Final("nobody is at the desk"))?;
        Ok(Answer { by: "desk", text: "a person will answer" })
    }
}

/// The last rung comes first, as it is around all others.
pub(crate) fn ladder(
    house: &Arc<House>,
    observer: impl Observer + Clone,
) -> impl Service<Task, Response = Reported<Answer>, Error = ReportedError<Trouble>> {
    let [first, another, remembering, desk] = std::array::from_fn(|_| Arc::clone(house));
    let first = service_fn(move |task| Arc::clone(&first).ask(task, 0));
    let another = service_fn(move |task| Arc::clone(&another).ask(task, 1));
    let memory = service_fn(move |task| ready((remembering.memory)(task)));
    let person = move |task, failed: PrimaryFailure<'_, Answer, Trouble>| {
        ready(desk.ask_person(task, failed.outcome.err().cloned()))
    };

    let delays = Backoff::schedule([1, 2, 4].map(Duration::from_secs)).expect("there are some");
    let retry = RetryConfig::default().retries(3).backoff(delays).classify_errors(judge).observe(observer.clone());
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

fn judge(trouble: &Trouble) -> Verdict {
    match trouble {
        Trouble::Passing(_) => Verdict::transient(),
        Trouble::Final(_) | Trouble::Unknown(_) => Verdict::permanent(),
    }
}

fn is_recoverable(outcome: Result<&Answer, &Trouble>) -> bool {
    matches!(outcome, Err(Trouble::Passing(_)))
}

/// The trouble that came last says whether to go on.
fn last(_: Trouble, last: Trouble) -> Trouble {
    last
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    AtOnce,
    Retry { attempt: u32 },
    Fallback { service: &'static str },
    Degraded,
    Intervention,
}

/// How an answer was got. Its message is `answered.report.to_string()`.
pub(crate) fn got(answered: &Reported<Answer>) -> Got {
    match (answered.report.fallback(), answered.report.attempts()) {
        (None, 1) => Got::AtOnce,
        (None, attempt) => Got::Retry { attempt },
        (Some("degraded"), _) => Got::Degraded,
        (Some("person"), _) => Got::Intervention,
        (Some(_), _) => Got::Fallback { service: answered.response.by },
    }
}
