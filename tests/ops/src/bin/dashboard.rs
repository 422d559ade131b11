//! Draws `ops/dashboard.svg` from an outage of one and a half minutes, which Prometheus scrapes.
//!
//! `cargo run --manifest-path tests/ops/Cargo.toml --bin dashboard -- ops/dashboard.svg`

use std::{env, error::Error, fs, time::Duration};

use tower_recourse_ops::{
    live::{
        prometheus::Prometheus,
        script::{self, Ids},
        service::Service,
    },
    picture,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: dashboard FILE.svg")?;
    let mut service = Service::start().await?;
    let prometheus = Prometheus::start(service.address, Duration::from_secs(1)).await;
    let time = script::show(&mut service, &mut Ids::default()).await;
    let panels = picture::panels(&prometheus, time).await;
    fs::write(path, picture::draw(&panels, "The dashboard during an outage of 30 seconds", time)?)?;
    Ok(())
}
