//! Workers, fronts and databases that are killed, stopped and terminated. An append-only log, which
//! the jobs write themselves, shows what ran.
//!
//! `DEFER_FULL=1` runs the counts of `just defer-full`.
#![cfg(unix)]

mod child;
mod disk;
mod judge;
mod killed;
#[path = "../support/postgres_server.rs"]
mod postgres_server;
mod run;
mod suspended;
