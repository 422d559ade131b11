//! The client with its layers, and the upstream.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::Instant};
use tower::{BoxError, Layer, Service, ServiceBuilder, service_fn, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackLayer, Registry, RetryConfig, RetryLayer,
    http::StatusClassifier,
    spans::{AttemptSpanLayer, RequestSpanLayer},
};

type Stack = BoxCloneService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;

/// A program that asks for prices.
pub(crate) struct Shop {
    pub(crate) upstream: Upstream,
    prices: Stack,
}

impl Shop {
    pub(crate) async fn open(registry: &Registry) -> io::Result<Self> {
        let upstream = Upstream::start().await?;
        Ok(Self { upstream, prices: prices(registry) })
    }

    /// Asks for 20 prices per second, and always gets an answer.
    pub(crate) async fn sell_for(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while Instant::now() < end {
            ticks.tick().await;
            let mut prices = self.prices.clone();
            let request = self.upstream.request();
            tokio::spawn(async move {
                std::future::poll_fn(|context| prices.poll_ready(context)).await?;
                prices.call(request).await
            });
        }
    }
}

/// All layers around a hyper client, with the same name.
fn prices(registry: &Registry) -> Stack {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let send = service_fn(move |request| {
        let sent = client.request(request);
        async move {
            let (head, body) = sent.await?.into_parts();
            Ok::<_, BoxError>(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
        }
    });
    let fallback = FallbackLayer::from_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::from("yesterday's"))) })
        .classifier(StatusClassifier::default().ignore_client_errors())
        .keep_primary_error()
        .name("prices")
        .register(registry);
    let retry = RetryConfig::http().name("prices").report_requests().register(registry);
    let breaker = BreakerConfig::http().name("prices").count_all_calls().register(registry);
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(fallback)
        .map_err(BreakerError::into_boxed)
        .layer(RetryLayer::new(retry))
        .layer(AttemptSpanLayer::http())
        .layer(BreakerLayer::new(breaker))
        .service(send);
    BoxCloneService::new(tower::util::MapErrLayer::new(BoxError::from).layer(stack))
}

/// A server that can be down.
pub(crate) struct Upstream {
    address: SocketAddr,
    state: Arc<Answers>,
}

#[derive(Default)]
struct Answers {
    is_down: AtomicBool,
    requests: AtomicU32,
    attempts: AtomicU32,
}

impl Upstream {
    async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Answers::default());
        let app = Router::new().route("/{id}", get(answer)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, state })
    }

    /// While it is down, it answers each request with 503.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let id = self.state.requests.fetch_add(1, Ordering::Relaxed);
        Request::get(format!("http://{}/{id}", self.address)).body(Full::default()).expect("a valid request")
    }
}

/// The first two attempts of the tenth request fail also while the server is up.
async fn answer(State(state): State<Arc<Answers>>, Path(id): Path<u32>) -> StatusCode {
    let fails = id == 10 && state.attempts.fetch_add(1, Ordering::Relaxed) < 2;
    if fails || state.is_down.load(Ordering::Relaxed) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}
