//! The command line: four options, each with a default. Errors name the allowed values.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, OpenOptions},
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use lexopt::Arg;

use crate::{
    clients::Client,
    script::{Scenario, Script},
};

/// In less time, the fault would end before the queue is full. More time adds no information.
const SECONDS: RangeInclusive<f64> = 5.0..=600.0;

const DEFAULT_SCENARIO: Scenario = Scenario::Outage;
const DEFAULT_SECONDS: f64 = 10.0;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_OUT: &str = "target/outage.html";

/// The text of `--help`.
pub(crate) fn help() -> String {
    let scripts = Scenario::ALL
        .map(|scenario| format!("                       {:<10} {}\n", scenario.name(), scenario.summary()));
    format!(
        "\
Runs one script of faults against {} clients, one after the other, and compares them.

Usage: cargo run --release --features http --example outage [-- OPTIONS]

Options:
      --script NAME  The fault of the upstream [default: {DEFAULT_SCENARIO}]
{}      --seed N       The seed of the arrivals, the errors and the jitter [default: {DEFAULT_SEED}]
      --seconds S    The observation time per client in seconds, {} to {} [default: {DEFAULT_SECONDS}]
      --out PATH     The file for the page with the charts; missing folders are created
                     [default: {DEFAULT_OUT}]
  -h, --help         Prints this help
",
        Client::ALL.len(),
        scripts.concat(),
        SECONDS.start(),
        SECONDS.end(),
    )
}

/// The result of parsing the arguments.
pub(crate) enum Command {
    Help,
    Run { script: Script, out: PathBuf },
}

/// Parses the arguments, and checks before the run that the page can be written.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, BadArgument> {
    let mut scenario = DEFAULT_SCENARIO;
    let mut seed = DEFAULT_SEED;
    let mut seconds = DEFAULT_SECONDS;
    let mut out = PathBuf::from(DEFAULT_OUT);

    let mut args = lexopt::Parser::from_iter(args);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("script") => {
                let value = args.value()?;
                let known = value.to_str().and_then(|text| text.parse().ok());
                scenario =
                    known.ok_or_else(|| bad("--script", &value, &Scenario::ALL.map(Scenario::name).join(", ")))?;
            }
            Arg::Long("seed") => {
                let value = args.value()?;
                let number = value.to_str().and_then(|text| text.parse().ok());
                seed =
                    number.ok_or_else(|| bad("--seed", &value, &format!("a whole number from 0 to {}", u64::MAX)))?;
            }
            Arg::Long("seconds") => {
                let value = args.value()?;
                let number = value.to_str().and_then(|text| text.parse().ok());
                seconds = number.filter(|seconds| SECONDS.contains(seconds)).ok_or_else(|| {
                    bad("--seconds", &value, &format!("a number from {} to {}", SECONDS.start(), SECONDS.end()))
                })?;
            }
            Arg::Long("out") => out = args.value()?.into(),
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    check_writable(&out)
        .map_err(|error| bad("--out", out.as_os_str(), &format!("the path of a file that can be written ({error})")))?;
    Ok(Command::Run { script: Script { scenario, length: Duration::from_secs_f64(seconds), seed }, out })
}

/// The message about an invalid argument.
#[derive(Debug)]
pub(crate) struct BadArgument(String);

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArgument {}

impl From<lexopt::Error> for BadArgument {
    fn from(error: lexopt::Error) -> Self {
        Self(format!("{error}; allowed: --script NAME, --seed N, --seconds S, --out PATH, --help"))
    }
}

fn bad(option: &str, value: &std::ffi::OsStr, allowed: &str) -> BadArgument {
    BadArgument(format!("{option} can't be {value:?}; allowed: {allowed}"))
}

/// Opens the file in the same way as at the end of the run. Removes the file again if it is new.
fn check_writable(path: &Path) -> io::Result<()> {
    let existed = path.exists();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Opens in append mode, so that an earlier page is kept until a new one exists.
    OpenOptions::new().append(true).create(true).open(path)?;
    if existed { Ok(()) } else { fs::remove_file(path) }
}
