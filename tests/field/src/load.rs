//! Open-loop load: requests arrive at a fixed rate, whatever the responses are.

use std::{collections::BTreeMap, future::Future, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// The load of one client.
#[derive(Debug, Clone)]
pub struct Load {
    /// The names of the operations, such as `GET`. A round has one request per operation, in an
    /// order that changes from round to round, so that a server which refuses every third request
    /// doesn't refuse a single method only.
    pub operations: &'static [&'static str],
    /// Arrivals per second, all operations together.
    pub per_second: f64,
    /// The time during which requests arrive.
    pub lasting: Duration,
    /// How long a caller waits for its response, including all attempts and waits. After that, the
    /// request is lost.
    pub patience: Duration,
}

impl Load {
    fn arrivals(&self) -> u32 {
        (self.per_second * self.lasting.as_secs_f64()).round() as u32
    }

    /// The operation of a request. It is the same in every run and for every client.
    fn operation(&self, id: u32) -> usize {
        let count = self.operations.len();
        let (round, turn) = (id as usize / count, id as usize % count);
        // A multiplicative hash of the round.
        let first = (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (turn + first as usize) % count
    }

    fn due(&self, id: u32) -> Duration {
        Duration::from_secs_f64(f64::from(id) / self.per_second)
    }
}

/// One request of the load.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Unique among the requests of a client. The request carries it, so that the upstream can
    /// count executions.
    pub id: u32,
    /// Index into [`Load::operations`].
    pub operation: usize,
}

/// Why a request is lost: a short text, such as `502` or `rejected`. The notes count equal texts.
pub type Lost = String;

/// The result of one request.
#[derive(Debug)]
pub struct Record {
    pub call: Call,
    /// The arrival time of the request since the start of the load.
    pub due: Duration,
    /// The end of its call since the start of the load.
    pub ended: Duration,
    pub lost: Option<Lost>,
}

/// The records of all requests of a client, in the order of their arrival.
#[derive(Debug)]
pub struct Records {
    pub records: Vec<Record>,
    /// The longest time by which a request was sent later than it was due.
    pub late: Duration,
}

/// Sends the load from `start` on, with one task per request, and waits until all calls have ended.
pub async fn drive<F, Fut>(load: &Load, start: Instant, call: F) -> Records
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<(), Lost>> + Send + 'static,
{
    let mut calls = JoinSet::new();
    let mut late = Duration::ZERO;
    for id in 0..load.arrivals() {
        let due = load.due(id);
        sleep_until(start + due).await;
        late = late.max(start.elapsed().saturating_sub(due));
        let made = Call { id, operation: load.operation(id) };
        let (answer, patience) = (call(made), load.patience);
        calls.spawn(async move {
            let lost = match timeout(patience, answer).await {
                Ok(answered) => answered.err(),
                Err(_) => Some("unanswered".to_owned()),
            };
            Record { call: made, due, ended: start.elapsed(), lost }
        });
    }
    let mut records = calls.join_all().await;
    records.sort_by_key(|record| record.call.id);
    Records { records, late }
}

impl Records {
    /// The number of requests of an operation that arrived.
    pub fn offered(&self, operation: usize) -> u32 {
        self.count(|record| record.call.operation == operation)
    }

    /// The number of requests of an operation that were lost.
    pub fn lost(&self, operation: usize) -> u32 {
        self.count(|record| record.call.operation == operation && record.lost.is_some())
    }

    /// The number of requests that arrived from `from` until `to`.
    pub fn arrived(&self, from: Duration, to: Duration) -> u32 {
        self.count(|record| record.due >= from && record.due < to)
    }

    fn count(&self, which: impl Fn(&Record) -> bool) -> u32 {
        self.records.iter().filter(|record| which(record)).count() as u32
    }

    /// The time from `end` to the arrival from which at most 1 of any 100 consecutive arrivals is
    /// lost. `None` if the load ended before 100 requests had arrived from there on.
    pub fn recovered_after(&self, end: Duration) -> Option<Duration> {
        let after: Vec<_> = self.records.iter().filter(|record| record.due >= end).collect();
        let lost: Vec<_> = (0..after.len()).filter(|&place| after[place].lost.is_some()).collect();
        // The last lost request that has another lost one within the 99 arrivals before it.
        let last = lost.windows(2).filter(|pair| pair[1] - pair[0] < 100).map(|pair| pair[1]).next_back();
        match last {
            None => Some(Duration::ZERO),
            Some(place) if place + 100 > after.len() => None,
            Some(place) => Some(after[place].due - end),
        }
    }

    /// The longest time between the arrival of a request and the end of its call.
    pub fn longest(&self) -> Duration {
        self.records.iter().map(|record| record.ended.saturating_sub(record.due)).max().unwrap_or_default()
    }

    /// The reasons of losses and their numbers, most frequent first.
    pub fn reasons(&self) -> Vec<(&str, u32)> {
        let mut reasons = BTreeMap::new();
        for reason in self.records.iter().filter_map(|record| record.lost.as_deref()) {
            *reasons.entry(reason).or_insert(0) += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u32, lost: impl Fn(u32) -> bool) -> Records {
        let record = |id| Record {
            call: Call { id, operation: 0 },
            due: Duration::from_millis(10 * u64::from(id)),
            ended: Duration::ZERO,
            lost: lost(id).then(|| "502".to_owned()),
        };
        Records { records: (0..count).map(record).collect(), late: Duration::ZERO }
    }

    #[test]
    fn a_single_loss_is_no_outage() {
        let records = records(1000, |id| id == 500 || id == 620);
        assert_eq!(records.recovered_after(Duration::from_secs(2)), Some(Duration::ZERO));
    }

    #[test]
    fn recovery_is_the_last_of_two_near_losses() {
        let records = records(1000, |id| id == 300 || id == 350 || id == 800);
        assert_eq!(records.recovered_after(Duration::from_secs(2)), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn losses_until_the_end_are_no_recovery() {
        let records = records(1000, |id| id > 300);
        assert_eq!(records.recovered_after(Duration::from_secs(2)), None);
    }

    #[test]
    fn each_round_has_every_operation_once() {
        let load = Load {
            operations: &["GET", "PUT", "POST"],
            per_second: 1.0,
            lasting: Duration::ZERO,
            patience: Duration::ZERO,
        };
        let rounds: Vec<_> = (0..100).map(|round| [0, 1, 2].map(|turn| load.operation(3 * round + turn))).collect();
        assert!(rounds.iter().all(|round| round.iter().sum::<usize>() == 3 && round[0] != round[1]));
        let begin = |first| rounds.iter().filter(|round| round[0] == first).count();
        assert!((0..3).all(|first| (20..50).contains(&begin(first))), "{:?}", [begin(0), begin(1), begin(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_does_not_delay_arrivals() {
        let load = Load {
            operations: &["GET", "PUT"],
            per_second: 100.0,
            lasting: Duration::from_secs(1),
            patience: Duration::from_millis(300),
        };
        let records = drive(&load, Instant::now(), |call| async move {
            let takes = if call.operation == 0 { 200 } else { 400 };
            tokio::time::sleep(Duration::from_millis(takes)).await;
            Ok(())
        })
        .await;
        assert_eq!((records.offered(0), records.offered(1)), (50, 50));
        assert_eq!((records.lost(0), records.lost(1)), (0, 50));
        assert_eq!(records.reasons(), [("unanswered", 50)]);
    }
}
