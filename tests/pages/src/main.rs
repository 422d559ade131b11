//! Compiles every code block of every page as a reader would paste it.
//!
//! A page lists its dependencies in a `toml` block. Such a block and its code become a package. Its
//! code is everything up to the next `toml` block and, for the first block of a page, also the code
//! before it. Each code block is a binary of its package. It contains only the lines that the
//! rendered page shows, without rustdoc's hidden `# ` lines. Statements without a `main` are put
//! into an async function that returns a boxed error (tower's `BoxError`).
//!
//! The packages are checked one after the other, because a common build would unify their features
//! and hide a feature that a page forgot. They share a target directory, and use the versions of a
//! `Cargo.lock`: that of `tests/coming_from` for the pages in `src/coming_from`, that of
//! `tests/otel` for the page on OpenTelemetry, that of `tests/job_queues` for the pages on apalis
//! and graphile_worker, and that of the crate for all others.
//!
//! `cargo run --manifest-path tests/pages/Cargo.toml [PART OF A PAGE'S PATH]`

mod package;
mod page;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use page::Page;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/pages is in the repository");
    let only = env::args().nth(1).unwrap_or_default();
    match check(root, &only) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(faults) => {
            eprintln!("{faults} faults on the pages");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Checks the pages whose path contains `only`, and returns the number of faults.
fn check(root: &Path, only: &str) -> io::Result<usize> {
    let mut pages = paths(root)?.iter().map(|path| Page::read(root, path)).collect::<io::Result<Vec<_>>>()?;
    pages.retain(Page::has_code);
    assert!(pages.iter().any(|page| page.path == "README.md"), "the README has no code block");

    let (coming_from, pages): (Vec<_>, Vec<_>) =
        pages.into_iter().partition(|page| page.path.starts_with("src/coming_from/"));
    let (otel, pages): (Vec<_>, Vec<_>) =
        pages.into_iter().partition(|page| page.path == "src/integrations/opentelemetry.md");
    let (job_queues, pages): (Vec<_>, Vec<_>) = pages
        .into_iter()
        .partition(|page| ["src/integrations/apalis.md", "src/integrations/graphile_worker.md"].contains(&&*page.path));
    let workspaces = [
        ("pages", "Cargo.lock", pages),
        ("coming-from", "tests/coming_from/Cargo.lock", coming_from),
        ("otel", "tests/otel/Cargo.lock", otel),
        ("job-queues", "tests/job_queues/Cargo.lock", job_queues),
    ];
    let (mut faults, mut blocks) = (0, 0);
    for (folder, lock, pages) in workspaces {
        let workspace = package::Workspace::write(root, folder, &root.join(lock), &pages)?;
        let (more_faults, more_blocks) = check_pages(&workspace, pages.iter().filter(|page| page.path.contains(only)))?;
        faults += more_faults;
        blocks += more_blocks;
    }
    println!("{blocks} blocks");
    Ok(faults)
}

/// Checks these pages of a workspace, and returns the number of faults and of blocks.
fn check_pages<'a>(
    workspace: &package::Workspace,
    pages: impl Iterator<Item = &'a Page>,
) -> io::Result<(usize, usize)> {
    let (mut faults, mut blocks) = (0, 0);
    for page in pages {
        let mut found = page.faults.clone();
        for part in &page.parts {
            found.extend(workspace.check(page, part)?);
        }
        let number = page.parts.iter().map(|part| part.blocks.len()).sum::<usize>();
        println!("{} {}: {number} blocks", if found.is_empty() { "ok  " } else { "FAIL" }, page.path);
        for fault in &found {
            eprintln!("{fault}");
        }
        faults += found.len();
        blocks += number;
    }
    Ok((faults, blocks))
}

/// The README and all Markdown and Rust files below `src`.
fn paths(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![root.join("README.md")];
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md" || extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}
