//! Writes a part of a page as a package, and checks it with the compiler.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::page::{Page, Part};

/// A workspace below `target` with one package per part of a page.
pub struct Workspace {
    folder: PathBuf,
    /// The build output. All workspaces share it.
    target: PathBuf,
}

impl Workspace {
    /// Writes the packages into a folder of `target`, and a lock file with the versions of `lock`.
    pub fn write(root: &Path, folder: &str, lock: &Path, pages: &[Page]) -> io::Result<Self> {
        let folder = root.join("target").join(folder);
        let parts = || pages.iter().flat_map(|page| &page.parts);
        let members: Vec<String> = parts().map(|part| format!("{:?}", part.package)).collect();
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\ntower-recourse.path = {root:?}\n",
            members.join(", ")
        );
        write(&folder.join("Cargo.toml"), &manifest)?;
        for part in parts() {
            write_package(&folder.join(&part.package), part)?;
        }

        let copy = folder.join("Cargo.lock");
        fs::copy(lock, &copy)?;
        let workspace = Self { folder, target: root.join("target/pages/target") };
        let resolved = workspace.cargo(&["update", "--quiet", "--workspace"]).output()?;
        if !resolved.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&resolved.stderr).into_owned()));
        }
        let (known, needed) = (fs::read_to_string(lock)?, fs::read_to_string(&copy)?);
        let unknown = packages(&needed)
            .find(|package| package.contains("\nsource") && !packages(&known).any(|known| known == *package));
        match unknown.and_then(|package| package.lines().next()) {
            Some(name) => Err(io::Error::other(format!(
                "a page needs a package that isn't in {}: {name}",
                lock.strip_prefix(root).unwrap_or(lock).display()
            ))),
            None => Ok(workspace),
        }
    }

    /// Compiles the blocks of a part, and returns a message per block with an unexpected result.
    pub fn check(&self, page: &Page, part: &Part) -> io::Result<Vec<String>> {
        if part.dependencies.is_empty() {
            return Ok(Vec::new());
        }
        let package = &part.package;
        let output =
            self.cargo(&["check", "--quiet", "--locked", "--keep-going", "--bins", "--package", package]).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let failed = |line| errors.contains(&format!("error: could not compile `{package}` (bin {:?})", binary(line)));

        let mut faults = Vec::new();
        let mut expected = 0;
        for block in &part.blocks {
            let at = format!("{}:{}", page.path, block.line);
            match (failed(block.line), block.must_fail) {
                (true, false) => faults.push(format!("{at}: this block doesn't compile as the page shows it")),
                (false, true) => faults.push(format!("{at}: this block compiles, but is marked `compile_fail`")),
                (true, true) => expected += 1,
                (false, false) => {}
            }
        }
        if !output.status.success() && faults.is_empty() && expected == 0 {
            faults.push(format!("{}: the dependencies don't compile", page.path));
        }
        if let Some(last) = faults.last_mut() {
            last.push('\n');
            last.push_str(&errors);
        }
        Ok(faults)
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }
}

fn write_package(folder: &Path, part: &Part) -> io::Result<()> {
    let manifest = format!(
        "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n{}\n",
        part.package, part.dependencies
    );
    write(&folder.join("Cargo.toml"), &manifest)?;
    let binaries = folder.join("src/bin");
    let files: Vec<String> = part.blocks.iter().map(|block| format!("{}.rs", binary(block.line))).collect();
    for entry in fs::read_dir(&binaries).into_iter().flatten() {
        let entry = entry?;
        if !files.iter().any(|file| *file == entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    for (file, block) in files.iter().zip(&part.blocks) {
        write(&binaries.join(file), &block.program())?;
    }
    Ok(())
}

fn binary(line: usize) -> String {
    format!("line_{line}")
}

/// The name, version and source of each package of a lock file.
fn packages(lock: &str) -> impl Iterator<Item = &str> {
    lock.split("[[package]]\n").skip(1).map(|package| {
        package.split("\nchecksum").next().unwrap_or(package).split("\ndependencies").next().unwrap_or(package)
    })
}

/// Writes a file unless it already has this content, so that cargo doesn't rebuild it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file has a folder"))?;
    fs::write(path, text)
}
