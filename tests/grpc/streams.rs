//! Streams whose client speaks while the server answers: tonic on both sides.

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};
use tower::ServiceBuilder;
use tower_recourse::{
    RetryLayer,
    grpc::{PeekLayer, Stamped},
    http::Replay,
    retry::Backoff,
};

use crate::{
    LONGEST, channel, client, config,
    greeter::{Name, greeter_client::GreeterClient},
    greeting,
    host::{
        Fate::{AfterGreetings, AfterHearing, AtOnce, HeadersFirst, Never, Well},
        Host,
    },
    in_time, name, until,
};

/// Names that are said one by one.
fn said() -> (UnboundedSender<Name>, UnboundedReceiverStream<Name>) {
    let (say, said) = unbounded_channel();
    (say, UnboundedReceiverStream::new(said))
}

/// The client waits for the headers before it says anything, and for each answer before it says more.
#[tokio::test]
async fn a_conversation_passes_through_as_it_comes() {
    let (serving, host) = Host::playing(&[Well]).await;
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        // Until it is there: it must not be waited for at all.
        .layer(PeekLayer::new().longest(Duration::MAX))
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    in_time(async {
        let (say, said) = said();
        let mut greetings = client.greet_each(said).await.unwrap().into_inner();
        for word in ["Ann", "Ben", "Cem"] {
            say.send(name(word)).unwrap();
            assert_eq!(greetings.message().await.unwrap(), Some(greeting(format!("hello {word}"))));
        }
        drop(say);
        assert_eq!(greetings.message().await.unwrap(), None);
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.attempts(), 1);
}

/// The server fails while the client still speaks. The next attempt hears what was said, and then the rest as it comes.
#[tokio::test]
async fn a_client_stream_that_fails_while_it_is_sent_begins_again() {
    let (serving, host) = Host::playing(&[AfterHearing(1), AtOnce, Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (say, said) = said();
        say.send(name("Ann")).unwrap();
        let answering = tokio::spawn(async move { client.greet_all(said).await });
        until(|| host.names().get(2).is_some_and(|names| names.len() == 1)).await;
        for word in ["Ben", "Cem"] {
            say.send(name(word)).unwrap();
        }
        drop(say);
        let answer = answering.await.unwrap().unwrap();
        assert_eq!(answer.into_inner(), greeting("hello Ann and Ben and Cem"));
    })
    .await;
    serving.ends().await;
    assert_eq!(host.names(), [&["Ann"][..], &[], &["Ann", "Ben", "Cem"]]);
}

/// The same, with answers: as long as none has come.
#[tokio::test]
async fn a_conversation_that_fails_before_it_has_begun_begins_again() {
    let (serving, host) = Host::playing(&[AfterHearing(1), AtOnce, Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (say, said) = said();
        say.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(said).await.unwrap().into_inner();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ann")));
        say.send(name("Ben")).unwrap();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ben")));
        drop(say);
        assert_eq!(greetings.message().await.unwrap(), None);
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [&["Ann"][..], &[], &["Ann", "Ben"]]);
}

/// The failure is the caller's to see, and who speaks finds that nobody hears it any more.
#[tokio::test]
async fn a_conversation_that_has_begun_is_not_retried() {
    let (serving, host) = Host::playing(&[AfterGreetings(1), Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (say, said) = said();
        say.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(said).await.unwrap().into_inner();
        assert_eq!(greetings.message().await.unwrap(), Some(greeting("hello Ann")));
        assert_eq!(greetings.message().await.unwrap_err().code(), Code::Unavailable);
        say.closed().await;
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [["Ann"]]);
}

/// The client has got the headers and goes on because of them: from there on the call is its own.
#[tokio::test]
async fn headers_that_came_while_the_client_speaks_are_passed_on_for_good() {
    let (serving, host) = Host::playing(&[HeadersFirst(2), Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (say, said) = said();
        let mut greetings = client.greet_each(said).await.unwrap().into_inner();
        for word in ["Ann", "Ben"] {
            say.send(name(word)).unwrap();
        }
        assert_eq!(greetings.message().await.unwrap_err().code(), Code::Unavailable);
        say.closed().await;
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.names(), [["Ann", "Ben"]]);
}

/// It was short enough to be sent again, and then it isn't any more: the attempt that is under way goes on.
#[tokio::test]
async fn a_stream_that_outgrows_the_buffer_later_goes_on() {
    let (first, second) = ("x".repeat(100), "y".repeat(100));
    for (script, code) in
        [(&[AfterHearing(1), Well], Code::Ok), (&[AfterHearing(1), AfterHearing(2)], Code::Unavailable)]
    {
        let script: &'static [_] = script;
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config().keeping(Stamped::new(Replay::default().max_body(150))), &serving);
        in_time(async {
            let (say, said) = said();
            say.send(name(&first)).unwrap();
            let answering = tokio::spawn(async move { client.greet_all(said).await });
            until(|| host.names().get(1).is_some_and(|names| names.len() == 1)).await;
            say.send(name(&second)).unwrap();
            drop(say);
            let answer = answering.await.unwrap();
            assert_eq!(answer.map_or_else(|status| status.code(), |_| Code::Ok), code);
        })
        .await;
        serving.ends().await;
        assert_eq!(host.names(), [&[first.clone()][..], &[first.clone(), second.clone()]]);
    }
}

/// A caller who gives up takes all of it along.
#[tokio::test]
async fn a_conversation_that_is_dropped_leaves_nothing() {
    let (serving, host) = Host::playing(&[AtOnce, Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let (say, said) = said();
        say.send(name("Ann")).unwrap();
        let mut greetings = client.greet_each(said).await.unwrap().into_inner();
        greetings.message().await.unwrap();
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.attempts(), 2);
}

/// Within any attempt, and during the wait before the next.
#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing() {
    for (script, attempts) in [(&[Never][..], 1), (&[AfterHearing(1), Never], 2), (&[AfterHearing(1), Well], 2)] {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        let (say, said) = said();
        say.send(name("Ann")).unwrap();
        let answering = tokio::spawn(async move { client.greet_all(said).await });
        in_time(until(|| host.attempts() == attempts)).await;
        answering.abort();
        in_time(say.closed()).await;
        serving.ends().await;
        assert_eq!(host.attempts(), attempts);
    }
    let (serving, host) = Host::playing(&[AfterHearing(1), Well]).await;
    let mut client = client(config().backoff(Backoff::fixed(LONGEST)), &serving);
    let (say, said) = said();
    say.send(name("Ann")).unwrap();
    let answering = tokio::spawn(async move { client.greet_all(said).await });
    in_time(until(|| host.names() == [["Ann"]])).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    answering.abort();
    in_time(say.closed()).await;
    serving.ends().await;
    assert_eq!(host.attempts(), 1);
}

/// The other way round: the client's own stream is what breaks off. Nothing of that is tried again.
#[tokio::test]
async fn a_client_that_falls_silent_in_the_middle_is_cut_off_by_its_deadline() {
    let (serving, host) = Host::playing(&[Well]).await;
    let mut client = client(config(), &serving);
    let (say, said) = said();
    say.send(name("Ann")).unwrap();
    let status: Status = in_time(async {
        let mut request = tonic::Request::new(said);
        request.set_timeout(Duration::from_millis(50));
        client.greet_all(request).await.unwrap_err()
    })
    .await;
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    in_time(say.closed()).await;
    drop(client);
    serving.ends().await;
    // On a busy machine it may be over before the call is there.
    assert!(host.attempts() <= 1);
}
