//! One fault, six clients: which of them recover, and which keep the upstream down?
//!
//! `cargo run --release --features http --example outage` starts an upstream with a finite capacity
//! on loopback, and plays one script to six clients in turn: healthy, 30 % errors, dead, back
//! again. The clients differ only in what they do when an attempt fails. It ends with a table, and
//! writes a page with the curves. `--script blip` and `--script half-dead` play shorter and smaller
//! faults. `--help` lists the options. The scripts and their numbers are in `script.rs`.

mod args;
mod charts;
mod clients;
mod load;
mod numbers;
mod page;
mod progress;
mod record;
mod script;
mod table;
mod transport;
mod upstream;

use std::{error::Error, fs, path::Path, process::ExitCode};

use args::Asked;
use clients::Client;
use progress::Progress;
use script::Script;

#[tokio::main]
async fn main() -> ExitCode {
    let (script, out) = match args::parse(std::env::args_os()) {
        Ok(Asked::Run { script, out }) => (script, out),
        Ok(Asked::Help) => {
            print!("{}", args::help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(script, &out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the script to each client in turn, then prints the table and writes the page.
async fn run(script: Script, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut progress = Progress::new(script);
    let mut records = Vec::new();
    for client in Client::ALL {
        progress.begin(client);
        let record = load::play(script, client, &mut progress).await?;
        progress.end(&record);
        records.push(record);
    }
    progress.finish();

    let rows: Vec<_> = records.iter().map(table::row).collect();
    println!("{}\n{}\n", table::text(&rows), table::NOTE);
    fs::write(out, page::html(&records, &script)?)?;
    println!("The curves are in {}", out.display());
    Ok(())
}
