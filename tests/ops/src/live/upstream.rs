//! The upstream: an axum server whose answers each request determines.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::{net::TcpListener, task::AbortHandle};

/// A running server. It stops when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Default)]
struct Shared {
    is_down: AtomicBool,
    /// The attempts of each request, by its path.
    attempts: Mutex<HashMap<String, u32>>,
}

/// What the upstream answers to a request.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// So many attempts of the request fail.
    pub failing: u32,
    pub status: StatusCode,
    /// The delay that a failed answer asks for, in seconds.
    pub retry_after: Option<u64>,
    /// How long an answer takes.
    pub takes: Duration,
}

impl Plan {
    pub const SUCCEED: Self =
        Self { failing: 0, status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None, takes: Duration::ZERO };
    pub const FAIL: Self = Self { failing: u32::MAX, ..Self::SUCCEED };

    pub const fn fail(failing: u32) -> Self {
        Self { failing, ..Self::SUCCEED }
    }
}

impl Upstream {
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let app = Router::new().route("/{layer}/{id}", get(answer)).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Ok(Self { address, shared, server })
    }

    /// While it is down, the server answers 503 to every request.
    pub fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::Relaxed);
    }

    /// A request. Each attempt of it has the same `id`.
    pub fn request(&self, layer: &str, id: u32, plan: Plan) -> Request<Full<Bytes>> {
        let mut request = Request::get(format!("http://{}/{layer}/{id}", self.address))
            .header("x-failing", plan.failing)
            .header("x-status", plan.status.as_u16())
            .header("x-takes-ms", plan.takes.as_millis() as u64);
        if let Some(seconds) = plan.retry_after {
            request = request.header("x-retry-after", seconds);
        }
        request.body(Full::default()).expect("a valid request")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path((layer, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    tokio::time::sleep(Duration::from_millis(number("x-takes-ms").unwrap_or_default())).await;
    let attempt = {
        let mut attempts = shared.attempts.lock().unwrap();
        let attempt = attempts.entry(format!("{layer}/{id}")).or_default();
        *attempt += 1;
        *attempt
    };
    if shared.is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if u64::from(attempt) > number("x-failing").unwrap_or_default() {
        return "an answer".into_response();
    }
    let status = number("x-status").and_then(|status| StatusCode::from_u16(status as u16).ok()).expect("a status");
    match headers.get("x-retry-after") {
        Some(delay) => (status, [(RETRY_AFTER, delay.clone())]).into_response(),
        None => status.into_response(),
    }
}
