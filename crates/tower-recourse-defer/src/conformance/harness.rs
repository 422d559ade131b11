use std::time::Duration;

use crate::{Queue, QueueLimits};

/// Makes queues to check.
pub trait Harness {
    /// The type of queue.
    type Queue: Queue;

    /// Makes an empty queue with these limits.
    fn queue(&self, limits: QueueLimits) -> impl Future<Output = Self::Queue>;

    /// Lets time pass for a queue. A database whose clock can't be changed moves the times of its
    /// jobs into the past instead.
    fn advance(&self, queue: &Self::Queue, by: Duration) -> impl Future<Output = ()>;
}
