//! Stores measured runs in a file, so that a sweep can be run in parts.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    time::Duration,
};

use crate::measures::Measures;

/// The runs of a file. Each line is one run: candidate, scenario, seed, and measures, separated by
/// tabs.
pub struct Saved {
    runs: HashMap<Key, Measures>,
    file: File,
}

/// A candidate, a scenario, and a seed.
type Key = (String, String, u64);

impl Saved {
    /// Reads the file at `path`, or creates it.
    ///
    /// # Errors
    ///
    /// If the file can't be read or written, or a line can't be parsed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut runs = HashMap::new();
        for line in BufReader::new(&file).lines() {
            let line = line?;
            let run = parse(&line).ok_or_else(|| io::Error::other(format!("{}: not a run: {line}", path.display())))?;
            runs.insert(run.0, run.1);
        }
        Ok(Self { runs, file })
    }

    pub fn get(&self, candidate: &str, scenario: &str, seed: u64) -> Option<Measures> {
        self.runs.get(&(candidate.to_owned(), scenario.to_owned(), seed)).copied()
    }

    /// Adds a run to the file.
    pub fn add(&mut self, candidate: &str, scenario: &str, seed: u64, measures: &Measures) -> io::Result<()> {
        let Measures { calls, lost, recovery, demand, attempts, protected, .. } = measures;
        let [recovery, protected] = [recovery, protected].map(Duration::as_micros);
        let line = format!(
            "{candidate}\t{scenario}\t{seed}\t{calls}\t{lost}\t{recovery}\t{demand}\t{attempts}\t{protected}\n"
        );
        self.file.write_all(line.as_bytes())
    }
}

fn parse(line: &str) -> Option<(Key, Measures)> {
    let mut parts = line.split('\t');
    let key = (parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.parse().ok()?);
    let numbers: Vec<u64> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [calls, lost, recovery, demand, attempts, protected] = numbers.try_into().ok()?;
    let [recovery, protected] = [recovery, protected].map(Duration::from_micros);
    Some((key, Measures { calls, lost, recovery, demand, attempts, protected, runs: 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_runs_is_read_as_written() {
        let path = std::env::temp_dir().join(format!("presets-saved-{}", std::process::id()));
        let micros = Duration::from_micros;
        let run = Measures {
            calls: 7,
            lost: 3,
            recovery: micros(1_500),
            demand: 5,
            attempts: 2,
            protected: micros(9),
            runs: 1,
        };
        Saved::open(&path).unwrap().add("preset B", "refuses for 10ms", 4, &run).unwrap();
        let saved = Saved::open(&path).unwrap();
        assert_eq!(saved.get("preset B", "refuses for 10ms", 4), Some(run));
        assert_eq!(saved.get("preset B", "refuses for 10ms", 5), None);
        std::fs::write(&path, "no run").unwrap();
        assert!(Saved::open(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
