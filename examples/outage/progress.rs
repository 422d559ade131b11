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

/// Shows the progress on standard error.
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
    /// Uses a bar if standard error is a terminal.
    pub(crate) fn new(script: Script) -> Self {
        let show = if stderr().is_terminal() {
            let bar = ProgressBar::new((script.length * Client::ALL.len() as u32).as_millis() as u64);
            // If the template is invalid, the default bar is used.
            if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{bar:40}] {percent:>3} %  {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            Show::Bar(bar)
        } else {
            Show::Lines
        };
        Self { script, show, done: 0, phase: None }
    }

    /// Shows that a client begins.
    pub(crate) fn begin(&mut self, client: Client) {
        self.phase = None;
        self.line(&format!("{}/{} {}", self.done + 1, Client::ALL.len(), client.name()));
    }

    /// Shows the current time of the script.
    pub(crate) fn at(&mut self, time: Duration) {
        let phase = self.script.phase_at(time);
        let changed = self.phase.replace(phase) != Some(phase);
        match &self.show {
            Show::Bar(bar) => {
                // A client may take longer than the script, so its part of the bar is limited.
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

    /// Shows the result of a client.
    pub(crate) fn end(&mut self, record: &Record) {
        self.done += 1;
        let whole = record.whole();
        self.line(&format!(
            "    {:.1} % answered, {:.2} attempts per request",
            100.0 * whole.share(answered),
            whole.load()
        ));
    }

    /// Removes the bar.
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
