//! The table of figures, for the terminal and the page.

use crate::record::{Record, Recovery, answered, by_fallback, by_upstream};

/// The columns.
pub(crate) const HEADER: [&str; 8] =
    ["client", "answered", "by fallback", "p50", "p99", "load", "99 % again", "upstream 99 %"];

/// The meaning of the columns, one line each.
pub(crate) const NOTE: &str = "\
p50, p99: how long callers waited for a response or an error.
load: attempts that reached the upstream, as a multiple of the demand.
99 % again: the time from the end of the fault from which on 99 % of the requests are answered.
upstream 99 %: the same, counting only responses of the upstream.";

/// One client's row.
pub(crate) fn row(record: &Record) -> [String; HEADER.len()] {
    let whole = record.whole();
    [
        record.client.name().to_owned(),
        percent(whole.share(answered)),
        percent(whole.share(by_fallback)),
        format!("{} ms", whole.wait(0.50).as_millis()),
        format!("{} ms", whole.wait(0.99).as_millis()),
        format!("{:.2} x", whole.load()),
        recovery(record.recovery(answered)),
        recovery(record.recovery(by_upstream)),
    ]
}

/// Formats the table for a terminal, with names left-aligned and figures right-aligned.
pub(crate) fn text(rows: &[[String; HEADER.len()]]) -> String {
    let header = HEADER.map(str::to_owned);
    let all = || std::iter::once(&header).chain(rows);
    let widths: [usize; HEADER.len()] =
        std::array::from_fn(|column| all().map(|row| row[column].chars().count()).max().unwrap_or(0));

    let mut text = String::new();
    for (line, row) in all().enumerate() {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            text += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text.push('\n');
        if line == 0 {
            text += &"-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
            text.push('\n');
        }
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn recovery(recovery: Recovery) -> String {
    match recovery {
        Recovery::After(time) => format!("{:.1} s", time.as_secs_f64()),
        Recovery::Never => "never".to_owned(),
    }
}
