//! The four kinds of calls, tonic on both sides, generated from `greeter.proto`: right, or passed through untouched, never half.

use tokio_stream::StreamExt;
use tonic::{Code, Response, Status, Streaming};
use tower_recourse::{grpc::Stamped, http::Replay};

use crate::{
    Stack, client, config,
    greeter::{Greeting, greeter_client::GreeterClient},
    host::{
        ALL,
        Fate::{self, AfterGreetings, AfterHearing, AtOnce, InTrailers, Well},
        Host,
    },
    in_time, name,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Unary,
    ClientStream,
    ServerStream,
    Both,
}

use Kind::{Both, ClientStream, ServerStream, Unary};

/// What the caller got: the greetings, and how it ended.
type Got = (Vec<String>, Code);

const NAMES: [&str; 3] = ["Ann", "Ben", "Cem"];

/// One call, whose names are all there from the beginning.
async fn call(kind: Kind, client: &mut GreeterClient<Stack>) -> Got {
    let names = tokio_stream::iter(NAMES.map(name));
    in_time(async {
        match kind {
            Unary => one(client.greet(name("Ann")).await),
            ClientStream => one(client.greet_all(names).await),
            ServerStream => all(client.greet_at_length(name("Ann")).await).await,
            Both => all(client.greet_each(names).await).await,
        }
    })
    .await
}

fn one(answer: Result<Response<Greeting>, Status>) -> Got {
    match answer {
        Ok(greeting) => (vec![greeting.into_inner().text], Code::Ok),
        Err(status) => (vec![], told(&status)),
    }
}

async fn all(answer: Result<Response<Streaming<Greeting>>, Status>) -> Got {
    let mut greetings = match answer {
        Ok(greetings) => greetings.into_inner(),
        Err(status) => return (vec![], told(&status)),
    };
    let mut heard = Vec::new();
    loop {
        match greetings.message().await {
            Ok(Some(greeting)) => heard.push(greeting.text),
            Ok(None) => return (heard, Code::Ok),
            Err(status) => return (heard, told(&status)),
        }
    }
}

/// Its message is the server's, whatever the code.
fn told(status: &Status) -> Code {
    assert_eq!(status.message(), "not now");
    status.code()
}

