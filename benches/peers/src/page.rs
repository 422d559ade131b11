//! A page with the tables in it, between two markers.

use std::{fs, io, path::Path};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Puts the tables into the page at `path`, in place of those before.
pub fn update(path: &Path, tables: &str) -> io::Result<()> {
    let page = fs::read_to_string(path)?;
    let place = page.find(BEGIN).map(|begin| begin + BEGIN.len()).zip(page.find(END));
    let Some((begin, end)) = place.filter(|(begin, end)| begin <= end) else {
        return Err(io::Error::other(format!("{} has no `{BEGIN}` with a `{END}` behind it", path.display())));
    };
    fs::write(path, format!("{}\n\n{}\n{}", &page[..begin], tables.trim(), &page[end..]))
}
