//! A ladder: try again after 1, 2 and 4 s; ask another service of the same role; give a degraded answer; ask a person.
//! `cargo run --example provider_ladder`
//!
//! Time is paused: tokio moves its clock on whenever everybody waits, so that minutes take none.

mod ladder;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use ladder::{Answer, House, Provider, Task, Trouble, got, ladder};
use tokio::{sync::mpsc, time::Instant};
use tower::{Service, ServiceExt};
use tower_recourse::observe::Event;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let (desk, mut questions) = mpsc::unbounded_channel();
    let calls = AtomicU32::new(0);
    let flaky = move |task: Task| match (task.text, calls.fetch_add(1, Ordering::Relaxed)) {
        ("an oracle", _) => Err(Trouble::Final("nobody can read this")),
        ("a blank page", _) => Err(Trouble::Unknown("error 0x80004005")),
        (_, 0 | 4) => Ok("fluently"),
        _ => Err(Trouble::Passing("connection reset")),
    };
    let slow_but_sure = |task: Task| match task.text {
        "a poem" | "a riddle" => Err(Trouble::Passing("busy")),
        _ => Ok("word by word"),
    };
    let house = Arc::new(House {
        providers: vec![
            Provider::new("atlas", "translate", Box::new(flaky)),
            Provider::new("ledger", "pay", Box::new(|_| Ok("paid"))),
            Provider::new("babel", "translate", Box::new(slow_but_sure)),
        ],
        memory: |task| match task.text {
            "a poem" => Ok(Answer { by: "memory", text: "last year's translation" }),
            _ => Err(Trouble::Passing("never seen before")),
        },
        desk,
    });

    let mut ladder = ladder(&house, report);
    for text in ["a letter", "an oracle", "a contract", "a blank page", "a novel", "a poem", "a riddle"] {
        println!("translate {text}");
        let begun = Instant::now();
        match ladder.ready().await.expect("always ready").call(Task { role: "translate", text }).await {
            Ok(answered) => {
                let Answer { by, text } = answered.response;
                println!("  = {text}, by {by}, after {} s", begun.elapsed().as_secs());
                println!("    {:?}: {}", got(&answered), answered.report);
            }
            Err(unanswered) => println!("  = no answer: {:?}; {unanswered}", unanswered.error),
        }
        for provider in house.providers.iter().filter(|provider| provider.circuit.stats().failures_in_a_row > 0) {
            let stats = provider.circuit.stats();
            println!("    {} has failed {} times in a row", stats.name, stats.failures_in_a_row);
        }
        while let Ok((task, trouble)) = questions.try_recv() {
            println!("    on the desk: {} ({trouble:?})", task.text);
        }
    }
}

fn report(event: &Event<'_>) {
    match event {
        Event::RetryScheduled { attempt, delay, .. } => println!("  - attempt {attempt} failed; again in {delay:?}"),
        Event::RetryStopped { cause, .. } => println!("  - not tried again: {cause}"),
        Event::FallbackCalled { name, .. } => println!("  - asking: {name}"),
        Event::FallbackFailed { name, .. } => println!("  - in vain: {name}"),
        _ => {}
    }
}
