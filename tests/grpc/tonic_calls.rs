//! tonic on both sides, over loopback; the service is written by hand, so that nothing needs `protoc`.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt};
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    client::Grpc,
    server::NamedService,
    transport::{Server, server::TcpIncoming},
};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryLayer, State,
    breaker::OpenRule,
    grpc::{PeekLayer, Stamped},
    http::Replay,
};

use crate::{Text, channel, codec, config, in_time, stack, text};

type Answers = Pin<Box<dyn Stream<Item = Result<Text, Status>> + Send>>;

/// Fails so many times, then does what it should.
#[derive(Clone)]
struct Echo {
    failures: usize,
    calls: Arc<AtomicUsize>,
}

impl Echo {
    fn fail(&self) -> Result<(), Status> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call < self.failures { Err(Status::unavailable("not yet")) } else { Ok(()) }
    }

    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        let mut grpc = tonic::server::Grpc::new(codec());
        match request.uri().path() {
            "/test.Echo/Unary" => grpc.unary(service_fn(|request| self.unary(request)), request).await,
            "/test.Echo/Slow" => {
                grpc.unary(service_fn(|_: Request<Text>| std::future::pending::<Result<Response<Text>, _>>()), request)
                    .await
            }
            "/test.Echo/ServerStream" => {
                grpc.server_streaming(service_fn(|request| self.server_stream(request)), request).await
            }
            "/test.Echo/LateFailure" => {
                grpc.server_streaming(service_fn(|request| self.late_failure(request)), request).await
            }
            "/test.Echo/ClientStream" => {
                grpc.client_streaming(service_fn(|request| self.client_stream(request)), request).await
            }
            _ => grpc.streaming(service_fn(|request| self.both(request)), request).await,
        }
    }

    async fn unary(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        self.fail()?;
        Ok(Response::new(request.into_inner()))
    }

    /// Three times what came.
    async fn server_stream(&self, request: Request<Text>) -> Result<Response<Answers>, Status> {
        self.fail()?;
        let said = request.into_inner();
        Ok(Response::new(Box::pin(tokio_stream::iter([Ok(said.clone()), Ok(said.clone()), Ok(said)]))))
    }

    /// Its failure comes as the first thing of the stream, after the headers.
    async fn late_failure(&self, request: Request<Text>) -> Result<Response<Answers>, Status> {
        let answer = self.fail().map(|()| request.into_inner());
        Ok(Response::new(Box::pin(tokio_stream::once(answer))))
    }

    /// What came, in one.
    async fn client_stream(&self, request: Request<Streaming<Text>>) -> Result<Response<Text>, Status> {
        let mut all = String::new();
        let mut messages = request.into_inner();
        while let Some(message) = messages.next().await {
            all += &message?.text;
        }
        self.fail()?;
        Ok(Response::new(text(all)))
    }

    /// Each as it comes; headers at once.
    async fn both(&self, request: Request<Streaming<Text>>) -> Result<Response<Answers>, Status> {
        self.fail()?;
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.answer(request).await) })
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

async fn serve(failures: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::<AtomicUsize>::default();
    let echo = Echo { failures, calls: calls.clone() };
    tokio::spawn(Server::builder().add_service(echo).serve_with_incoming(TcpIncoming::from(listener)));
    (address, calls)
}

fn path(method: &str) -> http::uri::PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}

