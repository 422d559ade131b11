use std::{ffi::OsString, path::PathBuf};

use lexopt::prelude::*;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Full,
    /// Enough to see that it works: its figures say little.
    Quick,
}

#[derive(Debug)]
pub struct Options {
    pub size: Size,
    /// Only cases with this in their name.
    pub only: String,
    pub chart: Option<PathBuf>,
    pub page: Option<PathBuf>,
    pub costs: Option<PathBuf>,
}

pub const USAGE: &str = "\
usage: peers [--quick] [--only PART] [--out CHART.svg] [--markdown PAGE.md] [--costs PAGE.md]
  --quick          a few short rounds: shows that it works, not what is how fast
  --only PART      only the cases with PART in their name
  --out FILE       writes the bar chart there
  --markdown FILE  puts the tables between the markers of that page
  --costs FILE     puts what ours costs between the markers of that one";

impl Options {
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut options = Self { size: Size::Full, only: String::new(), chart: None, page: None, costs: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("quick") => options.size = Size::Quick,
                Long("only") => options.only = parser.value()?.string()?,
                Long("out") => options.chart = Some(parser.value()?.into()),
                Long("costs") => options.costs = Some(parser.value()?.into()),
                Long("markdown") => options.page = Some(parser.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
