//! Formats the figures as Markdown tables.

use std::fmt::Write;

use crate::{
    contender::{BARE, OURS},
    measure::Figure,
};

pub fn of<'a>(figures: impl IntoIterator<Item = &'a Figure>) -> String {
    let figures: Vec<_> = figures.into_iter().collect();
    let mut table = String::from(
        "| case | | ns per call over bare | middle half | fastest | × ours | allocations per call | bytes of the future |\n\
         |---|---|---:|---:|---:|---:|---:|---:|\n",
    );
    let find = |case, name| figures.iter().find(|figure| figure.case == case && figure.name == name);
    for figure in &figures {
        let bare = find(figure.case, BARE);
        let is_bare = figure.name == BARE;
        let case = if is_bare { figure.case } else { "" };
        let spread = if is_bare { figure.total } else { figure.over_bare };
        let ratio = match find(figure.case, OURS) {
            Some(ours) if !is_bare && figure.name != OURS => times(figure.over_bare.median / ours.over_bare.median),
            _ => String::new(),
        };
        let over = match figure.future.zip(bare.and_then(|bare| bare.future)) {
            Some((future, _)) if is_bare => format!("{future}"),
            Some((future, bare)) => format!("{:+}", future as i64 - bare as i64),
            None => String::new(),
        };
        let name = if is_bare { "bare, total".to_owned() } else { figure.name.to_owned() };
        let (median, fastest) = (nanos(spread.median), nanos(spread.fastest));
        let half = format!("{}–{}", nanos(spread.lower), nanos(spread.upper));
        let allocations = allocations(figure);
        writeln!(table, "| {case} | {name} | {median} | {half} | {fastest} | {ratio} | {allocations} | {over} |").ok();
    }
    table
}

/// The figures of tower-recourse alone.
pub fn of_ours(figures: &[Figure]) -> String {
    let mut table = String::from("| | ns per call | allocations |\n|---|---:|---:|\n");
    // Skips the cases whose first row repeats another case.
    let repeats = |figure: &&Figure| figure.case.starts_with("tracing") || figure.case.starts_with("observers");
    for figure in figures.iter().filter(|figure| figure.name == OURS && !repeats(figure)) {
        writeln!(table, "| {} | {} | {} |", figure.case, nanos(figure.over_bare.median), allocations(figure)).ok();
    }
    table
}

/// Nanoseconds with their significant digits.
pub fn nanos(time: f64) -> String {
    match time {
        time if time.is_nan() => "?".to_owned(),
        time if time.abs() < 0.05 => "0.0".to_owned(),
        time if time.abs() < 100.0 => format!("{time:.1}"),
        time if time.abs() < 10_000.0 => thousands(time),
        time => format!("{} µs", thousands(time / 1_000.0)),
    }
}

fn thousands(number: f64) -> String {
    let number = number.round() as i64;
    if number.abs() < 1_000 { format!("{number}") } else { format!("{},{:03}", number / 1_000, number.abs() % 1_000) }
}

pub fn times(ratio: f64) -> String {
    match ratio {
        // The time of tower-recourse is below the noise.
        ratio if !(0.0..=99_999.0).contains(&ratio) => "?".to_owned(),
        ratio if ratio < 10.0 => format!("{ratio:.1}"),
        ratio => thousands(ratio),
    }
}

fn allocations(figure: &Figure) -> String {
    match figure.allocations {
        0.0 => "0".to_owned(),
        count if count.fract() == 0.0 => format!("{count} ({:.0} B)", figure.bytes),
        count => format!("{count:.2} ({:.0} B)", figure.bytes),
    }
}
