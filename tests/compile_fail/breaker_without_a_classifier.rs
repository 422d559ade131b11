//! A layer on a circuit handle, which has no classifier.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, breaker::CircuitHandle};

async fn send(_: u32) -> io::Result<()> {
    Ok(())
}

async fn run(circuit: &CircuitHandle) {
    let service = ServiceBuilder::new().layer(BreakerLayer::on(circuit)).service(service_fn(send));
    drop(service.oneshot(1).await);
}

fn main() {
    drop(run(&Circuit::new(BreakerConfig::default()).handle()));
}
