use std::{ffi::OsString, path::PathBuf};

use lexopt::prelude::*;

/// The number and length of the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Full,
    /// A smoke test, whose figures are inexact.
    Quick,
}

#[derive(Debug)]
pub struct Options {
    pub size: Size,
    /// Measures only the cases with this text in their names.
    pub only: String,
    pub chart: Option<PathBuf>,
    pub page: Option<PathBuf>,
    pub costs: Option<PathBuf>,
    pub observers: Option<PathBuf>,
}

pub const USAGE: &str = "\
usage: peers [--quick] [--only PART] [--out CHART.svg] [--markdown PAGE.md] [--costs PAGE.md]
             [--observers PAGE.md]
  --quick          runs a few short rounds, as a smoke test
  --only PART      measures only the cases with PART in their names
  --out FILE       writes the bar chart to FILE
  --markdown FILE  writes the tables between the markers in FILE
  --costs FILE     writes the figures of tower-recourse between the markers in FILE
  --observers FILE writes the cases of the feature `observers` between the markers in FILE";

impl Options {
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut options =
            Self { size: Size::Full, only: String::new(), chart: None, page: None, costs: None, observers: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("quick") => options.size = Size::Quick,
                Long("only") => options.only = parser.value()?.string()?,
                Long("out") => options.chart = Some(parser.value()?.into()),
                Long("costs") => options.costs = Some(parser.value()?.into()),
                Long("observers") => options.observers = Some(parser.value()?.into()),
                Long("markdown") => options.page = Some(parser.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
