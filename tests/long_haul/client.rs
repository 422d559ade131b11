//! The callers and their stack: fallback, retry, breaker, and hyper's client.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper_util::{client::legacy, rt::TokioExecutor};
use tokio::time::timeout;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Elapsed, FallbackLayer, RetryConfig, RetryLayer,
    breaker::OpenDuration,
    fallback::FallbackError,
    http::{
        Replay, StatusClassifier,
        replay::{CloneableBody, ReplayError},
    },
    retry::{Backoff, Jitter, Timeouts, TokenBucket},
};

use crate::{
    account::{Account, AccountObserver, CUT_OFF, ERROR, Outcome},
    plan::{Kind, Plan},
    server::Server,
};

pub(crate) type Delivery = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;
type Error = BreakerError<legacy::Error>;

/// Longer than a response takes on any machine.
const LONGEST: Duration = Duration::from_secs(30);
/// The time limit of an attempt.
const ATTEMPT: Duration = Duration::from_millis(700);
/// The number of callers.
const CALLERS: usize = 100;

/// What all callers share, across the clients of all phases.
pub(crate) struct Shared {
    pub(crate) account: Arc<Account>,
    pub(crate) circuit: Circuit<StatusClassifier>,
    pub(crate) budget: Arc<TokenBucket>,
    pub(crate) replay: Replay,
}

impl Shared {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        let breaker =
            BreakerConfig::http().without_observers().observe(AccountObserver(account.clone())).count_all_calls();
        let circuit = Circuit::new(breaker.open_for(OpenDuration::fixed(Duration::from_millis(50))));
        // The budget has no reserve, because a reserve grows with time. The capacity is large
        // enough to keep all deposits, so that the balance is exact.
        let budget = TokenBucket::retry_ratio(0.2).unwrap().min_per_second(0).capacity(1_000_000).unwrap();
        Self { account, circuit, budget: Arc::new(budget), replay: Replay::default() }
    }
}

type Client = BoxCloneSyncService<Request<Delivery>, Answer, FallbackError<Error, Infallible>>;

/// A client with new connections.
fn client(shared: &Shared, version: Version) -> Client {
    let account = &shared.account;
    let plan = account.plan;
    let replica = service_fn(move |request: Request<CloneableBody<Delivery>>| replica(plan, request));
    let fallback = FallbackLayer::new(replica)
        .when(|outcome: Result<&Answer, &Error>| outcome.map_or(true, |response| response.status().as_u16() >= 429))
        .without_observers()
        .observe(AccountObserver(account.clone()));
    let limits = Timeouts::attempt(ATTEMPT).on_timeout(|_: Elapsed| Ok::<_, Error>(by_hand(504)));
    let retry = RetryConfig::http()
        .retries(2)
        .shared_budget(shared.budget.clone())
        .backoff(Backoff::exponential(Duration::from_millis(2)).jitter(Jitter::Full))
        .timeouts(limits)
        .without_observers()
        .observe(AccountObserver(account.clone()));
    let (asked, called, replay) = (account.clone(), account.clone(), shared.replay.clone());
    let stack = ServiceBuilder::new()
        .map_request(move |request| replay.cloneable(request))
        .layer(fallback)
        .layer(RetryLayer::new(retry))
        .map_request(move |request| {
            asked.asked.fetch_add(1, SeqCst);
            request
        })
        .layer(BreakerLayer::on(&shared.circuit))
        .layer_fn(move |client| Called { client, account: called.clone() })
        .map_response(|response: Response<hyper::body::Incoming>| response.map(BodyExt::boxed_unsync))
        .service(legacy::Client::builder(TokioExecutor::new()).http2_only(version == Version::HTTP_2).build_http());
    BoxCloneSyncService::new(stack)
}

/// The backup of the fallback. It gets the complete body, unless the body was too large to be
/// stored.
async fn replica(plan: Plan, request: Request<CloneableBody<Delivery>>) -> Result<Answer, Infallible> {
    let id = id_of(&request);
    match request.into_body().collect().await {
        Ok(body) => assert_eq!(body.to_bytes(), plan.body(id), "the body of {id} in the fallback"),
        Err(error) => {
            let is_large = matches!(plan.kind(id), Kind::PutLarge);
            assert!(is_large && matches!(error, ReplayError::NotStored), "the body of {id} in the fallback: {error}");
        }
    }
    Ok(by_hand(203))
}

fn id_of<B>(request: &Request<B>) -> u32 {
    request.uri().path().trim_start_matches('/').parse().expect("the path is the number")
}

