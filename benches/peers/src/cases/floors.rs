//! The cost of the primitive operations that calls consist of, on this machine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::contender::{BARE, Case, Contender};

pub const FLOORS: &str = "floors";
pub const ADD: &str = "atomic add";
pub const COUNTED: &str = "reference count up and down";
pub const CLOCK: &str = "clock read";

pub fn cases() -> Vec<Case> {
    vec![Case::new(FLOORS, || {
        let (word, sum, counted) = (Arc::new(AtomicU64::new(7)), AtomicU64::new(0), Arc::new(7));
        vec![
            Contender::of(BARE, || ()),
            Contender::of("atomic load", move || word.load(Ordering::Acquire)),
            Contender::of(ADD, move || sum.fetch_add(1, Ordering::Relaxed)),
            Contender::of(COUNTED, move || drop(std::hint::black_box(Arc::clone(&counted)))),
            Contender::of(CLOCK, tokio::time::Instant::now),
            Contender::of("small box", || Box::new(std::hint::black_box(7u64))),
        ]
    })]
}
