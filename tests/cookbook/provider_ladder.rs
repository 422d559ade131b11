//! The provider ladder: its requirements, and the faults that it corrects, tested on the example.

#[path = "../../examples/provider_ladder/ladder.rs"]
mod example;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use example::{Answer, AnswerSource, FollowSources, Provider, Task, TaskError, answer_source, ladder};
use tokio::{sync::mpsc, time::Instant};
use tower_recourse::{
    Cause, State,
    observe::{Event, Observer},
    report::{Reported, ReportedError},
};

use crate::scripted::{EventLog, ms, ready_and_call, secs};

const TASK: Task = Task { role: "translate", text: "a letter" };
const PASSING: TaskError = TaskError::Passing("busy");
const FINAL: TaskError = TaskError::Final("the text is unreadable");
const UNKNOWN: TaskError = TaskError::Unknown("error 17");

type Outcome = Result<&'static str, TaskError>;

/// Returns one outcome after another, and then repeats the last one.
#[derive(Clone)]
struct Script(Arc<Mutex<(VecDeque<Outcome>, Vec<Instant>)>>);

impl Script {
    fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self(Arc::new(Mutex::new((outcomes.into_iter().collect(), Vec::new()))))
    }

    fn provider(&self, name: &'static str, role: &'static str) -> Provider {
        let script = Arc::clone(&self.0);
        let work = move |_| {
            let (outcomes, calls) = &mut *script.lock().unwrap();
            calls.push(Instant::now());
            if outcomes.len() > 1 { outcomes.pop_front().unwrap() } else { outcomes[0].clone() }
        };
        Provider::new(name, role, Box::new(work))
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }

    fn gaps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().1.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// A ladder of two translators and a payment service. It has a memory of earlier answers, and a
/// desk where the person receives tasks.
struct Scene {
    atlas: Script,
    babel: Script,
    sources: Arc<FollowSources>,
    desk: mpsc::UnboundedReceiver<(Task, Option<TaskError>)>,
    rungs: Arc<Mutex<Vec<String>>>,
    events: EventLog,
}

impl Scene {
    fn new(
        atlas: impl IntoIterator<Item = Outcome>,
        babel: Outcome,
        memory: fn(Task) -> Result<Answer, TaskError>,
    ) -> Self {
        let (sender, desk) = mpsc::unbounded_channel();
        let (atlas, babel) = (Script::new(atlas), Script::new([babel]));
        let cashier = Script::new([Ok("paid")]).provider("cashier", "pay");
        let providers = vec![cashier, atlas.provider("atlas", "translate"), babel.provider("babel", "translate")];
        let sources = Arc::new(FollowSources { providers, memory, desk: sender });
        Self { atlas, babel, sources, desk, rungs: Arc::default(), events: EventLog::default() }
    }

    async fn call(&self, task: Task) -> Result<Reported<Answer>, ReportedError<TaskError>> {
        let (rungs, events) = (Arc::clone(&self.rungs), Arc::new(self.events.observer()));
        let observer = move |event: &Event<'_>| {
            events.on_event(event);
            match event {
                Event::FallbackCalled { name, .. } => rungs.lock().unwrap().push(name.to_string()),
                Event::FallbackFailed { name, .. } => rungs.lock().unwrap().push(format!("{name} failed")),
                _ => {}
            }
        };
        ready_and_call(&mut ladder(&self.sources, observer), task).await
    }

    fn rungs(&self) -> Vec<String> {
        std::mem::take(&mut self.rungs.lock().unwrap())
    }

    fn failures_in_a_row(&self, provider: usize) -> u32 {
        self.sources.providers[provider].circuit.stats().failures_in_a_row
    }
}

const ATLAS: usize = 1;
const BABEL: usize = 2;

fn remembered(_: Task) -> Result<Answer, TaskError> {
    Ok(Answer { by: "memory", text: "as of last year" })
}

fn forgotten(_: Task) -> Result<Answer, TaskError> {
    Err(TaskError::Passing("never seen before"))
}

