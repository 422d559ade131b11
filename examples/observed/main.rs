//! A service under a short outage, with metrics, spans and logs: what the person on call sees.
//!
//! ```sh
//! cargo run --example observed --features http,metrics
//! ```
//!
//! The example starts its own upstream. After six seconds, it prints the health during the outage,
//! the main lines of the scrape, the trace of one request with three attempts, and ten log lines.

mod log;
mod scrape;
mod shop;
mod trace;

use std::{error::Error, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tower_recourse::{
    Registry,
    metrics::{DELAY_BUCKETS, DURATION_BUCKETS, MetricsObserver},
};
use tracing::Level;
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, Targets, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use log::Log;
use shop::Shop;
use trace::Trace;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (log, trace) = (Log::default(), Trace::default());
    let ours = Targets::new().with_target("tower_recourse", Level::DEBUG);
    // The log shows events only. With the spans, each line would begin with them.
    let events = ours.clone().and(filter_fn(|metadata| metadata.is_event()));
    tracing_subscriber::registry().with(trace.clone().with_filter(ours)).with(log.layer().with_filter(events)).init();

    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("recourse_retry_delay_seconds".to_owned()), DELAY_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)?
        .install_recorder()?;
    let registry = Registry::new();
    registry.observe(MetricsObserver::new());

    let shop = Shop::open(&registry).await?;
    registry.publish(); // Each scrape does this. The counters begin at 0.
    shop.sell_for(Duration::from_secs(2)).await;
    shop.upstream.set_down(true);
    shop.sell_for(Duration::from_secs(2)).await;
    let health = registry.health();
    shop.upstream.set_down(false);
    shop.sell_for(Duration::from_secs(2)).await;

    println!("The upstream answered 503 to all requests from 2 s to 4 s, and to two attempts before.");
    println!("\n# The health at 4 s\n\n{health}");
    println!("\n# The main lines of the scrape at 6 s\n");
    registry.publish();
    print!("{}", scrape::main_lines(&metrics.render()));
    println!("\n# The trace of a request with three attempts\n");
    print!("{}", trace.tree_with_attempts(3).ok_or("no request had three attempts")?);
    println!("\n# The most telling log lines: the first of each kind\n");
    print!("{}", log.first_of_each_kind(10));
    Ok(())
}