fn made(calls: &AtomicUsize) -> usize {
    calls.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_unary_call_is_retried() {
    in_time(async {
        let (address, calls) = serve(2).await;
        let mut client = Grpc::new(stack(config(), address));
        client.ready().await.unwrap();
        let answer = client.unary(Request::new(text("hello")), path("Unary"), codec()).await.unwrap();
        assert_eq!((answer.into_inner(), made(&calls)), (text("hello"), 3));
    })
    .await;
}

#[tokio::test]
async fn what_fails_for_good_is_told_as_the_server_said_it() {
    in_time(async {
        let (address, calls) = serve(9).await;
        let mut client = Grpc::new(stack(config(), address));
        client.ready().await.unwrap();
        let status = client.unary(Request::new(text("hello")), path("Unary"), codec()).await.unwrap_err();
        assert_eq!((status.code(), status.message(), made(&calls)), (Code::Unavailable, "not yet", 3));
    })
    .await;
}

#[tokio::test]
async fn a_server_stream_passes_through() {
    in_time(async {
        let (address, calls) = serve(1).await;
        let mut client = Grpc::new(stack(config(), address));
        client.ready().await.unwrap();
        let request = Request::new(text("hello"));
        let answers = client.server_streaming(request, path("ServerStream"), codec()).await.unwrap().into_inner();
        let answers: Vec<Text> = answers.map(Result::unwrap).collect().await;
        assert_eq!((answers, made(&calls)), (vec![text("hello"); 3], 2));
    })
    .await;
}

#[tokio::test]
async fn a_failure_after_the_headers_is_retried() {
    in_time(async {
        let (address, calls) = serve(2).await;
        let mut client = Grpc::new(stack(config(), address));
        client.ready().await.unwrap();
        let request = Request::new(text("hello"));
        let answers = client.server_streaming(request, path("LateFailure"), codec()).await.unwrap().into_inner();
        let answers: Vec<Text> = answers.map(Result::unwrap).collect().await;
        assert_eq!((answers, made(&calls)), (vec![text("hello")], 3));
    })
    .await;
}

#[tokio::test]
async fn a_client_stream_is_sent_again_within_the_buffer() {
    in_time(async {
        for (max_body, code, sends) in [(64 << 10, Code::Ok, 3), (10, Code::Unavailable, 1)] {
            let (address, calls) = serve(2).await;
            let config = config().keeping(Stamped::new(Replay::default().max_body(max_body)));
            let mut client = Grpc::new(stack(config, address));
            client.ready().await.unwrap();
            let messages = Request::new(tokio_stream::iter(["one ", "two ", "three"].map(text)));
            let answer = client.client_streaming(messages, path("ClientStream"), codec()).await;
            assert_eq!(made(&calls), sends);
            match answer {
                Ok(answer) => assert_eq!((answer.into_inner(), code), (text("one two three"), Code::Ok)),
                Err(status) => assert_eq!(status.code(), code),
            }
        }
    })
    .await;
}

/// The client waits for the headers before it says anything, and for each answer before it says more.
#[tokio::test]
async fn streams_in_both_directions_pass_through_as_they_come() {
    in_time(async {
        let (address, calls) = serve(0).await;
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(config()))
            // Until it is there: it must not be waited for at all.
            .layer(PeekLayer::new().longest(Duration::MAX))
            .service(channel(address));
        let mut client = Grpc::new(service);
        client.ready().await.unwrap();
        let (say, said) = tokio::sync::mpsc::unbounded_channel();
        let said = async_stream(said);
        let mut answers = client.streaming(Request::new(said), path("Both"), codec()).await.unwrap().into_inner();
        for word in ["one", "two", "three"] {
            say.send(text(word)).unwrap();
            assert_eq!(answers.message().await.unwrap(), Some(text(word)));
        }
        drop(say);
        assert_eq!((answers.message().await.unwrap(), made(&calls)), (None, 1));
    })
    .await;
}

fn async_stream(mut words: tokio::sync::mpsc::UnboundedReceiver<Text>) -> impl Stream<Item = Text> + Send + 'static {
    struct Words<F>(F);
    impl<F: FnMut(&mut Context<'_>) -> Poll<Option<Text>> + Unpin> Stream for Words<F> {
        type Item = Text;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Text>> {
            (self.0)(cx)
        }
    }
    Words(move |cx: &mut Context<'_>| words.poll_recv(cx))
}

/// The whole stack: the breaker sees every attempt, and its rejection isn't retried.
#[tokio::test]
async fn a_breaker_opens_and_rejects() {
    in_time(async {
        let (address, calls) = serve(9).await;
        let circuit = Circuit::new(BreakerConfig::grpc().open_when(OpenRule::consecutive(3).unwrap()).unobserved());
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(config()))
            .layer(BreakerLayer::on(&circuit))
            .layer(PeekLayer::new())
            .service(channel(address));
        let mut client = Grpc::new(service);
        for _ in 0..2 {
            client.ready().await.unwrap();
            client.unary(Request::new(text("hello")), path("Unary"), codec()).await.unwrap_err();
        }
        assert_eq!((circuit.state(), made(&calls), circuit.stats().total_rejected), (State::Open, 3, 1));
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_the_call() {
    in_time(async {
        let (address, _) = serve(0).await;
        let mut client = Grpc::new(stack(config(), address));
        client.ready().await.unwrap();
        let mut request = Request::new(text("hello"));
        request.set_timeout(Duration::from_millis(50));
        let status = client.unary(request, path("Slow"), codec()).await.unwrap_err();
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    })
    .await;
}

/// Nobody listens yet.
#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    in_time(async {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let listener = TcpListener::bind(address).await.unwrap();
            let echo = Echo { failures: 0, calls: Arc::default() };
            Server::builder().add_service(echo).serve_with_incoming(TcpIncoming::from(listener)).await
        });
        let mut client = Grpc::new(stack(config().retries(500), address));
        client.ready().await.unwrap();
        let answer = client.unary(Request::new(text("hello")), path("Unary"), codec()).await.unwrap();
        assert_eq!(answer.into_inner(), text("hello"));
    })
    .await;
}

/// As generated clients ask of what they are put around.
#[test]
fn it_is_what_generated_clients_take() {
    fn takes<T>(_: impl FnOnce() -> T)
    where
        T: tonic::client::GrpcService<Body> + Clone + Send,
        T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        <T::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
        T::Future: Send,
    {
    }
    takes(|| stack(config(), "127.0.0.1:1".parse().unwrap()));
    takes(|| {
        let inner = PeekLayer::new().layer(channel("127.0.0.1:1".parse().unwrap()));
        RetryLayer::new(config()).layer(BreakerLayer::new(BreakerConfig::grpc()).layer(inner))
    });
}
