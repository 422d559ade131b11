//! Runs tower-recourse's presets, a client without retries, and the client library's own retries
//! against real servers on loopback, and prints the losses of each. README.md explains how to read
//! the tables.

mod attempts;
mod clients;
mod load;
mod options;
mod proxy;
mod rule;
mod scenarios;
mod servers;
mod table;
mod upstream;

use std::{process::ExitCode, time::Duration};

use options::Options;
use scenarios::Scenario;
use table::Report;
use tokio::signal::unix::{SignalKind, signal};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    // Dropping the server values stops the servers, so a signal must end the run, not the process.
    let ended = tokio::select! {
        ended = run(&options) => ended,
        signal = stopped() => signal.and_then(|()| Err("stopped by a signal".into())),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stopped() -> Result<(), Error> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Runs a scenario. Repeats it if the load was late, because the measurement is invalid then.
async fn measure(scenario: &Scenario) -> Result<Report, Error> {
    const RUNS: u32 = 4;
    const LATE: Duration = Duration::from_millis(250);
    for run in 1..RUNS {
        let report = (scenario.run)().await?;
        if report.late <= LATE {
            return Ok(report);
        }
        eprintln!("{}: run {run} sent requests up to {} ms late; repeating", scenario.name, report.late.as_millis());
    }
    (scenario.run)().await
}

/// Runs the selected scenarios. With `--short`, returns whether the short rule holds; otherwise
/// true.
async fn run(options: &Options) -> Result<bool, Error> {
    if options.help {
        println!("{}", options::USAGE);
        return Ok(true);
    }
    let scenarios = scenarios::all().into_iter();
    let mut selected =
        scenarios.filter(|scenario| options.selects(scenario.name) && (scenario.short || !options.short)).peekable();
    if selected.peek().is_none() {
        return Err("no scenario has this name; --list prints all names".into());
    }
    let mut text = String::new();
    let mut broken = Vec::new();
    for scenario in selected {
        if options.list {
            println!("{}", scenario.name);
            continue;
        }
        let name = scenario.name;
        let report = measure(&scenario).await.map_err(|error| format!("{name}: {error}"))?;
        let section = report.markdown();
        println!("{section}");
        text.push_str(&section);
        text.push('\n');
        for row in &report.rows {
            let parts = rule::broken_anywhere(&report, row);
            broken.extend(parts.into_iter().map(|part| format!("{name}, {}: {part}", row.client)));
        }
        // Writes the file after each scenario, so that a later failure doesn't lose the results.
        if let Some(path) = &options.markdown {
            std::fs::write(path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    if options.short {
        for part in &broken {
            eprintln!("broken: {part}");
        }
    }
    Ok(!options.short || broken.is_empty())
}
