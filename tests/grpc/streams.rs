//! Bidirectional and client streams: the client sends while the server responds, with tonic on both
//! sides.

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};
use tower::ServiceBuilder;
use tower_recourse::{
    RetryLayer,
    grpc::{GrpcReplay, PeekLayer},
    http::Replay,
    retry::Backoff,
};

use crate::{
    LONGEST, channel, client, config,
    greeter::{Name, greeter_client::GreeterClient},
    greeting, in_time, name,
    scripted_service::{
        Fate::{AfterGreetings, AfterNames, AtOnce, HeadersFirst, Never, Success},
        Host,
    },
    until,
};

/// Names that the test sends one by one.
fn names() -> (UnboundedSender<Name>, UnboundedReceiverStream<Name>) {
    let (sender, names) = unbounded_channel();
    (sender, UnboundedReceiverStream::new(names))
}

/// The client waits for the headers before it sends anything, and for each response before it sends
/// more.
#[tokio::test]
async fn a_bidirectional_stream_passes_through_as_it_comes() {
    let (serving, host) = Host::playing(&[Success]).await;
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        // If the layer waited at all, it would wait forever.
        .layer(PeekLayer::new().max_wait(Duration::MAX))
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    in_time(async {
        let (sender, names) = names();
        let mut greetings = client.greet_each(names).await.unwrap().into_inner();
        for word in ["Ann", "Ben", "Cem"] {
            sender.send(name(word)).unwrap();
            assert_eq!(greetings.message().await.unwrap(), Some(greeting(format!("hello {word}"))));
        }
        drop(sender);
        assert_eq!(greetings.message().await.unwrap(), None);
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.attempts(), 1);
}

/// The server fails while the client still sends. The next attempt receives the names that were
/// already sent, and then the others as the client sends them.
#[tokio::test]
async fn a_client_stream_that_fails_while_sent_starts_again() {
    let (serving, host) = Host::playing(&[AfterNames(1), AtOnce, Success]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (sender, names) = names();
        sender.send(name("Ann")).unwrap();
        let answering = tokio::spawn(async move { client.greet_all(names).await });
        until(|| host.names().get(2).is_some_and(|names| names.len() == 1)).await;
        for word in ["Ben", "Cem"] {
            sender.send(name(word)).unwrap();
        }
        drop(sender);
        let response = answering.await.unwrap().unwrap();
        assert_eq!(response.into_inner(), greeting("hello Ann and Ben and Cem"));
    })
    .await;
    serving.ends().await;
    assert_eq!(host.names(), [&["Ann"][..], &[], &["Ann", "Ben", "Cem"]]);
}

/// As in the previous test, with a response stream. The retry can resend the call until the first
/// message of the response arrives.
#[tokio::test]
async fn a_bidirectional_stream_that_fails_early_starts_again() {
    let (serving, host) = Host::playing(&[AfterNames(1), AtOnce, Success]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (sender, names) = names();
        sender.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(names).await.unwrap().into_inner();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ann")));
        sender.send(name("Ben")).unwrap();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ben")));
        drop(sender);
        assert_eq!(greetings.message().await.unwrap(), None);
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [&["Ann"][..], &[], &["Ann", "Ben"]]);
}

/// A response has arrived before the failure. The caller receives the failure, and its sender finds
/// the stream closed.
#[tokio::test]
async fn a_bidirectional_stream_that_has_begun_is_not_retried() {
    let (serving, host) = Host::playing(&[AfterGreetings(1), Success]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (sender, names) = names();
        sender.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(names).await.unwrap().into_inner();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ann")));
        assert_eq!(greetings.message().await.unwrap_err().code(), Code::Unavailable);
        sender.closed().await;
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [["Ann"]]);
}

