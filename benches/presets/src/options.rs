use std::{ffi::OsString, path::PathBuf};

use lexopt::prelude::*;

#[derive(Debug)]
pub struct Options {
    /// Runs a few scenarios with preset B, and checks the rule.
    pub check: bool,
    /// Runs only the bare client and the candidates with this text in their names.
    pub only: String,
    /// How many seeds each cell gets, relative to the usual number.
    pub times: f64,
    /// A file of measured runs, which the program doesn't repeat.
    pub saved: Option<PathBuf>,
    pub plot: Option<PathBuf>,
    pub page: Option<PathBuf>,
}

pub const USAGE: &str = "\
usage: presets [--check] [--only PART] [--times N] [--saved RUNS.tsv]
               [--out PLOT.svg] [--markdown PAGE.md]
  --check          runs a few scenarios with the presets; fails if they break the rule
  --only PART      runs only the bare client and the candidates with PART in their names
  --times N        multiplies the number of seeds per scenario by N, which may be below 1
  --saved FILE     reads measured runs from FILE, and adds new ones; delete FILE when the crate or
                   the simulation changes
  --out FILE       writes the plot to FILE
  --markdown FILE  writes the tables between the markers in FILE";

impl Options {
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut options = Self { check: false, only: String::new(), times: 1.0, saved: None, plot: None, page: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("check") => options.check = true,
                Long("only") => options.only = parser.value()?.string()?,
                Long("times") => options.times = parser.value()?.parse()?,
                Long("saved") => options.saved = Some(parser.value()?.into()),
                Long("out") => options.plot = Some(parser.value()?.into()),
                Long("markdown") => options.page = Some(parser.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
