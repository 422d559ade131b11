//! Simulates which settings of retry and breaker do no harm and still protect. See README.md.

mod arrivals;
mod candidates;
mod measures;
mod model;
mod options;
mod page;
mod plot;
mod random;
mod results;
mod rule;
mod saved;
mod scenario;
mod scenarios;
mod simulation;
mod stack;
mod tables;
mod upstream;

use std::{fs, io, process::ExitCode};

use candidates::{B, BARE};
use options::{Options, USAGE};
use saved::Saved;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match if options.check { check() } else { run(&options) } {
        Ok(is_kept) if is_kept => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints where preset B breaks the rule. Returns whether it keeps the rule.
fn check() -> io::Result<bool> {
    let mut candidates = candidates::all();
    candidates.retain(|candidate| [BARE, B].contains(&candidate.name));
    let scenarios = scenarios::check();
    let results = results::run(&candidates, &scenarios, 1.0, None)?;
    let cells = results.cells(B, |_| true);
    let findings: Vec<_> = cells
        .iter()
        .flat_map(|cell| cell.findings().into_iter().map(move |finding| (cell.scenario, finding)))
        .collect();
    let mut broken = 0;
    for (scenario, finding) in findings.iter().filter(|(_, finding)| !finding.is_met()) {
        println!("{scenario}: {finding}");
        broken += 1;
    }
    println!("{B}: {} of {} bounds kept, {} calls simulated", findings.len() - broken, findings.len(), results.calls());
    Ok(broken == 0)
}

fn run(options: &Options) -> io::Result<bool> {
    let mut candidates = candidates::all();
    candidates.retain(|candidate| candidate.name == BARE || candidate.name.contains(&options.only));
    let scenarios = scenarios::sweep();
    let saved = options.saved.as_deref().map(Saved::open).transpose()?;
    let results = results::run(&candidates, &scenarios, options.times, saved)?;
    let tables = format!("{} calls were simulated.\n\n{}", results.calls(), tables::all(&results));
    println!("{tables}");
    if let Some(path) = &options.plot {
        fs::write(path, plot::of(&results))?;
    }
    if let Some(path) = &options.page {
        page::update(path, &tables)?;
    }
    Ok(true)
}
