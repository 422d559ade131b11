//! Compares six clients during one fault: which recover, and which keep the upstream down?
//!
//! `cargo run --release --features http --example outage` starts an upstream with a limited
//! capacity on loopback, and runs one script against six clients in turn: healthy, 30 % errors,
//! dead, recovered. The clients differ in what they do when an attempt fails. The example prints a
//! table, and writes a page with charts. `--script blip` and `--script half-dead` run a shorter and
//! a partial fault. `--help` lists the options. The scripts and their numbers are in `script.rs`.

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

use args::Command;
use clients::Client;
use progress::Progress;
use script::Script;

#[tokio::main]
async fn main() -> ExitCode {
    let (script, out) = match args::parse(std::env::args_os()) {
        Ok(Command::Run { script, out }) => (script, out),
        Ok(Command::Help) => {
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

/// Runs the script with each client in turn, then prints the table and writes the page.
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
    println!("The charts are in {}", out.display());
    Ok(())
}
