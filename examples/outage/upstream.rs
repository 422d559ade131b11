//! The upstream: an axum server with a fixed number of workers and a bounded queue.
//!
//! A queued job stays in the queue if its client gives up and closes the connection, and a worker
//! still spends time on it. Many real services work like this, which is one reason why overloads
//! persist.

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

/// The response of a gateway whose backend failed.
const FAILED: StatusCode = StatusCode::BAD_GATEWAY;

/// A running upstream with its own port.
pub(crate) struct Upstream {
    address: SocketAddr,
    pool: Arc<Pool>,
    server: JoinHandle<io::Result<()>>,
}

impl Upstream {
    /// Listens on loopback. The script begins at `start`.
    pub(crate) async fn open(script: Script, start: Instant) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let pool = Arc::new(Pool {
            script,
            start,
            queue: Arc::new(Semaphore::new(QUEUE)),
            workers: Semaphore::new(WORKERS),
            fails: Mutex::new(Box::new(script.errors())),
            attempts: Mutex::default(),
        });
        let app = Router::new().route("/", get(take)).with_state(Arc::clone(&pool));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, pool, server })
    }

    /// The URI for requests.
    pub(crate) fn uri(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Stops listening, and returns the arrival times of all attempts.
    pub(crate) fn close(self) -> Vec<Duration> {
        self.server.abort();
        std::mem::take(&mut *self.pool.attempts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The state that handlers and jobs share.
struct Pool {
    script: Script,
    start: Instant,
    queue: Arc<Semaphore>,
    /// The semaphore is fair, so jobs get a worker in the order of their arrival.
    workers: Semaphore,
    fails: Mutex<Box<dyn FnMut(f64) -> bool + Send>>,
    attempts: Mutex<Vec<Duration>>,
}

impl Pool {
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

    /// Whether the load balancer, which has no health checks, sends the request to the dead
    /// backend.
    fn meets_dead_backend(&self) -> bool {
        self.script.phase_at(self.start.elapsed()) == Phase::HalfDead && self.fails(DEAD_BACKEND_SHARE)
    }

    fn fails(&self, share: f64) -> bool {
        self.fails.lock().unwrap_or_else(PoisonError::into_inner)(share)
    }
}

/// Queues a job for a request, and waits until the job ends or the client gives up.
async fn take(State(pool): State<Arc<Pool>>) -> StatusCode {
    pool.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(pool.start.elapsed());

    if pool.meets_dead_backend() {
        return FAILED;
    }
    let Ok(place) = Arc::clone(&pool.queue).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let (report, done) = oneshot::channel();
    // A separate task, so that the job outlives this handler, which ends with the client's
    // connection.
    tokio::spawn(async move {
        let worker = pool.workers.acquire().await;
        drop(place);
        let status = pool.work().await;
        drop(worker);
        // The receiver is dropped if the client has given up.
        let _ = report.send(status);
    });
    done.await.unwrap_or(FAILED)
}
