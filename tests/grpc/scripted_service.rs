//! The server that the generated code serves: it follows a script and records what it receives.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio_stream::{Stream, StreamExt, once};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    greeter::{
        Greeting, Name,
        greeter_server::{Greeter, GreeterServer},
    },
    greeting,
    loopback::Serving,
};

/// What happens to one attempt. Failures are UNAVAILABLE.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// Success.
    Success,
    /// A failure before the server reads anything of the request.
    AtOnce,
    /// A failure without headers, once this many names, or all names, have arrived.
    AfterNames(usize),
    /// The server reads everything and sends headers; the failure is in the trailers.
    InTrailers,
    /// Headers at once, and a failure once this many names have arrived.
    HeadersFirst(usize),
    /// This many greetings, and then a failure.
    AfterGreetings(usize),
    /// No response.
    Never,
}

use Fate::{AfterGreetings, AfterNames, AtOnce, HeadersFirst, InTrailers, Never, Success};

/// All names.
pub(crate) const ALL: usize = usize::MAX;

/// One attempt, as the server received it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceivedAttempt {
    pub(crate) previous_attempts: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) names: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Host {
    /// One entry per attempt; the last one repeats.
    script: &'static [Fate],
    received: Arc<Mutex<Vec<ReceivedAttempt>>>,
}

impl Host {
    pub(crate) fn new(script: &'static [Fate]) -> Self {
        Self { script, received: Arc::default() }
    }

    pub(crate) async fn playing(script: &'static [Fate]) -> (Serving, Self) {
        let host = Self::new(script);
        let service = GreeterServer::new(host.clone());
        let serving = Serving::by(|listener| async move {
            Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        (serving.await, host)
    }

    pub(crate) fn received(&self) -> Vec<ReceivedAttempt> {
        self.received.lock().unwrap().clone()
    }

    /// The names of each attempt.
    pub(crate) fn names(&self) -> Vec<Vec<String>> {
        self.received().into_iter().map(|received| received.names).collect()
    }

    pub(crate) fn attempts(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    fn begin(&self, metadata: &MetadataMap) -> Attempt {
        let text = |name| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
        let mut received = self.received.lock().unwrap();
        received.push(ReceivedAttempt {
            previous_attempts: text("grpc-previous-rpc-attempts"),
            timeout: text("grpc-timeout"),
            names: Vec::new(),
        });
        let number = received.len() - 1;
        let fate = self.script[number.min(self.script.len() - 1)];
        Attempt { fate, number, received: Arc::clone(&self.received) }
    }
}

#[derive(Clone)]
struct Attempt {
    fate: Fate,
    number: usize,
    received: Arc<Mutex<Vec<ReceivedAttempt>>>,
}

impl Attempt {
    fn receive(&self, name: Name) -> String {
        self.received.lock().unwrap()[self.number].names.push(name.name.clone());
        name.name
    }

    async fn receive_up_to(&self, most: usize, names: &mut Streaming<Name>) -> Result<Vec<String>, Status> {
        let mut received = Vec::new();
        while received.len() < most {
            let Some(name) = names.message().await? else { break };
            received.push(self.receive(name));
        }
        Ok(received)
    }
}

fn failure() -> Status {
    Status::unavailable("not now")
}

fn hello(name: String) -> Result<Greeting, Status> {
    Ok(greeting(format!("hello {name}")))
}

type Greetings = Pin<Box<dyn Stream<Item = Result<Greeting, Status>> + Send>>;

fn stream(
    greetings: impl Stream<Item = Result<Greeting, Status>> + Send + 'static,
) -> Result<Response<Greetings>, Status> {
    Ok(Response::new(Box::pin(greetings)))
}

#[tonic::async_trait]
impl Greeter for Host {
    type GreetAtLengthStream = Greetings;
    type GreetEachStream = Greetings;

    async fn greet(&self, request: Request<Name>) -> Result<Response<Greeting>, Status> {
        let attempt = self.begin(request.metadata());
        let name = attempt.receive(request.into_inner());
        match attempt.fate {
            Success => hello(name).map(Response::new),
            Never => std::future::pending().await,
            _ => Err(failure()),
        }
    }

    async fn greet_all(&self, request: Request<Streaming<Name>>) -> Result<Response<Greeting>, Status> {
        let attempt = self.begin(request.metadata());
        let mut names = request.into_inner();
        match attempt.fate {
            Success => hello(attempt.receive_up_to(ALL, &mut names).await?.join(" and ")).map(Response::new),
            Never => std::future::pending().await,
            AfterNames(most) => {
                attempt.receive_up_to(most, &mut names).await?;
                Err(failure())
            }
            _ => Err(failure()),
        }
    }

    async fn greet_at_length(&self, request: Request<Name>) -> Result<Response<Greetings>, Status> {
        let attempt = self.begin(request.metadata());
        let name = attempt.receive(request.into_inner());
        let words = tokio_stream::iter(["hello".to_owned(), name, "!".to_owned()].map(|word| Ok(greeting(word))));
        match attempt.fate {
            Success => stream(words),
            Never => std::future::pending().await,
            InTrailers => stream(once(Err(failure()))),
            AfterGreetings(count) => stream(words.take(count).chain(once(Err(failure())))),
            AtOnce | AfterNames(_) | HeadersFirst(_) => Err(failure()),
        }
    }

    async fn greet_each(&self, request: Request<Streaming<Name>>) -> Result<Response<Greetings>, Status> {
        let attempt = self.begin(request.metadata());
        let mut names = request.into_inner();
        let hearing = attempt.clone();
        let receive = move |name: Result<Name, Status>| name.map(|name| hearing.receive(name));
        match attempt.fate {
            Success => stream(names.map(move |name| receive(name).and_then(hello))),
            Never => std::future::pending().await,
            AtOnce => Err(failure()),
            AfterNames(most) => {
                attempt.receive_up_to(most, &mut names).await?;
                Err(failure())
            }
            InTrailers => {
                attempt.receive_up_to(ALL, &mut names).await?;
                stream(once(Err(failure())))
            }
            HeadersFirst(most) => {
                let silence = names.take(most).filter_map(move |name| receive(name).err().map(Err));
                stream(silence.chain(once(Err(failure()))))
            }
            AfterGreetings(count) => {
                stream(names.take(count).map(move |name| receive(name).and_then(hello)).chain(once(Err(failure()))))
            }
        }
    }
}
