//! The testing kit: scripted services, recorded events, time, and descriptions of configurations.

mod descriptions;
mod events;
mod http_scripts;
mod scripts;
mod time;

use std::time::Duration;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
