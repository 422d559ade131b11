//! Reads the log of the jobs, and finds what must not happen.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

/// What the log shows.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The keys of jobs that succeeded.
    pub(crate) ok: BTreeSet<String>,
    /// The keys that a front accepted.
    pub(crate) accepted: BTreeSet<String>,
    /// How many calls started.
    pub(crate) calls: usize,
    /// How many calls repeated an attempt that had already started.
    pub(crate) repeated: usize,
    /// The highest number of attempts of a job.
    pub(crate) most_attempts: u32,
    /// Pairs of calls of a job that ran at the same time.
    pub(crate) at_once: Vec<String>,
}

#[derive(Debug, Clone)]
struct Call {
    attempt: u32,
    from: i64,
    until: i64,
}

impl Verdict {
    /// `died` has the times at which processes were killed.
    pub(crate) fn read(log: &Path, died: &HashMap<u32, i64>) -> Self {
        let mut verdict = Self::default();
        let mut open: HashMap<(u32, String), Call> = HashMap::new();
        let mut calls: BTreeMap<String, Vec<Call>> = BTreeMap::new();
        for line in fs::read_to_string(log).unwrap_or_default().lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[time, process, what, key, attempt] = &*fields else { panic!("{line}") };
            let (time, process, attempt) = (time.parse().unwrap(), process.parse().unwrap(), attempt.parse().unwrap());
            let id = (process, key.to_owned());
            match what {
                "start" => {
                    let call = Call { attempt, from: time, until: i64::MAX };
                    assert!(open.insert(id, call).is_none(), "one process runs {key} twice at once");
                }
                "ok" | "fail" | "dropped" => {
                    let call = open.remove(&id).expect("the call has started");
                    calls.entry(key.to_owned()).or_default().push(Call { until: time, ..call });
                    if what == "ok" {
                        verdict.ok.insert(key.to_owned());
                    }
                }
                "accepted" => {
                    verdict.accepted.insert(key.to_owned());
                }
                "up" | "down" => {}
                other => panic!("{other}"),
            }
        }
        for ((process, key), call) in open {
            let until = died.get(&process).copied().unwrap_or(i64::MAX);
            calls.entry(key).or_default().push(Call { until, ..call });
        }
        for (key, calls) in calls {
            let attempts: BTreeSet<u32> = calls.iter().map(|call| call.attempt).collect();
            verdict.calls += calls.len();
            verdict.repeated += calls.len() - attempts.len();
            verdict.most_attempts = verdict.most_attempts.max(attempts.last().map_or(0, |last| last + 1));
            for (place, first) in calls.iter().enumerate() {
                for second in &calls[place + 1..] {
                    if first.from < second.until && second.from < first.until {
                        verdict.at_once.push(format!("{key}: {first:?} {second:?}"));
                    }
                }
            }
        }
        verdict
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ok, calls, repeated, most_attempts, at_once, .. } = self;
        let (ok, at_once) = (ok.len(), at_once.len());
        write!(f, "{ok} ok, {calls} calls, {repeated} repeated, at most {most_attempts} attempts, {at_once} at once")
    }
}
