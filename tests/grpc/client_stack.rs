//! Layers around a tonic client and their effects on the wire: breakers, deadlines, throttles,
//! connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use h2::Reason;
use tokio::net::TcpListener;
use tonic::{
    Code, Request,
    service::InterceptorLayer,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, RetryLayer, State,
    breaker::TripRule,
    grpc::{PeekLayer, StatusClassifier, Unavailable},
    http::{BodyBreakerLayer, ReportExtensionLayer},
    retry::RetryThrottle,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    LONGEST, channel, client, config,
    greeter::{greeter_client::GreeterClient, greeter_server::GreeterServer},
    greeting, in_time,
    loopback::Serving,
    name, scripted_http2,
    scripted_service::{
        Fate::{AtOnce, InTrailers, Never, Success},
        Host,
    },
    stack,
};

/// The whole stack: the breaker counts every attempt, and the retry makes no further attempt after
/// a rejection.
#[tokio::test]
async fn a_breaker_opens_and_rejects() {
    let (serving, host) = Host::playing(&[AtOnce]).await;
    let circuit = Circuit::new(
        BreakerConfig::grpc().fixed_share().open_when(TripRule::consecutive(3).unwrap()).without_observers(),
    );
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit))
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    for _ in 0..2 {
        in_time(client.greet(name("Ann"))).await.unwrap_err();
    }
    assert_eq!((circuit.state(), host.attempts(), circuit.stats().total_rejected), (State::Open, 3, 1));
    drop(client);
    serving.ends().await;
}

/// The caller gets UNAVAILABLE, and the retry recognises a rejection.
#[tokio::test]
async fn a_rejection_can_be_a_response() {
    let (serving, host) = Host::playing(&[Success]).await;
    let circuit = Circuit::new(
        BreakerConfig::grpc().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    let service = ServiceBuilder::new()
        .layer(ReportExtensionLayer)
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    in_time(client.greet(name("Ann"))).await.unwrap();
    circuit.try_acquire().unwrap().failure();
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the service is not called for now"));
    let pushback: u64 = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=30_000).contains(&pushback), "{pushback}");
    circuit.force_open();
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    // The time of the next admission isn't known.
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms"), None);
    assert_eq!((host.attempts(), circuit.stats().total_rejected), (1, 2));
    drop(client);
    serving.ends().await;
}

/// A breaker around a server rejects with a gRPC status (`Unavailable`), because clients can't
/// receive a Rust error. The server protects its service, and returns the time of the next
/// admission.
#[tokio::test]
async fn a_breaker_around_a_server_answers_its_clients() {
    let host = Host::new(&[AtOnce, Success]);
    let circuit = Circuit::new(
        BreakerConfig::grpc().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    let (layer, service) = (BreakerLayer::on(&circuit).on_rejection(Unavailable), GreeterServer::new(host.clone()));
    let serving = Serving::by(|listener| async move {
        let server = Server::builder().layer(layer).add_service(service);
        server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
    })
    .await;
    let mut client = client(config().retries(0), &serving);
    for message in ["not now", "the service is not called for now"] {
        let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, message));
    }
    circuit.reset();
    assert_eq!(in_time(client.greet(name("Ann"))).await.unwrap().into_inner(), greeting("hello Ann"));
    assert_eq!((host.attempts(), circuit.stats().total_rejected), (2, 1));
    drop(client);
    serving.ends().await;
}

/// An interceptor around the client runs once per call, an interceptor within the stack once per
/// attempt.
#[tokio::test]
async fn interceptors_work_outside_and_inside() {
    let (serving, host) = Host::playing(&[AtOnce, Success]).await;
    let counts = [Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default()];
    let [around, within] = counts.each_ref().map(|count| {
        let count = count.clone();
        move |request: Request<()>| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(request)
        }
    });
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::new(BreakerConfig::grpc().fixed_share()).on_rejection(Unavailable))
        .layer(PeekLayer::new())
        .layer(InterceptorLayer::new(within))
        .service(channel(serving.address));
    let mut client = GreeterClient::with_interceptor(service, around);
    in_time(client.greet(name("Ann"))).await.unwrap();
    assert_eq!((host.attempts(), counts.map(|count| count.load(Ordering::SeqCst))), (2, [1, 2]));
    drop(client);
    serving.ends().await;
}

#[tokio::test]
async fn a_response_has_its_report_in_an_extension() {
    let (serving, _) = Host::playing(&[AtOnce, Success]).await;
    let mut client = GreeterClient::new(ReportExtensionLayer.layer(stack(config(), serving.address)));
    let response = in_time(client.greet(name("Ann"))).await.unwrap();
    assert_eq!(response.extensions().get::<CallReport>().unwrap().attempts(), 2);
    drop(client);
    serving.ends().await;
}

/// The breaker counts a failure in trailers like one in headers.
#[tokio::test]
async fn a_breaker_counts_statuses_in_trailers() {
    let (serving, host) = Host::playing(&[InTrailers, InTrailers, Success]).await;
    let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().count_all_calls().without_observers());
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit))
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    let mut words = in_time(client.greet_at_length(name("Ann"))).await.unwrap().into_inner();
    while in_time(words.message()).await.unwrap().is_some() {}
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.total_successes, host.attempts()), (2, Some(1), 3));
    drop((client, words));
    serving.ends().await;
}

