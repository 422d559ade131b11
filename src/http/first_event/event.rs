use crate::Verdict;

/// An event at the start of a stream. Its text is what the server sent, in UTF-8 with replacement
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerEvent<'a> {
    name: &'a str,
    data: &'a str,
}

impl<'a> ServerEvent<'a> {
    pub(super) fn new(name: &'a str, data: &'a str) -> Self {
        Self { name, data }
    }

    /// The value of the field `event`; `message` if the event has none.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The lines of the field `data`, joined by line feeds.
    pub fn data(&self) -> &'a str {
        self.data
    }

    /// Whether the event only keeps the connection alive: its name is `ping`, `keepalive`,
    /// `keep-alive` or `heartbeat`.
    pub fn is_keep_alive(&self) -> bool {
        ["ping", "keepalive", "keep-alive", "heartbeat"].iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// What an event at the start of a stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventMeaning {
    /// The event carries nothing that the caller waits for. The layer reads on.
    KeepAlive,
    /// The first event of the answer. The response is returned, and isn't retried after that.
    Answer,
    /// The call has failed. The HTTP classifiers return this verdict for the response. A breaker
    /// counts a permanent failure as unhealthy, unless the verdict states its
    /// [health](Verdict::health).
    Failure(Verdict),
}

impl EventMeaning {
    /// [`KeepAlive`](Self::KeepAlive) for a [keep-alive event](ServerEvent::is_keep_alive),
    /// otherwise [`Answer`](Self::Answer).
    pub fn of(event: &ServerEvent<'_>) -> Self {
        if event.is_keep_alive() { Self::KeepAlive } else { Self::Answer }
    }
}
