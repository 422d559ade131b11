//! The upstream: an axum server with a bounded number of workers and a bounded queue.
//!
//! A job belongs to the upstream once it is queued. A client that gives up takes its connection along, not the job: a
//! worker still spends its time on it. Real services do so too, and it is half of what keeps one down.

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

use crate::script::{Phase, QUEUE, Script, WORK, WORKERS};

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

    /// Stops listening and tells when each attempt arrived.
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
    /// Semaphores are fair, so whoever waits for a worker is served in the order of arrival.
    workers: Semaphore,
    fails: Mutex<Box<dyn FnMut() -> bool + Send>>,
    attempts: Mutex<Vec<Duration>>,
}

impl Floor {
    async fn work(&self) -> StatusCode {
        let failed = match self.script.phase_at(self.start.elapsed()) {
            Phase::Healthy | Phase::Back => false,
            Phase::Errors => self.fails.lock().unwrap_or_else(PoisonError::into_inner)(),
            Phase::Dead => {
                sleep_until(self.start + self.script.outage_end()).await;
                return StatusCode::INTERNAL_SERVER_ERROR;
            }
        };
        sleep(WORK).await;
        if failed { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    }
}

/// Turns a request into a job and waits for its end.
async fn take(State(floor): State<Arc<Floor>>) -> StatusCode {
    floor.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(floor.start.elapsed());

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
        // Nobody listens if the client has given up; the work is done all the same.
        let _ = report.send(status);
    });
    done.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
