//! Writes the tables into a Markdown page, between two markers.

use std::{fs, io, path::Path};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Replaces the tables of the page at `path`.
pub fn update(path: &Path, tables: &str) -> io::Result<()> {
    let page = fs::read_to_string(path)?;
    let place = page.find(BEGIN).map(|begin| begin + BEGIN.len()).zip(page.find(END));
    let Some((begin, end)) = place.filter(|(begin, end)| begin <= end) else {
        return Err(io::Error::other(format!("{} has no `{BEGIN}` followed by `{END}`", path.display())));
    };
    fs::write(path, format!("{}\n\n{}\n{}", &page[..begin], tables.trim(), &page[end..]))
}