/// Following A6 strictly, headers commit a call. With a `PeekLayer`, only a message does.
#[tokio::test]
async fn without_peeking_headers_end_the_retries() {
    for (fate, attempts) in [(&[AtOnce, Success], 2), (&[InTrailers, Success], 1)] {
        let (serving, host) = Host::playing(fate).await;
        let mut client = GreeterClient::new(RetryLayer::new(config()).layer(channel(serving.address)));
        let mut words = in_time(client.greet_at_length(name("Ann"))).await.unwrap().into_inner();
        assert_eq!(in_time(words.message()).await.is_ok(), attempts == 2);
        drop((client, words));
        serving.ends().await;
        assert_eq!(host.attempts(), attempts);
    }
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_drops_its_parts() {
    let (serving, host) = Host::playing(&[Never]).await;
    let mut client = client(config(), &serving);
    let mut request = Request::new(name("Ann"));
    request.set_timeout(Duration::from_millis(50));
    let status = in_time(client.greet(request)).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    // On a busy machine the deadline may pass before the call arrives.
    assert!(host.attempts() <= 1);
    drop(client);
    serving.ends().await;
}

/// A timeout of the channel has the code DEADLINE_EXCEEDED for both layers: the circuit counts a
/// failure, and the retry makes another attempt if the config includes that code.
#[tokio::test]
async fn the_channels_timeout_applies_to_each_attempt() {
    use tower_recourse::grpc::Code;
    for (codes, attempts) in [(vec![Code::Unavailable], 1), (vec![Code::Unavailable, Code::DeadlineExceeded], 3)] {
        let (serving, _) = Host::playing(&[Never]).await;
        let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap();
        let channel = endpoint.timeout(Duration::from_millis(30)).connect_lazy();
        let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers());
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(config().classifier(StatusClassifier::default().retry_codes(codes))))
            .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
            .layer(PeekLayer::new())
            .service(channel);
        let mut client = GreeterClient::new(service);
        in_time(client.greet(name("Ann"))).await.unwrap_err();
        assert_eq!(circuit.stats().total_failures, attempts);
        drop(client);
        serving.ends().await;
    }
}

/// Each attempt has less time than the one before.
#[tokio::test]
async fn each_attempt_sends_the_remaining_deadline_on_the_wire() {
    let (serving, host) = Host::playing(&[AtOnce]).await;
    let mut client = client(config(), &serving);
    let mut request = Request::new(name("Ann"));
    request.set_timeout(LONGEST);
    let status = in_time(client.greet(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    drop(client);
    serving.ends().await;
    let timeouts: Vec<u128> =
        host.received().iter().map(|received| in_nanoseconds(received.timeout.as_deref().unwrap())).collect();
    assert_eq!(timeouts.len(), 3);
    assert!(timeouts[0] <= LONGEST.as_nanos() && timeouts.is_sorted_by(|one, next| one > next), "{timeouts:?}");
}

fn in_nanoseconds(timeout: &str) -> u128 {
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    let unit = match unit {
        "u" => 1_000,
        "n" => 1,
        _ => panic!("{timeout}"),
    };
    number.parse::<u128>().unwrap() * unit
}

/// A6's throttling with a maximum of 10 and a ratio of 0.5. The failures of one client also
/// throttle the other client.
#[tokio::test]
async fn clients_that_share_a_throttle_stop_together() {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap().ratio(0.5).unwrap());
    let (down, of_down) = Host::playing(&[AtOnce]).await;
    let (up, of_up) = Host::playing(&[Success]).await;
    let limited = || config().shared_budget(throttle.clone());
    let (mut to_down, mut to_up) = (client(limited(), &down), client(limited(), &up));
    // Three failures leave 7 tokens, two more leave 5. From then on nothing is retried, and each
    // failure still takes a token.
    for attempts in [3, 5, 6] {
        in_time(to_down.greet(name("Ann"))).await.unwrap_err();
        assert_eq!(of_down.attempts(), attempts);
    }
    assert_eq!(throttle.tokens(), 4.0);
    for _ in 0..4 {
        in_time(to_up.greet(name("Ann"))).await.unwrap();
    }
    // A failure takes one token, and a retry then needs more than 5 tokens. So a call that starts
    // with 6 tokens isn't retried, and one that starts with 6.5 is.
    assert_eq!(throttle.tokens(), 6.0);
    in_time(to_down.greet(name("Ann"))).await.unwrap_err();
    assert_eq!((of_down.attempts(), throttle.tokens()), (7, 5.0));
    drop((to_down, to_up));
    up.ends().await;
    down.ends().await;
    assert_eq!(of_up.attempts(), 4);
}

/// No server listens yet.
#[tokio::test]
async fn a_refused_connection_is_retried() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let serving = Serving::by(|_| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (listener, host) = (TcpListener::bind(address).await.unwrap(), Host::new(&[Success]));
        let service = GreeterServer::new(host);
        Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
    })
    .await;
    let mut client = GreeterClient::new(stack(config().retries(500), address));
    assert_eq!(in_time(client.greet(name("Ann"))).await.unwrap().into_inner(), greeting("hello Ann"));
    drop(client);
    serving.ends().await;
}

