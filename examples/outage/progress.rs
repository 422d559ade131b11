//! The progress of the run: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    clients::Client,
    record::{Record, answered},
    script::{Phase, Script},
};

/// Shows on standard error what is going on.
pub(crate) struct Progress {
    script: Script,
    show: Show,
    done: usize,
    phase: Option<Phase>,
}

enum Show {
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    /// A bar if standard error is a terminal.
    pub(crate) fn new(script: Script) -> Self {
        let show = if stderr().is_terminal() {
            let bar = ProgressBar::new((script.length * Client::ALL.len() as u32).as_millis() as u64);
            // A template with a mistake leaves the default bar.
            if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{bar:40}] {percent:>3} %  {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            Show::Bar(bar)
        } else {
            Show::Lines
        };
        Self { script, show, done: 0, phase: None }
    }

    /// A client begins.
    pub(crate) fn begin(&mut self, client: Client) {
        self.phase = None;
        self.line(&format!("{}/{} {}", self.done + 1, Client::ALL.len(), client.name()));
    }

    /// The script is at this time.
    pub(crate) fn at(&mut self, time: Duration) {
        let phase = self.script.phase_at(time);
        let changed = self.phase.replace(phase) != Some(phase);
        match &self.show {
            Show::Bar(bar) => {
                // A client may need a little longer than the script: the bar stops at its share.
                let elapsed = self.script.length * self.done as u32 + time.min(self.script.length);
                bar.set_position(elapsed.as_millis() as u64);
                if changed {
                    let client = Client::ALL.get(self.done).map_or("", |client| client.name());
                    bar.set_message(format!("{client}: {}", phase.name()));
                }
            }
            Show::Lines if changed => {
                eprintln!("    {:>5.1} s  {}", time.as_secs_f64(), phase.name())
            }
            Show::Lines => {}
        }
    }

    /// A client is done.
    pub(crate) fn end(&mut self, record: &Record) {
        self.done += 1;
        let whole = record.whole();
        self.line(&format!(
            "    {:.1} % answered, {:.2} attempts per request",
            100.0 * whole.share(answered),
            whole.load()
        ));
    }

    /// All clients are done.
    pub(crate) fn finish(self) {
        if let Show::Bar(bar) = self.show {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.show {
            Show::Bar(bar) => bar.println(text),
            Show::Lines => eprintln!("{text}"),
        }
    }
}
