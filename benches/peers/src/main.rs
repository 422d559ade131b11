//! Measures the cost per call of tower-recourse and of alternative crates in one run.

mod allocations;
mod cases;
mod chart;
mod contender;
mod end_to_end;
mod goals;
mod measure;
mod options;
mod page;
mod pair;
mod peers;
mod sizes;
mod spread;
mod table;
mod upstream;

use std::{fs, io, process::ExitCode, time::Duration};

use measure::Effort;
use options::{Options, Size, USAGE};

fn main() -> ExitCode {
    let ended = Options::parse(std::env::args_os().skip(1))
        .map_err(|error| format!("{error}\n{USAGE}"))
        .and_then(|options| run(&options).map_err(|error| error.to_string()));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let effort = match options.size {
        Size::Full => Effort { rounds: 500, turn: Duration::from_micros(200), at_most: Duration::from_secs(4) },
        Size::Quick => Effort { rounds: 10, turn: Duration::from_micros(20), at_most: Duration::from_millis(200) },
    };
    let mut figures = Vec::new();
    for case in cases::all(options.size).into_iter().filter(|case| case.name.contains(&options.only)) {
        eprintln!("{}", case.name);
        figures.extend(measure::case(case, effort));
    }
    let end_to_end = "end to end".contains(&options.only).then(|| {
        eprintln!("end to end");
        end_to_end::measure(options.size)
    });
    let mut tables = format!("{}\n{}", goals::of(&figures, end_to_end.as_ref()), table::of(&figures));
    if let Some(end_to_end) = &end_to_end {
        tables += &format!("\n{}", end_to_end.table());
    }
    println!("{tables}");
    if let Some(path) = &options.chart {
        fs::write(path, chart::of(&figures))?;
    }
    if let Some(path) = &options.page {
        page::update(path, &tables)?;
    }
    if let Some(path) = &options.costs {
        page::update(path, &table::of_ours(&figures))?;
    }
    if let Some(path) = &options.observers {
        page::update(path, &table::of(figures.iter().filter(|figure| figure.case.starts_with("observers"))))?;
    }
    Ok(())
}
