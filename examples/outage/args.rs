//! The command line: three options, each with a default, and errors that say what would have been right.

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

use crate::script::Script;

/// In less the outage is over before the queue is full, and nothing is to be seen; longer is no use to anyone.
const SECONDS: RangeInclusive<f64> = 5.0..=600.0;

const DEFAULT_SECONDS: f64 = 10.0;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_OUT: &str = "target/outage.html";

/// What `--help` prints.
pub(crate) fn help() -> String {
    format!(
        "\
Plays one outage to five clients, one after the other, and shows who recovers.

Usage: cargo run --release --example outage [-- OPTIONS]

Options:
      --seed N       Seeds the arrivals, the errors and the jitter [default: {DEFAULT_SEED}]
      --seconds S    Seconds that each client is watched, {} to {} [default: {DEFAULT_SECONDS}]
      --out PATH     Where the page with the curves goes; missing folders are made
                     [default: {DEFAULT_OUT}]
  -h, --help         Prints this
",
        SECONDS.start(),
        SECONDS.end(),
    )
}

/// What the user asked for.
pub(crate) enum Asked {
    Help,
    Run { script: Script, out: PathBuf },
}

/// Reads the arguments, and makes sure that the page can be written while that is still cheap to say.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, BadArgument> {
    let mut seed = DEFAULT_SEED;
    let mut seconds = DEFAULT_SECONDS;
    let mut out = PathBuf::from(DEFAULT_OUT);

    let mut args = lexopt::Parser::from_iter(args);
    while let Some(arg) = args.next()? {
        match arg {
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
    Ok(Asked::Run { script: Script { length: Duration::from_secs_f64(seconds), seed }, out })
}

/// An argument that can't be used, in words for whoever typed it.
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
        Self(format!("{error}; allowed: --seed N, --seconds S, --out PATH, --help"))
    }
}

fn bad(option: &str, value: &std::ffi::OsStr, allowed: &str) -> BadArgument {
    BadArgument(format!("{option} can't be {value:?}; allowed: {allowed}"))
}

/// Opens the file as the end of the run will, and leaves no trace of having tried.
fn check_writable(path: &Path) -> io::Result<()> {
    let existed = path.exists();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Appending leaves an earlier page as it is until there is a new one.
    OpenOptions::new().append(true).create(true).open(path)?;
    if existed { Ok(()) } else { fs::remove_file(path) }
}
