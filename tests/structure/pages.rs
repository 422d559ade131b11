//! Finds pages without a link, and links and names of files that don't exist.

use std::path::{Component, Path, PathBuf};

/// Describes each page of `folder` that `mod.rs` doesn't include or the README doesn't link.
///
/// The second and later Markdown files of a module continue its page, so they need no link.
pub(crate) fn lost_pages(folder: &Path, pages: &[String], mod_rs: &str, readme: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages {
        let path = folder.join(page);
        let include = format!("#[doc = include_str!(\"{page}\")]");
        let Some(at) = mod_rs.find(&include) else {
            faults.push(format!("{} is not included in mod.rs", path.display()));
            continue;
        };
        let continues = mod_rs[..at].lines().last().is_some_and(|before| before.starts_with("#[doc = include_str!"));
        if !continues && !readme.contains(&format!("({})", path.display())) {
            faults.push(format!("{} is not linked in README.md", path.display()));
        }
    }
    faults
}

/// Describes each relative link in a Markdown file whose target doesn't exist.
pub(crate) fn broken_links(file: &Path, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let prose = without_code_blocks(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let is_path = |target: &&str| !target.contains("://") && !target.contains("::") && target.contains(['.', '/']);
    let folder = file.parent().unwrap_or(Path::new(""));
    let missing = targets.filter(is_path).filter(|target| {
        let path = target.split('#').next().unwrap_or_default();
        !exists(&normal(&folder.join(path)))
    });
    missing.map(|target| format!("{} links to {target}, which doesn't exist", file.display())).collect()
}

/// Describes each file that `text` names in backticks and that doesn't exist. A name may leave out
/// the first folders of the path.
pub(crate) fn missing_files(file: &Path, text: &str, existing: &[PathBuf]) -> Vec<String> {
    let prose = without_code_blocks(text);
    let names = prose.split('`').skip(1).step_by(2);
    let is_file = |name: &&str| {
        let is_path = name.chars().all(|it| it.is_ascii_alphanumeric() || "_-./*".contains(it));
        let is_known = name.ends_with(".rs") || name.ends_with(".md") || name.ends_with(".toml") || name.ends_with('/');
        is_path && is_known && name.len() > 4
    };
    let exists = |name: &str| match name.strip_suffix('/') {
        Some(folder) => existing.iter().any(|path| path.ancestors().skip(1).any(|above| above.ends_with(folder))),
        None => match name.split_once('*') {
            Some((start, end)) => existing.iter().any(|path| {
                let path = format!("/{}", path.display());
                path.contains(&format!("/{start}")) && path.ends_with(end)
            }),
            None => existing.iter().any(|path| path.ends_with(name)),
        },
    };
    let missing = names.filter(is_file).filter(|name| !exists(name));
    missing.map(|name| format!("{} names `{name}`, which doesn't exist", file.display())).collect()
}

fn without_code_blocks(text: &str) -> String {
    let mut is_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(is_prose).map(|line| format!("{line}\n")).collect()
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = normal.pop(),
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_nothing_links_is_a_fault() {
        let mod_rs = "#[doc = include_str!(\"a.md\")]\n#[doc = include_str!(\"a2.md\")]\npub mod a {}\n\
                      #[doc = include_str!(\"b.md\")]\npub mod b {}\n";
        let pages = ["a.md", "a2.md", "b.md", "c.md"].map(str::to_owned);
        let found = lost_pages(Path::new("src/x"), &pages, mod_rs, "[a](src/x/a.md)");
        assert_eq!(found, ["src/x/b.md is not linked in README.md", "src/x/c.md is not included in mod.rs"]);
    }

    #[test]
    fn a_link_to_a_missing_file_is_a_fault() {
        let text = "[a](../a.md#part) [b](b.rs) [c](https://c.rs) [`d`](crate::d) [e](#part)\n```\n[f](f.rs)\n```\n";
        let found = broken_links(Path::new("x/y.md"), text, |path| path == Path::new("a.md"));
        assert_eq!(found, ["x/y.md links to b.rs, which doesn't exist"]);
    }

    #[test]
    fn a_named_file_that_is_missing_is_a_fault() {
        let existing = ["src/a/b.rs", "tests/c_d.rs"].map(PathBuf::from);
        let text = "`a/b.rs` `b.rs` `src/a/` `tests/c_*.rs` `fn()` `x.y()` `other.rs` `tests/e_*.rs` `lost/`";
        let found = missing_files(Path::new("A.md"), text, &existing);
        let names: Vec<&str> = found.iter().filter_map(|fault| fault.split('`').nth(1)).collect();
        assert_eq!(names, ["other.rs", "tests/e_*.rs", "lost/"]);
    }
}