/// The server refuses a call with a request stream, so it hasn't processed the call. The retry
/// resends it although the config allows no retries.
#[tokio::test]
async fn a_refused_client_stream_is_retried_transparently() {
    use scripted_http2::Reply::Reset;
    let (serving, log) = scripted_http2::serve(&[Reset(Reason::REFUSED_STREAM), scripted_http2::OK]).await;
    let mut client = client(config().retries(0), &serving);
    let names = tokio_stream::iter(["Ann", "Ben"].map(name));
    assert_eq!(in_time(client.greet_all(names)).await.unwrap().into_inner(), greeting("answer"));
    drop(client);
    serving.ends().await;
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|(_, headers)| !headers.contains_key("grpc-previous-rpc-attempts")));
}

/// After its first message, a stream ends with OK, ends with UNAVAILABLE, or is reset. A breaker
/// that classifies response heads counts no failure. A breaker that waits for the end of bodies
/// counts the reset as a failure, but doesn't classify the status in trailers.
#[tokio::test]
async fn a_breaker_counts_a_stream_that_fails_later() {
    use scripted_http2::Reply::{Message, MessageThenReset};
    let cases: [(&'static [scripted_http2::Reply], u64, u64); 3] = [
        (&[scripted_http2::OK], 0, 0),
        (&[Message(scripted_http2::UNAVAILABLE)], 0, 0),
        (&[MessageThenReset(Reason::INTERNAL_ERROR)], 0, 1),
    ];
    for (replies, by_head, by_end) in cases {
        let (serving, _) = scripted_http2::serve(replies).await;
        let circuits = [(); 2].map(|()| Circuit::new(BreakerConfig::grpc().fixed_share().without_observers()));
        let service = ServiceBuilder::new()
            .layer(BreakerLayer::on(&circuits[0]).on_rejection(Unavailable))
            .layer(BodyBreakerLayer::on(&circuits[1]))
            .layer(PeekLayer::new())
            .service(channel(serving.address));
        let mut client = GreeterClient::new(service);
        let mut words = in_time(client.greet_at_length(name("Ann"))).await.unwrap().into_inner();
        assert_eq!(in_time(words.message()).await.unwrap(), Some(greeting("answer")));
        let _ = in_time(words.message()).await;
        let failures = circuits.each_ref().map(|circuit| circuit.stats().total_failures);
        assert_eq!(failures, [by_head, by_end], "{replies:?}");
        drop((client, words));
        serving.ends().await;
    }
}

/// The reason of a reset determines the code of the stream. The cases list the number of failures
/// that the breaker counts. Each call is made twice: with no retryable code, and with the code of
/// the reset as the only one.
#[tokio::test]
async fn a_reset_stream_has_the_code_of_its_reason() {
    use scripted_http2::Reply::Reset;
    use tower_recourse::grpc::Code;
    let cases: [(&'static [scripted_http2::Reply], Code, u64); 4] = [
        (&[Reset(Reason::CANCEL), scripted_http2::OK], Code::Cancelled, 0),
        (&[Reset(Reason::ENHANCE_YOUR_CALM), scripted_http2::OK], Code::ResourceExhausted, 0),
        (&[Reset(Reason::INTERNAL_ERROR), scripted_http2::OK], Code::Internal, 1),
        (&[Reset(Reason::PROTOCOL_ERROR), scripted_http2::OK], Code::Internal, 1),
    ];
    for (replies, code, failures) in cases {
        for (codes, sends) in [(vec![], 1), (vec![code], 2)] {
            let (serving, log) = scripted_http2::serve(replies).await;
            let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers());
            let service = ServiceBuilder::new()
                .layer(RetryLayer::new(config().classifier(StatusClassifier::default().retry_codes(codes))))
                .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
                .layer(PeekLayer::new())
                .service(channel(serving.address));
            let mut client = GreeterClient::new(service);
            assert_eq!(in_time(client.greet(name("Ann"))).await.is_ok(), sends == 2, "{code}");
            assert_eq!((log.lock().unwrap().len(), circuit.stats().total_failures), (sends, failures), "{code}");
            drop(client);
            serving.ends().await;
        }
    }
}

/// The bounds that generated clients require.
#[test]
fn the_stack_fits_generated_clients() {
    fn takes<T>(_: impl FnOnce() -> T)
    where
        T: tonic::client::GrpcService<tonic::body::Body> + Clone + Send,
        T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        <T::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
        T::Future: Send,
    {
    }
    takes(|| stack(config(), "127.0.0.1:1".parse().unwrap()));
    takes(|| {
        let inner = PeekLayer::new().layer(channel("127.0.0.1:1".parse().unwrap()));
        RetryLayer::new(config()).layer(BreakerLayer::new(BreakerConfig::grpc().fixed_share()).layer(inner))
    });
}
