#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod codec;
#[cfg(feature = "testing")]
pub mod conformance;
mod deferral;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod postgres;
mod queue;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "axum")]
mod status;
pub mod worker;

pub use codec::Json;
pub use deferral::{DeferError, Deferral, Respond};
pub use queue::{
    Claim, ClaimedJob, Clock, Counts, DeadLetter, DeadReason, Finished, History, HistoryEntry, InvalidValue, JobKey,
    JobState, JobStatus, JobUpdate, Lease, NewJob, NextState, Queue, QueueError, QueueLimits, Receipt,
};
#[cfg(feature = "axum")]
pub use status::status_router;
pub use worker::Worker;
