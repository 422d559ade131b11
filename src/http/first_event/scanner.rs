//! Finds the events in the first bytes of a stream.

/// A parser of event streams, as the HTML standard defines them (9.2.6). It accepts chunks that
/// begin and end anywhere.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    line: Vec<u8>,
    /// The previous byte was a CR, so an LF that follows belongs to the same line end.
    after_cr: bool,
    /// At least one line has ended, so a byte order mark is an ordinary character.
    is_started: bool,
    event: String,
    data: String,
    has_data: bool,
}

impl Scanner {
    /// Reads a chunk up to the end of the next event. Returns how many bytes it has read, and
    /// whether they end an event. After that, [`event`](Self::event) and [`data`](Self::data)
    /// return this event until the next call.
    pub(super) fn read(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (index, &byte) in chunk.iter().enumerate() {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    if self.end_line() {
                        return (index + 1, true);
                    }
                }
                _ => self.line.push(byte),
            }
        }
        (chunk.len(), false)
    }

    /// The type of the event that was read: `message` unless the event has one.
    pub(super) fn event(&self) -> &str {
        if self.event.is_empty() { "message" } else { &self.event }
    }

    /// The data of the event that was read.
    pub(super) fn data(&self) -> &str {
        self.data.strip_suffix('\n').unwrap_or(&self.data)
    }

    /// Forgets the event that was read.
    pub(super) fn reset_event(&mut self) {
        self.event.clear();
        self.data.clear();
        self.has_data = false;
    }

    /// Whether an event ends with this line. An event without data isn't dispatched.
    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let mut line = String::from_utf8_lossy(&line);
        if !std::mem::replace(&mut self.is_started, true) {
            if let Some(rest) = line.strip_prefix('\u{feff}') {
                line = rest.to_owned().into();
            }
        }
        if line.is_empty() {
            if !self.has_data {
                self.reset_event();
            }
            return self.has_data;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.has_data = true;
                self.data.push_str(value);
                self.data.push('\n');
            }
            // Comments have an empty field name. `id` and `retry` dispatch no event.
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of a stream that arrives in chunks of this length.
    fn events(stream: &[u8], length: usize) -> Vec<(String, String)> {
        let mut scanner = Scanner::default();
        let mut events = Vec::new();
        for mut chunk in stream.chunks(length) {
            while !chunk.is_empty() {
                let (read, is_event) = scanner.read(chunk);
                chunk = &chunk[read..];
                if is_event {
                    events.push((scanner.event().to_owned(), scanner.data().to_owned()));
                    scanner.reset_event();
                }
            }
        }
        events
    }

    #[test]
    fn events_are_found_wherever_chunks_end() {
        let cases: [(&str, &[(&str, &str)]); 9] = [
            ("data: a\n\ndata: b\n\n", &[("message", "a"), ("message", "b")]),
            (": comment\n\nretry: 10\n\nid: 1\n\ndata:a\r\n\r\n", &[("message", "a")]),
            ("event: ping\ndata: {}\n\n", &[("ping", "{}")]),
            ("data: one\ndata\ndata:  three\r\rdata: four\r\r", &[("message", "one\n\n three"), ("message", "four")]),
            ("event: lost\n\ndata: a\n\n", &[("message", "a")]),
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[("message", "a")]),
            ("data\n\n", &[("message", "")]),
            ("data: unfinished\n", &[]),
            ("data: ü€\n\n", &[("message", "ü€")]),
        ];
        for (stream, expected) in cases {
            for length in 1..=stream.len() {
                let found = events(stream.as_bytes(), length);
                let found: Vec<_> = found.iter().map(|(event, data)| (event.as_str(), data.as_str())).collect();
                assert_eq!(found, expected, "{stream:?} in chunks of {length} bytes");
            }
        }
    }

    #[test]
    fn any_bytes_are_accepted() {
        let garbage: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        for length in [1, 2, 7, 255, 5_000] {
            assert_eq!(events(&garbage, length), []);
        }
    }
}
