//! The four kinds of calls, with tonic on both sides, generated from `greeter.proto`. A call is
//! resent completely, or its failure is passed through unchanged.

use tokio_stream::StreamExt;
use tonic::{Code, Response, Status, Streaming};
use tower_recourse::{grpc::GrpcReplay, http::Replay};

use crate::{
    Stack, client, config,
    greeter::{Greeting, greeter_client::GreeterClient},
    in_time, name,
    scripted_service::{
        ALL,
        Fate::{self, AfterGreetings, AfterNames, AtOnce, InTrailers, Success},
        Host,
    },
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Unary,
    ClientStream,
    ServerStream,
    Both,
}

use Kind::{Both, ClientStream, ServerStream, Unary};

/// What the caller receives: the greetings, and the final code.
type Outcome = (Vec<String>, Code);

const NAMES: [&str; 3] = ["Ann", "Ben", "Cem"];

/// Makes one call. Its request stream yields all names without waiting.
async fn call(kind: Kind, client: &mut GreeterClient<Stack>) -> Outcome {
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

fn one(response: Result<Response<Greeting>, Status>) -> Outcome {
    match response {
        Ok(greeting) => (vec![greeting.into_inner().text], Code::Ok),
        Err(status) => (vec![], code_of(&status)),
    }
}

async fn all(response: Result<Response<Streaming<Greeting>>, Status>) -> Outcome {
    let mut greetings = match response {
        Ok(greetings) => greetings.into_inner(),
        Err(status) => return (vec![], code_of(&status)),
    };
    let mut received = Vec::new();
    loop {
        match greetings.message().await {
            Ok(Some(greeting)) => received.push(greeting.text),
            Ok(None) => return (received, Code::Ok),
            Err(status) => return (received, code_of(&status)),
        }
    }
}

/// Returns the code after a check that the message is the server's.
fn code_of(status: &Status) -> Code {
    assert_eq!(status.message(), "not now");
    status.code()
}

#[tokio::test]
async fn each_kind_is_retried_until_its_response_begins() {
    let unary = || vec!["hello Ann".to_owned()];
    let of_all = || vec!["hello Ann and Ben and Cem".to_owned()];
    let words = |count| ["hello", "Ann", "!"][..count].iter().map(ToString::to_string).collect();
    let each = |count| NAMES[..count].iter().map(|name| format!("hello {name}")).collect();
    let failed = || (vec![], Code::Unavailable);
    // The script, the caller's result, and the number of attempts that the server received.
    let cases: [(Kind, &'static [Fate], Outcome, usize); 22] = [
        (Unary, &[Success], (unary(), Code::Ok), 1),
        (Unary, &[AtOnce, AtOnce, Success], (unary(), Code::Ok), 3),
        (Unary, &[AtOnce], failed(), 3),
        (ClientStream, &[Success], (of_all(), Code::Ok), 1),
        (ClientStream, &[AtOnce, AtOnce, Success], (of_all(), Code::Ok), 3),
        (ClientStream, &[AfterNames(1), AfterNames(2), Success], (of_all(), Code::Ok), 3),
        (ClientStream, &[AfterNames(ALL), Success], (of_all(), Code::Ok), 2),
        (ClientStream, &[AfterNames(ALL)], failed(), 3),
        (ServerStream, &[Success], (words(3), Code::Ok), 1),
        (ServerStream, &[AtOnce, AtOnce, Success], (words(3), Code::Ok), 3),
        (ServerStream, &[InTrailers, Success], (words(3), Code::Ok), 2),
        (ServerStream, &[InTrailers], failed(), 3),
        (ServerStream, &[AfterGreetings(0), Success], (words(3), Code::Ok), 2),
        (ServerStream, &[AfterGreetings(1), Success], (words(1), Code::Unavailable), 1),
        (ServerStream, &[AfterGreetings(3), Success], (words(3), Code::Unavailable), 1),
        (ServerStream, &[AtOnce, AfterGreetings(2), Success], (words(2), Code::Unavailable), 2),
        (Both, &[Success], (each(3), Code::Ok), 1),
        (Both, &[AtOnce, AfterNames(1), Success], (each(3), Code::Ok), 3),
        (Both, &[AfterNames(ALL), InTrailers, Success], (each(3), Code::Ok), 3),
        (Both, &[InTrailers], failed(), 3),
        (Both, &[AfterGreetings(1), Success], (each(1), Code::Unavailable), 1),
        (Both, &[AfterGreetings(3), Success], (each(3), Code::Unavailable), 1),
    ];
    for (kind, script, expected, attempts) in cases {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        assert_eq!(call(kind, &mut client).await, expected, "{kind:?} {script:?}");
        drop(client);
        serving.ends().await;
        assert_eq!(host.attempts(), attempts, "{kind:?} {script:?}");
        let previous: Vec<_> = host.received().into_iter().map(|received| received.previous_attempts).collect();
        let counted = [None, Some("1".to_owned()), Some("2".to_owned())];
        assert_eq!(previous, counted[..attempts], "{kind:?} {script:?}");
    }
}

/// Each attempt receives the client's names in order, each once.
#[tokio::test]
async fn each_attempt_receives_the_whole_request() {
    let cases: [(Kind, &'static [Fate], &[usize]); 5] = [
        (ClientStream, &[AfterNames(ALL), AfterNames(ALL), Success], &[3, 3, 3]),
        (ClientStream, &[AtOnce, AfterNames(1), AfterNames(2)], &[0, 1, 2]),
        (Both, &[AfterNames(1), AfterNames(2), Success], &[1, 2, 3]),
        (Both, &[InTrailers, AfterNames(ALL), Success], &[3, 3, 3]),
        (Both, &[AtOnce, AfterGreetings(2)], &[0, 2]),
    ];
    for (kind, script, received) in cases {
        let (serving, host) = Host::playing(script).await;
        let mut client = client(config(), &serving);
        call(kind, &mut client).await;
        drop(client);
        serving.ends().await;
        let expected: Vec<_> = received.iter().map(|&count| NAMES[..count].to_vec()).collect();
        assert_eq!(host.names(), expected, "{kind:?} {script:?}");
    }
}

/// A stream larger than the buffer is sent once, and completely.
#[tokio::test]
async fn a_stream_above_the_buffer_is_sent_once_completely() {
    let small = || config().replay(GrpcReplay::new(Replay::default().max_body(10)));
    for (kind, script, code) in [
        (ClientStream, &[Success], Code::Ok),
        (ClientStream, &[AfterNames(ALL)], Code::Unavailable),
        (Both, &[Success], Code::Ok),
        (Both, &[AfterNames(ALL)], Code::Unavailable),
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

/// The caller receives the greetings that came before a failure, and then the failure. If it reads
/// the stream again, the stream has ended.
#[tokio::test]
async fn a_stream_that_failed_has_ended() {
    let (serving, host) = Host::playing(&[AfterGreetings(2), Success]).await;
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