/// A response that no server sent.
fn by_hand(status: u16) -> Answer {
    Response::builder().status(status).body(Empty::new().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// Makes each of these requests once, distributed over all callers.
pub(crate) async fn make(shared: &Arc<Shared>, server: &Server, ids: std::ops::Range<u32>) {
    let clients = [client(shared, Version::HTTP_11), client(shared, Version::HTTP_2)];
    let (next, end) = (Arc::new(std::sync::atomic::AtomicU32::new(ids.start)), ids.end);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let ([by_http1, by_http2], next, shared) = (clients.clone(), next.clone(), shared.clone());
        let addresses = (server.http1, server.http2);
        callers.spawn(async move {
            loop {
                let id = next.fetch_add(1, SeqCst);
                if id >= end {
                    return;
                }
                let plan = shared.account.plan;
                let got = if plan.is_http2(id) {
                    one(&by_http2, plan, addresses.1, id)
                } else {
                    one(&by_http1, plan, addresses.0, id)
                };
                let got = timeout(LONGEST, got).await;
                shared.account.answered(id, got.unwrap_or_else(|_| panic!("request {id} hangs")));
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("a mistake of the caller");
    }
}

async fn one(client: &Client, plan: Plan, address: std::net::SocketAddr, id: u32) -> Outcome {
    let response = client.clone().oneshot(request(plan, address, id)).await.expect("the fallback always responds");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    match (status, body) {
        (203, Ok(_)) => Outcome::Fallback,
        (200, Ok(body)) => {
            assert_eq!(body.to_bytes(), plan.response(id), "the response to {id}");
            Outcome::Upstream
        }
        (200, Err(_)) => Outcome::Broken,
        (other, _) => panic!("request {id} got {other}"),
    }
}

fn request(plan: Plan, address: std::net::SocketAddr, id: u32) -> Request<Delivery> {
    let (kind, body) = (plan.kind(id), plan.body(id));
    let method = match kind {
        Kind::Get => "GET",
        Kind::Put | Kind::PutStreamed | Kind::PutLarge => "PUT",
        Kind::Post | Kind::PostWithKey => "POST",
    };
    let mut request = Request::builder().method(method).uri(format!("http://{address}/{id}"));
    if kind == Kind::PostWithKey {
        request = request.header("idempotency-key", id);
    }
    let body = if kind == Kind::PutStreamed {
        Pieces::of(body, plan.random(id, 5)).boxed_unsync()
    } else {
        Full::new(Bytes::from_static(body)).map_err(|never| match never {}).boxed_unsync()
    };
    request.body(body).unwrap()
}

/// A body in chunks. It returns `Pending` once before each chunk.
struct Pieces {
    pieces: VecDeque<Bytes>,
    is_there: bool,
}

impl Pieces {
    fn of(body: &'static [u8], random: u64) -> Self {
        // h2 treats many small chunks as an attack and ends the connection.
        let pieces = body.chunks(200 + random as usize % 5_000).map(Bytes::from_static).collect();
        Self { pieces, is_there: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.is_there = !self.is_there;
        if self.is_there {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Numbers the calls that the breaker admits, and records their results.
#[derive(Clone)]
struct Called<S> {
    client: S,
    account: Arc<Account>,
}

impl<S> Service<Request<CloneableBody<Delivery>>> for Called<S>
where
    S: Service<Request<CloneableBody<Delivery>>, Response = Answer, Error = legacy::Error, Future: Send + 'static>,
{
    type Response = Answer;
    type Error = legacy::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, legacy::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), legacy::Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<CloneableBody<Delivery>>) -> Self::Future {
        let number = self.account.call(id_of(&request));
        request.headers_mut().insert("x-call", number.into());
        let mut ending = Ending { account: self.account.clone(), number, outcome: CUT_OFF };
        let calling = self.client.call(request);
        Box::pin(async move {
            let result = calling.await;
            if let Err(error) = &result {
                ending.account.failed(number, error);
            }
            ending.with(result.as_ref().map_or(ERROR, |response| response.status().as_u16()));
            result
        })
    }
}

/// Records the result of a call. A call that is dropped before its end is recorded as a timeout.
struct Ending {
    account: Arc<Account>,
    number: usize,
    outcome: u16,
}

impl Ending {
    fn with(&mut self, outcome: u16) {
        self.outcome = outcome;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.account.record_outcome(self.number, self.outcome);
    }
}