/// The client has received the headers and may act on them, so the retry doesn't repeat the call.
#[tokio::test]
async fn headers_during_the_clients_stream_commit_the_call() {
    let (serving, host) = Host::playing(&[HeadersFirst(2), Success]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (sender, names) = names();
        let mut greetings = client.greet_each(names).await.unwrap().into_inner();
        for word in ["Ann", "Ben"] {
            sender.send(name(word)).unwrap();
        }
        assert_eq!(greetings.message().await.unwrap_err().code(), Code::Unavailable);
        sender.closed().await;
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [["Ann", "Ben"]]);
}

/// The stream fits into the buffer at first, and then exceeds it. The running attempt continues.
#[tokio::test]
async fn a_stream_that_outgrows_the_buffer_continues() {
    let (first, second) = ("x".repeat(100), "y".repeat(100));
    for (script, code) in [(&[AfterNames(1), Success], Code::Ok), (&[AfterNames(1), AfterNames(2)], Code::Unavailable)]
    {
        let script: &'static [_] = script;
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config().replay(GrpcReplay::new(Replay::default().max_body(150))), &serving);
        in_time(async {
            let (sender, names) = names();
            sender.send(name(&first)).unwrap();
            let answering = tokio::spawn(async move { client.greet_all(names).await });
            until(|| host.names().get(1).is_some_and(|names| names.len() == 1)).await;
            sender.send(name(&second)).unwrap();
            drop(sender);
            let response = answering.await.unwrap();
            assert_eq!(response.map_or_else(|status| status.code(), |_| Code::Ok), code);
        })
        .await;
        serving.ends().await;
        assert_eq!(host.names(), [&[first.clone()][..], &[first.clone(), second.clone()]]);
    }
}

/// Dropping the call drops everything that belongs to it.
#[tokio::test]
async fn a_dropped_bidirectional_stream_leaves_nothing() {
    let (serving, host) = Host::playing(&[AtOnce, Success]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (sender, names) = names();
        sender.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(names).await.unwrap().into_inner();
        greetings.message().await.unwrap();
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.attempts(), 2);
}

/// The caller drops the call during the first attempt, during the second, or during the wait
/// between them.
#[tokio::test]
async fn a_dropped_call_leaves_nothing() {
    for (script, attempts) in [(&[Never][..], 1), (&[AfterNames(1), Never], 2), (&[AfterNames(1), Success], 2)] {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        let (sender, names) = names();
        sender.send(name("Ann")).unwrap();
        let answering = tokio::spawn(async move { client.greet_all(names).await });
        in_time(until(|| host.attempts() == attempts)).await;
        answering.abort();
        in_time(sender.closed()).await;
        serving.ends().await;
        assert_eq!(host.attempts(), attempts);
    }
    let (serving, host) = Host::playing(&[AfterNames(1), Success]).await;
    let mut client = client(config().backoff(Backoff::fixed(LONGEST)), &serving);
    let (sender, names) = names();
    sender.send(name("Ann")).unwrap();
    let answering = tokio::spawn(async move { client.greet_all(names).await });
    in_time(until(|| host.names() == [["Ann"]])).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    answering.abort();
    in_time(sender.closed()).await;
    serving.ends().await;
    assert_eq!(host.attempts(), 1);
}

/// The client sends one name, and then neither another name nor the end of its stream. The call
/// ends at its deadline, and the retry doesn't repeat it.
#[tokio::test]
async fn a_client_that_stops_sending_meets_its_deadline() {
    let (serving, host) = Host::playing(&[Success]).await;
    let mut client = client(config(), &serving);
    let (sender, names) = names();
    sender.send(name("Ann")).unwrap();
    let status: Status = in_time(async {
        let mut request = tonic::Request::new(names);
        request.set_timeout(Duration::from_millis(50));
        client.greet_all(request).await.unwrap_err()
    })
    .await;
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    in_time(sender.closed()).await;
    drop(client);
    serving.ends().await;
    // On a busy machine the deadline may pass before the call arrives.
    assert!(host.attempts() <= 1);
}
