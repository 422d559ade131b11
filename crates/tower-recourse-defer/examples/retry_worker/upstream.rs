//! The upstream: down at first. It takes 1 s per call, and logs what it answers.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use tokio::net::TcpListener;

use crate::{
    BoxError,
    scaled::{Timeline, scaled},
};

#[derive(Clone)]
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    timeline: Timeline,
    is_up: AtomicBool,
    log: Mutex<Vec<Call>>,
}

/// A call, as the upstream saw it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) order: String,
    at: u64,
    /// `None` if the client was gone before the answer.
    status: Option<StatusCode>,
}

impl Upstream {
    pub(crate) async fn start(timeline: Timeline) -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared { timeline, is_up: AtomicBool::new(false), log: Mutex::default() });
        let upstream = Self { address: listener.local_addr()?, shared: Arc::clone(&shared) };
        let app = Router::new().route("/orders", post(answer)).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(upstream)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/orders", self.address)
    }

    pub(crate) fn recover(&self) {
        self.shared.is_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn log(&self) -> Vec<Call> {
        self.shared.log().clone()
    }
}

impl Shared {
    fn log(&self) -> std::sync::MutexGuard<'_, Vec<Call>> {
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    let key = headers.get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let call = {
        let mut log = shared.log();
        log.push(Call { order: key.unwrap_or_default(), at: shared.timeline.now(), status: None });
        log.len() - 1
    };
    tokio::time::sleep(scaled(1)).await;
    let is_up = shared.is_up.load(Ordering::Relaxed);
    let status = if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    shared.log()[call].status = Some(status);
    status
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = self.status.map_or('…', |status| if status.is_success() { '✓' } else { '✗' });
        write!(f, "{} {sign}", self.at)
    }
}