#[tokio::test(start_paused = true)]
async fn point_1_it_retries_after_1_2_and_4_seconds() {
    let scene = Scene::new([Err(PASSING), Err(PASSING), Err(PASSING), Ok("fluently")], Ok("no"), remembered);
    let answered = scene.call(TASK).await.unwrap();
    assert_eq!((answered.response.by, answered.response.text), ("atlas", "fluently"));
    assert_eq!(scene.atlas.gaps(), [secs(1), secs(2), secs(4)]);
    assert!(scene.rungs().is_empty() && scene.babel.calls() == 0);
}

#[tokio::test(start_paused = true)]
async fn point_1_then_another_service_is_chosen_by_role() {
    let scene = Scene::new([Err(PASSING)], Ok("word by word"), remembered);
    let answered = scene.call(TASK).await.unwrap();
    assert_eq!(answered.response.by, "babel", "not the payment service, which is the first provider");
    assert_eq!((scene.atlas.calls(), scene.babel.calls()), (4, 1));
    assert_eq!(scene.rungs(), ["another"]);

    let answered = scene.call(Task { role: "pay", ..TASK }).await.unwrap();
    assert_eq!(answered.response.by, "cashier");
}

#[tokio::test(start_paused = true)]
async fn point_1_then_a_degraded_answer() {
    let scene = Scene::new([Err(PASSING)], Err(PASSING), remembered);
    assert_eq!(scene.call(TASK).await.unwrap().response.text, "as of last year");
    assert_eq!(scene.rungs(), ["another", "another failed", "degraded"]);
}

#[tokio::test(start_paused = true)]
async fn point_1_then_a_person_is_asked() {
    let mut scene = Scene::new([Err(PASSING)], Err(PASSING), forgotten);
    assert_eq!(scene.call(TASK).await.unwrap().response.by, "desk");
    assert_eq!(scene.rungs(), ["another", "another failed", "degraded", "degraded failed", "person"]);
    assert_eq!(scene.desk.try_recv(), Ok((TASK, Some(TaskError::Passing("never seen before")))));
    assert!(scene.desk.try_recv().is_err(), "called once");
}

#[tokio::test(start_paused = true)]
async fn point_2_an_unrecoverable_error_goes_to_the_person() {
    let begun = Instant::now();
    let mut scene = Scene::new([Err(FINAL)], Ok("not called"), remembered);
    let answered = scene.call(TASK).await.unwrap();
    assert_eq!(answer_source(&answered), AnswerSource::Intervention);
    assert_eq!((scene.atlas.calls(), scene.babel.calls(), begun.elapsed()), (1, 0, ms(0)));
    assert_eq!(scene.rungs(), ["person"]);
    assert_eq!(scene.desk.try_recv(), Ok((TASK, Some(FINAL))), "the person receives the reason");
}

#[tokio::test(start_paused = true)]
async fn point_2_so_does_an_unrecoverable_error_of_a_backup() {
    let mut scene = Scene::new([Err(PASSING)], Err(FINAL), remembered);
    assert_eq!(answer_source(&scene.call(TASK).await.unwrap()), AnswerSource::Intervention);
    assert_eq!(scene.rungs(), ["another", "another failed", "person"]);
    assert_eq!(scene.desk.try_recv(), Ok((TASK, Some(FINAL))));

    // The circuit of the first service opens, and that service isn't called any more. The second
    // service still fails, so the person still gets the task.
    scene.call(TASK).await.unwrap();
    assert_eq!(scene.sources.providers[ATLAS].circuit.state(), State::Open);
    scene.rungs();
    assert_eq!(answer_source(&scene.call(TASK).await.unwrap()), AnswerSource::Intervention);
    assert_eq!(
        (scene.rungs(), scene.atlas.calls()),
        (vec!["another".into(), "another failed".into(), "person".into()], 5)
    );
}