#[tokio::test]
async fn each_kind_is_retried_until_its_answer_has_begun() {
    let unary = || vec!["hello Ann".to_owned()];
    let of_all = || vec!["hello Ann and Ben and Cem".to_owned()];
    let words = |count| ["hello", "Ann", "!"][..count].iter().map(ToString::to_string).collect();
    let each = |count| NAMES[..count].iter().map(|name| format!("hello {name}")).collect();
    let failed = || (vec![], Code::Unavailable);
    // The script, what the caller gets, and how many attempts the server has seen.
    let cases: [(Kind, &'static [Fate], Got, usize); 22] = [
        (Unary, &[Well], (unary(), Code::Ok), 1),
        (Unary, &[AtOnce, AtOnce, Well], (unary(), Code::Ok), 3),
        (Unary, &[AtOnce], failed(), 3),
        (ClientStream, &[Well], (of_all(), Code::Ok), 1),
        (ClientStream, &[AtOnce, AtOnce, Well], (of_all(), Code::Ok), 3),
        (ClientStream, &[AfterHearing(1), AfterHearing(2), Well], (of_all(), Code::Ok), 3),
        (ClientStream, &[AfterHearing(ALL), Well], (of_all(), Code::Ok), 2),
        (ClientStream, &[AfterHearing(ALL)], failed(), 3),
        (ServerStream, &[Well], (words(3), Code::Ok), 1),
        (ServerStream, &[AtOnce, AtOnce, Well], (words(3), Code::Ok), 3),
        (ServerStream, &[InTrailers, Well], (words(3), Code::Ok), 2),
        (ServerStream, &[InTrailers], failed(), 3),
        (ServerStream, &[AfterGreetings(0), Well], (words(3), Code::Ok), 2),
        (ServerStream, &[AfterGreetings(1), Well], (words(1), Code::Unavailable), 1),
        (ServerStream, &[AfterGreetings(3), Well], (words(3), Code::Unavailable), 1),
        (ServerStream, &[AtOnce, AfterGreetings(2), Well], (words(2), Code::Unavailable), 2),
        (Both, &[Well], (each(3), Code::Ok), 1),
        (Both, &[AtOnce, AfterHearing(1), Well], (each(3), Code::Ok), 3),
        (Both, &[AfterHearing(ALL), InTrailers, Well], (each(3), Code::Ok), 3),
        (Both, &[InTrailers], failed(), 3),
        (Both, &[AfterGreetings(1), Well], (each(1), Code::Unavailable), 1),
        (Both, &[AfterGreetings(3), Well], (each(3), Code::Unavailable), 1),
    ];
    for (kind, script, expected, attempts) in cases {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        assert_eq!(call(kind, &mut client).await, expected, "{kind:?} {script:?}");
        drop(client);
        serving.ends().await;
        assert_eq!(host.attempts(), attempts, "{kind:?} {script:?}");
        let previous: Vec<_> = host.heard().into_iter().map(|heard| heard.previous_attempts).collect();
        let counted = [None, Some("1".to_owned()), Some("2".to_owned())];
        assert_eq!(previous, counted[..attempts], "{kind:?} {script:?}");
    }
}

/// Each attempt hears what the client has said, in order, each name once.
#[tokio::test]
async fn each_attempt_hears_all_from_the_beginning() {
    let cases: [(Kind, &'static [Fate], &[usize]); 5] = [
        (ClientStream, &[AfterHearing(ALL), AfterHearing(ALL), Well], &[3, 3, 3]),
        (ClientStream, &[AtOnce, AfterHearing(1), AfterHearing(2)], &[0, 1, 2]),
        (Both, &[AfterHearing(1), AfterHearing(2), Well], &[1, 2, 3]),
        (Both, &[InTrailers, AfterHearing(ALL), Well], &[3, 3, 3]),
        (Both, &[AtOnce, AfterGreetings(2)], &[0, 2]),
    ];
    for (kind, script, heard) in cases {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        call(kind, &mut client).await;
        drop(client);
        serving.ends().await;
        let expected: Vec<_> = heard.iter().map(|&count| NAMES[..count].to_vec()).collect();
        assert_eq!(host.names(), expected, "{kind:?} {script:?}");
    }
}

/// Above the buffer there is one attempt, and it is a whole one.
#[tokio::test]
async fn a_stream_above_the_buffer_is_sent_once_and_whole() {
    let small = || config().keeping(Stamped::new(Replay::default().max_body(10)));
    for (kind, script, code) in [
        (ClientStream, &[Well], Code::Ok),
        (ClientStream, &[AfterHearing(ALL)], Code::Unavailable),
        (Both, &[Well], Code::Ok),
        (Both, &[AfterHearing(ALL)], Code::Unavailable),
    ] {
        let script: &'static [Fate] = script;
        let (serving, host) = Host::playing(script).await;
        let mut client = client(small(), &serving);
        assert_eq!(call(kind, &mut client).await.1, code, "{kind:?} {script:?}");
        drop(client);
        serving.ends().await;
        assert_eq!(host.names(), [NAMES], "{kind:?} {script:?}");
    }
}

/// What came before a failure is with the caller, and the stream can be read on after it: it has ended.
#[tokio::test]
async fn a_stream_that_failed_has_ended() {
    let (serving, host) = Host::playing(&[AfterGreetings(2), Well]).await;
    let mut client = client(config(), &serving);
    in_time(async {
        let greetings = client.greet_at_length(name("Ann")).await.unwrap().into_inner();
        let results: Vec<Result<Greeting, Status>> = greetings.collect().await;
        let codes: Vec<_> =
            results.iter().map(|result| result.as_ref().map_or_else(Status::code, |_| Code::Ok)).collect();
        assert_eq!(codes, [Code::Ok, Code::Ok, Code::Unavailable]);
    })
    .await;
    drop(client);
    serving.ends().await;
    assert_eq!(host.attempts(), 1);
}
