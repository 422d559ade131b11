use std::{ffi::OsString, path::PathBuf};

use lexopt::prelude::*;

pub const USAGE: &str = "\
usage: tower-recourse-field [--only NAME,...] [--short] [--markdown FILE] [--list]
  --only NAME,...  runs only the scenarios whose names contain one of these texts
  --short          runs the short selection; exits with 1 unless the short rule holds (README.md)
  --markdown FILE  also writes the tables to FILE
  --list           prints the names of the scenarios and runs none";

/// The command-line options.
#[derive(Debug, Default)]
pub struct Options {
    /// Run only scenarios whose names contain one of these texts. Empty: no restriction.
    pub only: Vec<String>,
    /// Run the short selection, and fail unless the short rule holds.
    pub short: bool,
    /// Also write the tables to this file.
    pub markdown: Option<PathBuf>,
    /// Print the names of the scenarios and run none.
    pub list: bool,
    /// Print the usage and run nothing.
    pub help: bool,
}

impl Options {
    /// # Errors
    ///
    /// An option isn't in [`USAGE`], or its value is missing or isn't Unicode.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("only") => {
                    let names = parser.value()?.string()?;
                    options.only.extend(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
                }
                Long("short") => options.short = true,
                Long("markdown") => options.markdown = Some(parser.value()?.into()),
                Long("list") => options.list = true,
                Long("help") | Short('h') => options.help = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    /// Whether a scenario of this name runs.
    pub fn selects(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}
