//! The server's side, as it is generated: it does what a script says, and writes down what it hears.

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
    serving::Serving,
};

/// What becomes of one attempt. Failures are UNAVAILABLE.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// What should.
    Well,
    /// A failure, before anything of the request is read.
    AtOnce,
    /// A failure without headers, once so many names were heard, or all.
    AfterHearing(usize),
    /// All is heard, then there are headers, and the failure is in the trailers.
    InTrailers,
    /// Headers at once, and a failure once so many names were heard.
    HeadersFirst(usize),
    /// So many greetings, and a failure.
    AfterGreetings(usize),
    /// It never answers.
    Never,
}

use Fate::{AfterGreetings, AfterHearing, AtOnce, HeadersFirst, InTrailers, Never, Well};

/// All there was to hear.
pub(crate) const ALL: usize = usize::MAX;

/// One attempt, as the server has seen it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) previous_attempts: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) names: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Host {
    /// One after the other, the last one for ever.
    script: &'static [Fate],
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Host {
    pub(crate) fn new(script: &'static [Fate]) -> Self {
        Self { script, heard: Arc::default() }
    }

    pub(crate) async fn playing(script: &'static [Fate]) -> (Serving, Self) {
        let host = Self::new(script);
        let service = GreeterServer::new(host.clone());
        let serving = Serving::by(|listener| async move {
            Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        (serving.await, host)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The names that each attempt has brought.
    pub(crate) fn names(&self) -> Vec<Vec<String>> {
        self.heard().into_iter().map(|heard| heard.names).collect()
    }

    pub(crate) fn attempts(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    fn begin(&self, metadata: &MetadataMap) -> Attempt {
        let text = |name| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
        let mut heard = self.heard.lock().unwrap();
        heard.push(Heard {
            previous_attempts: text("grpc-previous-rpc-attempts"),
            timeout: text("grpc-timeout"),
            names: Vec::new(),
        });
        let number = heard.len() - 1;
        let fate = self.script[number.min(self.script.len() - 1)];
        Attempt { fate, number, heard: Arc::clone(&self.heard) }
    }
}

#[derive(Clone)]
struct Attempt {
    fate: Fate,
    number: usize,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Attempt {
    fn hear(&self, name: Name) -> String {
        self.heard.lock().unwrap()[self.number].names.push(name.name.clone());
        name.name
    }

    async fn hear_up_to(&self, most: usize, names: &mut Streaming<Name>) -> Result<Vec<String>, Status> {
        let mut heard = Vec::new();
        while heard.len() < most {
            let Some(name) = names.message().await? else { break };
            heard.push(self.hear(name));
        }
        Ok(heard)
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
        let name = attempt.hear(request.into_inner());
        match attempt.fate {
            Well => hello(name).map(Response::new),
            Never => std::future::pending().await,
            _ => Err(failure()),
        }
    }

    async fn greet_all(&self, request: Request<Streaming<Name>>) -> Result<Response<Greeting>, Status> {
        let attempt = self.begin(request.metadata());
        let mut names = request.into_inner();
        match attempt.fate {
            Well => hello(attempt.hear_up_to(ALL, &mut names).await?.join(" and ")).map(Response::new),
            Never => std::future::pending().await,
            AfterHearing(most) => {
                attempt.hear_up_to(most, &mut names).await?;
                Err(failure())
            }
            _ => Err(failure()),
        }
    }

    async fn greet_at_length(&self, request: Request<Name>) -> Result<Response<Greetings>, Status> {
        let attempt = self.begin(request.metadata());
        let name = attempt.hear(request.into_inner());
        let words = tokio_stream::iter(["hello".to_owned(), name, "!".to_owned()].map(|word| Ok(greeting(word))));
        match attempt.fate {
            Well => stream(words),
            Never => std::future::pending().await,
            InTrailers => stream(once(Err(failure()))),
            AfterGreetings(count) => stream(words.take(count).chain(once(Err(failure())))),
            AtOnce | AfterHearing(_) | HeadersFirst(_) => Err(failure()),
        }
    }

    async fn greet_each(&self, request: Request<Streaming<Name>>) -> Result<Response<Greetings>, Status> {
        let attempt = self.begin(request.metadata());
        let mut names = request.into_inner();
        let hearing = attempt.clone();
        let hear = move |name: Result<Name, Status>| name.map(|name| hearing.hear(name));
        match attempt.fate {
            Well => stream(names.map(move |name| hear(name).and_then(hello))),
            Never => std::future::pending().await,
            AtOnce => Err(failure()),
            AfterHearing(most) => {
                attempt.hear_up_to(most, &mut names).await?;
                Err(failure())
            }
            InTrailers => {
                attempt.hear_up_to(ALL, &mut names).await?;
                stream(once(Err(failure())))
            }
            HeadersFirst(most) => {
                let silence = names.take(most).filter_map(move |name| hear(name).err().map(Err));
                stream(silence.chain(once(Err(failure()))))
            }
            AfterGreetings(count) => {
                stream(names.take(count).map(move |name| hear(name).and_then(hello)).chain(once(Err(failure()))))
            }
        }
    }
}
