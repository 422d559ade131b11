//! A ladder: retry after 1, 2 and 4 s, then call another service of the same role, then return a
//! degraded answer, then ask a person.
//!
//! ```sh
//! cargo run --example provider_ladder
//! ```
//!
//! Time is paused: tokio advances its clock while all tasks wait, so the example doesn't wait.

mod ladder;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use ladder::{Answer, FollowSources, Provider, Task, TaskError, answer_source, ladder};
use tokio::{sync::mpsc, time::Instant};
use tower::{Service, ServiceExt};
use tower_recourse::observe::Event;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let (desk, mut questions) = mpsc::unbounded_channel();
    let calls = AtomicU32::new(0);
    let flaky = move |task: Task| match (task.text, calls.fetch_add(1, Ordering::Relaxed)) {
        ("an oracle", _) => Err(TaskError::Final("the text is unreadable")),
        ("a blank page", _) => Err(TaskError::Unknown("error 0x80004005")),
        (_, 0 | 4) => Ok("fluently"),
        _ => Err(TaskError::Passing("connection reset")),
    };
    let slow_but_sure = |task: Task| match task.text {
        "a poem" | "a riddle" => Err(TaskError::Passing("busy")),
        _ => Ok("word by word"),
    };
    let sources = Arc::new(FollowSources {
        providers: vec![
            Provider::new("atlas", "translate", Box::new(flaky)),
            Provider::new("quota", "pay", Box::new(|_| Ok("paid"))),
            Provider::new("babel", "translate", Box::new(slow_but_sure)),
        ],
        memory: |task| match task.text {
            "a poem" => Ok(Answer { by: "memory", text: "last year's translation" }),
            _ => Err(TaskError::Passing("never seen before")),
        },
        desk,
    });

    let mut ladder = ladder(&sources, report);
    for text in ["a letter", "an oracle", "a contract", "a blank page", "a novel", "a poem", "a riddle"] {
        println!("translate {text}");
        let begun = Instant::now();
        match ladder.ready().await.expect("always ready").call(Task { role: "translate", text }).await {
            Ok(answered) => {
                let Answer { by, text } = answered.response;
                println!("  answer: {text}, by {by}, after {} s", begun.elapsed().as_secs());
                println!("    {:?}: {}", answer_source(&answered), answered.report);
            }
            Err(unanswered) => println!("  no answer: {:?}; {}", unanswered.error, unanswered.report),
        }
        for provider in sources.providers.iter().filter(|provider| provider.circuit.stats().failures_in_a_row > 0) {
            let stats = provider.circuit.stats();
            println!("    {} has failed {} times in a row", stats.name, stats.failures_in_a_row);
        }
        while let Ok((task, error)) = questions.try_recv() {
            println!("    for a person: {} ({error:?})", task.text);
        }
    }
}

fn report(event: &Event<'_>) {
    match event {
        Event::RetryScheduled { attempt, delay, .. } => println!("  - attempt {attempt} failed; retry in {delay:?}"),
        Event::RetryStopped { cause, .. } => println!("  - not retried: {cause}"),
        Event::FallbackCalled { name, .. } => println!("  - calling fallback: {name}"),
        Event::FallbackFailed { name, .. } => println!("  - fallback failed: {name}"),
        _ => {}
    }
}
