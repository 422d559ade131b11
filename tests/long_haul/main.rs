//! A hundred thousand requests through the whole stack, against a server with every fault.
//!
//! Every request gets exactly one response, no unsafe request is executed twice, all counts agree,
//! and at the end nothing is left over: no task, no connection, no memory. All of this holds on a
//! machine of any speed. The requests and the faults follow from a seed. Run it with `--nocapture`
//! to see the figures, and with `HAUL_SEED=7` to use another seed.

mod account;
mod client;
mod http1;
mod http2;
mod plan;
mod server;

use std::{alloc::System, ops::Range, sync::Arc, time::Duration};

use cap::Cap;
use tokio::{runtime::Handle, time::timeout};
use tower_recourse::State;

use self::{
    account::Account,
    client::Shared,
    plan::Plan,
    server::{Mode, Server},
};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Longer than any phase takes.
const LONGEST: Duration = Duration::from_secs(300);
/// The requests of each phase. A phase begins and ends without running requests, and opens its own
/// connections.
const WARM_UP: Range<u32> = 0..3_000;
const HAUL: Range<u32> = WARM_UP.end..WARM_UP.end + 100_000;
const OUTAGE: Range<u32> = HAUL.end..HAUL.end + 2_000;
const BACK: Range<u32> = OUTAGE.end..OUTAGE.end + 5_000;

/// How many more bytes may be held after the run than before. One byte per request would be 100,000
/// bytes, and one small allocation for each occurrence of one fault at least 8,000. tokio frees
/// closed sockets 16 at a time, 288 bytes each.
const SLACK: usize = 8 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_100_000_requests_gets_one_response() {
    let seed = std::env::var("HAUL_SEED").map_or(1, |seed| seed.parse().expect("a seed is a number"));
    println!("seed {seed}");
    let haul = Haul::begin(Plan { seed }).await;

    haul.make(WARM_UP).await;
    let before = haul.check_counts(WARM_UP.end).await;
    haul.make(HAUL).await;
    let after = haul.check_counts(HAUL.end).await;
    for (fault, times) in haul.shared.account.played() {
        println!("{times:5} times {fault:?}");
        assert!(times >= 20, "{fault:?} occurred only {times} times");
    }
    assert!(after <= before + SLACK, "{before} bytes before, and {after} after");

    let rejected = || haul.shared.circuit.stats().total_rejected;
    let rejected_before = rejected();
    haul.server.is(Mode::Down);
    haul.make(OUTAGE).await;
    haul.check_counts(OUTAGE.end).await;
    println!("{rejected_before} calls rejected before the outage, {} with it", rejected());
    assert!(rejected() > rejected_before, "an outage opens the circuit");

    haul.server.is(Mode::Healthy);
    let made = haul.until_closed(BACK).await;
    let after = haul.check_counts(made).await;
    assert!(after <= before + SLACK, "{before} bytes before, and {after} after the outage");
}

struct Haul {
    tasks_before: usize,
    server: Server,
    shared: Arc<Shared>,
}

impl Haul {
    async fn begin(plan: Plan) -> Self {
        let account = Arc::new(Account::new(plan, BACK.end));
        let server = Server::start(account.clone()).await;
        let tasks_before = Handle::current().metrics().num_alive_tasks();
        Self { tasks_before, server, shared: Arc::new(Shared::new(account)) }
    }

    async fn make(&self, ids: Range<u32>) {
        let begun = tokio::time::Instant::now();
        let asked = ids.len();
        timeout(LONGEST, client::make(&self.shared, &self.server, ids)).await.expect("the test hangs");
        println!("{asked} requests within {:?}", begun.elapsed());
    }

    /// Makes a few requests at a time until the circuit has closed. Returns the number of requests
    /// made so far.
    async fn until_closed(&self, ids: Range<u32>) -> u32 {
        const FEW: usize = 50;
        for few in ids.clone().step_by(FEW) {
            client::make(&self.shared, &self.server, few..few + FEW as u32).await;
            if self.shared.circuit.state() == State::Closed {
                return few + FEW as u32;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the circuit doesn't close");
    }

    /// Checks that nothing is left over of this many requests and that all counts agree. Returns
    /// the bytes that are held then.
    async fn check_counts(&self, requests: u32) -> usize {
        timeout(LONGEST, self.server.is_idle()).await.expect("a connection is left over");
        let no_task_is_left = async {
            while Handle::current().metrics().num_alive_tasks() > self.tasks_before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, no_task_is_left).await.expect("a task is left over");
        let Shared { account, circuit, budget, replay } = &*self.shared;
        assert_eq!(replay.memory_in_use(), 0, "bytes of bodies are left over");
        account.check_counts(requests, circuit, &**budget);
        let held = HEAP.allocated();
        println!("{requests} requests in all, {held} bytes held");
        held
    }
}
