use std::{ffi::OsString, path::PathBuf};

use lexopt::prelude::*;

#[derive(Debug)]
pub struct Options {
    /// Only a few scenarios, and only preset B: is the rule met?
    pub check: bool,
    /// Only candidates with this in their names, and the bare client.
    pub only: String,
    /// How many seeds each cell gets, relative to the usual number.
    pub times: f64,
    /// A file of measured runs, which aren't repeated.
    pub saved: Option<PathBuf>,
    pub plot: Option<PathBuf>,
    pub page: Option<PathBuf>,
}

pub const USAGE: &str = "\
usage: presets [--check] [--only PART] [--times N] [--saved RUNS.tsv]
               [--out PLOT.svg] [--markdown PAGE.md]
  --check          a short run of the presets; fails if they break the rule
  --only PART      only the bare client and the candidates with PART in their name
  --times N        N times as many seeds per scenario; fewer than usual if N is below 1
  --saved FILE     reads measured runs from that file, and adds new ones; delete it when the crate or
                   the simulation changes
  --out FILE       writes the plot there
  --markdown FILE  puts the tables between the markers of that page";

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