#[tokio::test(start_paused = true)]
async fn point_3_failures_count_per_service_until_a_success() {
    let failing = || Err(PASSING);
    let scene = Scene::new([failing(), failing(), failing(), failing(), Ok("fluently")], Err(PASSING), remembered);
    scene.call(TASK).await.unwrap();
    assert_eq!((scene.failures_in_a_row(ATLAS), scene.failures_in_a_row(BABEL)), (4, 1), "each service has a count");
    scene.call(TASK).await.unwrap();
    assert_eq!((scene.failures_in_a_row(ATLAS), scene.failures_in_a_row(BABEL)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn point_3_an_impossible_task_is_not_a_service_failure() {
    let scene = Scene::new([Err(FINAL)], Ok("not called"), remembered);
    for _ in 0..9 {
        scene.call(TASK).await.unwrap();
    }
    assert_eq!((scene.failures_in_a_row(ATLAS), scene.sources.providers[ATLAS].circuit.state()), (0, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn point_4_the_caller_receives_a_report() {
    let cases = [
        (vec![Ok("yes")], Ok("no"), remembered as fn(Task) -> _, AnswerSource::AtOnce, "the first attempt succeeded"),
        (
            vec![Err(PASSING), Ok("yes")],
            Ok("no"),
            remembered,
            AnswerSource::Retry { attempt: 2 },
            "attempt 2 succeeded",
        ),
        (
            vec![Err(PASSING)],
            Ok("yes"),
            remembered,
            AnswerSource::Fallback { service: "babel" },
            "fallback `another` (depth 1) answered: all 4 attempts failed",
        ),
        (
            vec![Err(PASSING)],
            Err(PASSING),
            remembered,
            AnswerSource::Degraded,
            "fallback `degraded` (depth 2) answered: all 4 attempts failed",
        ),
        (
            vec![Err(PASSING)],
            Err(PASSING),
            forgotten,
            AnswerSource::Intervention,
            "fallback `person` (depth 3) answered: all 4 attempts failed",
        ),
        (
            vec![Err(FINAL)],
            Ok("no"),
            remembered,
            AnswerSource::Intervention,
            "fallback `person` (depth 3) answered: the failure is permanent",
        ),
    ];
    for (atlas, babel, memory, how, message) in cases {
        let scene = Scene::new(atlas, babel, memory);
        let answered = scene.call(TASK).await.unwrap();
        assert_eq!((answer_source(&answered), answered.report.to_string().as_str()), (how, message));
    }
}

#[tokio::test(start_paused = true)]
async fn point_5_a_failed_fallback_is_reported_and_the_next_tried() {
    let scene = Scene::new([Err(PASSING)], Err(PASSING), forgotten);
    scene.call(TASK).await.unwrap();
    assert_eq!((scene.events.count("FallbackFailed"), scene.events.count("FallbackCalled")), (2, 3));
    assert_eq!(scene.rungs(), ["another", "another failed", "degraded", "degraded failed", "person"]);
}

#[tokio::test(start_paused = true)]
async fn point_5_so_is_the_last_one_before_the_error() {
    let mut scene = Scene::new([Err(FINAL)], Ok("not called"), remembered);
    scene.desk.close();
    let unanswered = scene.call(TASK).await.unwrap_err();
    assert_eq!(unanswered.error, TaskError::Final("the desk is closed"));
    assert_eq!(unanswered.report.cause(), Some(Cause::Permanent));
    assert_eq!(scene.rungs(), ["person", "person failed"]);
}

/// The fault: each report of a failure caused at most one retry, regardless of the schedule.
#[tokio::test(start_paused = true)]
async fn corrected_one_report_gets_all_its_retries() {
    let scene = Scene::new([Err(PASSING)], Ok("word by word"), remembered);
    scene.call(TASK).await.unwrap();
    assert_eq!((scene.atlas.calls(), scene.events.count("RetryScheduled")), (4, 3));
}

/// The fault: every unknown error was treated as recoverable.
#[tokio::test(start_paused = true)]
async fn corrected_an_unknown_error_is_not_recoverable() {
    let mut scene = Scene::new([Err(UNKNOWN)], Ok("not called"), remembered);
    assert_eq!(answer_source(&scene.call(TASK).await.unwrap()), AnswerSource::Intervention);
    assert_eq!((scene.atlas.calls(), scene.babel.calls()), (1, 0));
    assert_eq!(scene.desk.try_recv(), Ok((TASK, Some(UNKNOWN))));
}
