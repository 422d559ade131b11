//! The upstream: an axum server with a bounded number of workers and a bounded queue.
//!
//! A job belongs to the upstream once it is queued. A client that gives up closes its connection,
//! but the job stays: a worker still spends its time on it. Real services work like this too, and
//! it is half of the reason why they stay down.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use crate::script::{DEAD_BACKEND_SHARE, ERROR_SHARE, Phase, QUEUE, Script, WORK, WORKERS};

/// The answer of a gateway whose backend failed.
const FAILED: StatusCode = StatusCode::BAD_GATEWAY;

/// A running upstream on a port of its own.
pub(crate) struct Upstream {
    address: SocketAddr,
    floor: Arc<Floor>,
    server: JoinHandle<io::Result<()>>,
}

impl Upstream {
    /// Listens on loopback; the script counts from `start`.
    pub(crate) async fn open(script: Script, start: Instant) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let floor = Arc::new(Floor {
            script,
            start,
            queue: Arc::new(Semaphore::new(QUEUE)),
            workers: Semaphore::new(WORKERS),
            fails: Mutex::new(Box::new(script.errors())),
            attempts: Mutex::default(),
        });
        let app = Router::new().route("/", get(take)).with_state(Arc::clone(&floor));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, floor, server })
    }

    /// Where to send requests.
    pub(crate) fn uri(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Stops listening. Returns when each attempt arrived.
    pub(crate) fn close(self) -> Vec<Duration> {
        self.server.abort();
        std::mem::take(&mut *self.floor.attempts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the work is done.
struct Floor {
    script: Script,
    start: Instant,
    queue: Arc<Semaphore>,
    /// Semaphores are fair, so jobs get a worker in the order of their arrival.
    workers: Semaphore,
    fails: Mutex<Box<dyn FnMut(f64) -> bool + Send>>,
    attempts: Mutex<Vec<Duration>>,
}

impl Floor {
    async fn work(&self) -> StatusCode {
        let failed = match self.script.phase_at(self.start.elapsed()) {
            Phase::Healthy | Phase::HalfDead | Phase::Back => false,
            Phase::Errors => self.fails(ERROR_SHARE),
            Phase::Dead => {
                sleep_until(self.start + self.script.fault_end()).await;
                return FAILED;
            }
        };
        sleep(WORK).await;
        if failed { FAILED } else { StatusCode::OK }
    }

    /// Whether the request goes to the dead one of two backends. A load balancer without health
    /// checks sends it there.
    fn meets_dead_backend(&self) -> bool {
        self.script.phase_at(self.start.elapsed()) == Phase::HalfDead && self.fails(DEAD_BACKEND_SHARE)
    }

    fn fails(&self, share: f64) -> bool {
        self.fails.lock().unwrap_or_else(PoisonError::into_inner)(share)
    }
}

/// Turns a request into a job and waits for its end.
async fn take(State(floor): State<Arc<Floor>>) -> StatusCode {
    floor.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(floor.start.elapsed());

    if floor.meets_dead_backend() {
        return FAILED;
    }
    let Ok(place) = Arc::clone(&floor.queue).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let (report, done) = oneshot::channel();
    // A task of its own, so that it outlives this handler, which ends with the client's connection.
    tokio::spawn(async move {
        let worker = floor.workers.acquire().await;
        drop(place);
        let status = floor.work().await;
        drop(worker);
        // The receiver is gone if the client has given up; the work is done all the same.
        let _ = report.send(status);
    });
    done.await.unwrap_or(FAILED)
}
