//! The command line: four options, each with a default, and errors that name what is allowed.

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
    script::{Plot, Script},
};

/// In less time the fault ends before the queue is full, and shows nothing. More time shows nothing
/// new.
const SECONDS: RangeInclusive<f64> = 5.0..=600.0;

const DEFAULT_PLOT: Plot = Plot::Outage;
const DEFAULT_SECONDS: f64 = 10.0;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_OUT: &str = "target/outage.html";

/// What `--help` prints.
pub(crate) fn help() -> String {
    let scripts = Plot::ALL.map(|plot| format!("                       {:<10} {}\n", plot.name(), plot.summary()));
    format!(
        "\
Plays one script of faults to {} clients, one after the other, and compares them.

Usage: cargo run --release --features http --example outage [-- OPTIONS]

Options:
      --script NAME  What happens to the upstream [default: {DEFAULT_PLOT}]
{}      --seed N       Seeds the arrivals, the errors and the jitter [default: {DEFAULT_SEED}]
      --seconds S    Seconds for which each client is observed, {} to {} [default: {DEFAULT_SECONDS}]
      --out PATH     The file for the page with the curves; missing folders are created
                     [default: {DEFAULT_OUT}]
  -h, --help         Prints this
",
        Client::ALL.len(),
        scripts.concat(),
        SECONDS.start(),
        SECONDS.end(),
    )
}

/// What the user asked for.
pub(crate) enum Asked {
    Help,
    Run { script: Script, out: PathBuf },
}

/// Reads the arguments, and checks before the run that the page can be written.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, BadArgument> {
    let mut plot = DEFAULT_PLOT;
    let mut seed = DEFAULT_SEED;
    let mut seconds = DEFAULT_SECONDS;
    let mut out = PathBuf::from(DEFAULT_OUT);

    let mut args = lexopt::Parser::from_iter(args);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("script") => {
                let value = args.value()?;
                let known = value.to_str().and_then(|text| text.parse().ok());
                plot = known.ok_or_else(|| bad("--script", &value, &Plot::ALL.map(Plot::name).join(", ")))?;
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
            Arg::Long("help") | Arg::Short('h') => return Ok(Asked::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    check_writable(&out)
        .map_err(|error| bad("--out", out.as_os_str(), &format!("the path of a file that can be written ({error})")))?;
    Ok(Asked::Run { script: Script { plot, length: Duration::from_secs_f64(seconds), seed }, out })
}

/// An argument that can't be used, as a message for the user.
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

/// Opens the file as the end of the run will do. Leaves no new file behind.
fn check_writable(path: &Path) -> io::Result<()> {
    let existed = path.exists();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Appending leaves an earlier page as it is until there is a new one.
    OpenOptions::new().append(true).create(true).open(path)?;
    if existed { Ok(()) } else { fs::remove_file(path) }
}
