//! A custom policy for another error type than that of the service.

use std::{io, num::ParseIntError};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    Attempt, Outcome, RetryLayer,
    retry::{Decision, DecisionReason, Policy},
};

struct Once;

impl Policy<u32, (), ParseIntError> for Once {
    type State = ();

    fn start(&self, _: &u32) {}

    fn decide(&self, (): &mut (), _: &Attempt, _: Outcome<'_, (), ParseIntError>) -> Decision {
        Decision::Return(DecisionReason::Success)
    }
}

async fn send(_: u32) -> io::Result<()> {
    Ok(())
}

async fn run() {
    let service = ServiceBuilder::new().layer(RetryLayer::with(Once)).service(service_fn(send));
    drop(service.oneshot(1).await);
}

fn main() {
    drop(run());
}
