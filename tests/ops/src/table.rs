//! The table of metrics in `ops/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::read;

/// The labels that every metric may have: those of layers and those that Prometheus adds.
const COMMON: [&str; 3] = ["name", "job", "instance"];

/// The labels of each series that Prometheus stores.
pub fn series() -> BTreeMap<String, BTreeSet<String>> {
    let mut series = BTreeMap::new();
    for line in read("README.md").lines().filter(|line| line.starts_with("| `recourse_")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        let mut labels: BTreeSet<_> = COMMON.map(str::to_owned).into();
        labels.extend(cells[3].split(", ").map(|label| label.trim_matches('`').to_owned()));
        labels.remove("");
        // Only the metrics of one circuit can be those of a key.
        if name.starts_with("recourse_circuit_") {
            labels.insert("key".to_owned());
        }
        if cells[2] == "histogram" {
            series.insert(format!("{name}_sum"), labels.clone());
            series.insert(format!("{name}_count"), labels.clone());
            labels.insert("le".to_owned());
            series.insert(format!("{name}_bucket"), labels);
        } else {
            series.insert(name.to_owned(), labels);
        }
    }
    series
}
