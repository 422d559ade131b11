//! Reads the modules of the crate: the items that each one defines, the paths that it imports, and
//! the paths that its code contains.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, ImplItem, Item, Meta, UseTree, Visibility};

use crate::files::Source;

/// All modules of a crate. The first one is the root.
#[derive(Debug)]
pub(crate) struct Modules(pub(crate) Vec<Module>);

/// A module, without its tests and without the code that only loom models use.
#[derive(Debug)]
pub(crate) struct Module {
    /// The file, relative to `src`. An inline module has the file of its parent.
    pub(crate) file: PathBuf,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// The paths of two or more names in the code, `use` items excluded.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// The single names in the code, `use` items excluded.
    pub(crate) names: BTreeSet<String>,
    /// Whether the module contains only `mod` and `use` items.
    pub(crate) is_facade: bool,
}

/// One path of a `use` item.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// The name that the import adds to the module. A glob has none.
    pub(crate) name: Option<String>,
    /// Whether the import is also a re-export.
    pub(crate) is_public: bool,
}

impl Modules {
    /// Reads the crate that has its root at `lib.rs`.
    pub(crate) fn read(source: &impl Source) -> Self {
        let mut modules = Self(Vec::new());
        modules.read_file(source, Path::new("lib.rs"), None);
        modules
    }

    fn read_file(&mut self, source: &impl Source, file: &Path, parent: Option<usize>) -> usize {
        let text = source.read(file).unwrap_or_else(|| panic!("{} is missing", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "mod") => file.parent().expect("a file is in a folder").to_owned(),
            _ => file.with_extension(""),
        };
        self.add(source, file, &folder, parent, parsed.items)
    }

    fn add(
        &mut self,
        source: &impl Source,
        file: &Path,
        folder: &Path,
        parent: Option<usize>,
        items: Vec<Item>,
    ) -> usize {
        let index = self.0.len();
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: Vec::new(),
            paths: BTreeSet::new(),
            names: BTreeSet::new(),
            is_facade: items.iter().all(|item| matches!(item, Item::Mod(_) | Item::Use(_))),
        });
        for item in items {
            match item {
                item if is_left_out(&item) => {}
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let below = folder.join(&name);
                    let child = match module.content {
                        Some((_, items)) => self.add(source, file, &below, Some(index), items),
                        None => {
                            let at = path_attribute(&module.attrs).map(|path| file.with_file_name(path));
                            let candidates = [at, Some(below.with_extension("rs")), Some(below.join("mod.rs"))];
                            let found = candidates.into_iter().flatten().find(|file| source.read(file).is_some());
                            let found = found.unwrap_or_else(|| panic!("{}: no file of `{name}`", file.display()));
                            self.read_file(source, &found, Some(index))
                        }
                    };
                    // Two files can be the same module, on different platforms.
                    self.0[index].children.entry(name).or_insert(child);
                }
                // A path with leading colons belongs to another crate.
                Item::Use(item) if item.leading_colon.is_some() => {}
                Item::Use(item) => {
                    let is_public = !matches!(item.vis, Visibility::Inherited);
                    add_imports(&item.tree, &mut Vec::new(), is_public, &mut self.0[index].imports);
                }
                item => self.0[index].add_code(item),
            }
        }
        index
    }
}

impl Module {
    fn add_code(&mut self, mut item: Item) {
        match &mut item {
            Item::Impl(block) => block.items.retain(|item| !is_test_only(method_attributes(item))),
            Item::Macro(item) => {
                self.items.extend(item.ident.as_ref().map(ToString::to_string));
                self.add_items_of_macro(item.mac.tokens.clone());
            }
            item => self.items.extend(name(item)),
        }
        self.add_paths(item.to_token_stream());
    }

    /// Adds the items that macros such as `pin_project!` define: the name after each keyword.
    fn add_items_of_macro(&mut self, tokens: TokenStream) {
        let mut is_after_keyword = false;
        for token in tokens {
            let TokenTree::Ident(name) = token else {
                is_after_keyword = false;
                continue;
            };
            let name = name.to_string();
            let keyword = ["struct", "enum", "union", "trait", "fn", "type", "const", "static"];
            let is_keyword = keyword.contains(&&*name);
            if is_after_keyword {
                self.items.insert(name);
            }
            is_after_keyword = is_keyword;
        }
    }

    /// Adds the paths and names in `tokens`. The arguments of macros are included.
    fn add_paths(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis && is_pub(&tokens, at) => {}
                TokenTree::Group(group) => self.add_paths(group.stream()),
                TokenTree::Ident(first) => {
                    // The rest of `<T as Trait>::name`, or a path of another crate.
                    let is_continued = at >= 2 && is_colon(at - 1) && is_colon(at - 2);
                    let mut path = vec![first.to_string()];
                    while let (true, true, Some(next)) = (is_colon(at + 1), is_colon(at + 2), tokens.get(at + 3)) {
                        match next {
                            TokenTree::Ident(next) => path.push(next.to_string()),
                            // A `use` item in a function.
                            TokenTree::Group(group) => self.add_group_of_use(&path, group.stream()),
                            _ => break,
                        }
                        at += 3;
                    }
                    if path.len() > 1 && !is_continued {
                        self.paths.insert(path.clone());
                    }
                    self.names.extend(path);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn add_group_of_use(&mut self, path: &[String], group: TokenStream) {
        for token in group {
            if let TokenTree::Ident(name) = token {
                self.paths.insert(path.iter().cloned().chain([name.to_string()]).collect());
            }
        }
    }
}

/// Whether the token before `at` is `pub`, so that the group at `at` is a visibility.
fn is_pub(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(before) if before == "pub")
}

fn is_left_out(item: &Item) -> bool {
    is_test_only(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    })
}

/// Whether an item exists only in tests or loom models.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            condition == "test" || condition == "recourse_loom" || condition.starts_with("all(test,")
        }
        _ => false,
    })
}

fn method_attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => {
            Some(pair.value.to_token_stream().to_string().trim_matches('"').to_owned())
        }
        _ => None,
    })
}

fn add_imports(tree: &UseTree, above: &mut Vec<String>, is_public: bool, imports: &mut Vec<Import>) {
    let (name, alias) = match tree {
        UseTree::Path(path) => {
            above.push(path.ident.to_string());
            add_imports(&path.tree, above, is_public, imports);
            above.pop();
            return;
        }
        UseTree::Group(group) => {
            return group.items.iter().for_each(|tree| add_imports(tree, above, is_public, imports));
        }
        UseTree::Glob(_) => return imports.push(Import { path: above.clone(), name: None, is_public }),
        UseTree::Name(name) => (name.ident.to_string(), None),
        UseTree::Rename(rename) => (rename.ident.to_string(), Some(rename.rename.to_string())),
    };
    let mut path = above.clone();
    if name != "self" {
        path.push(name);
    }
    let name = alias.or_else(|| path.last().cloned());
    imports.push(Import { path, name, is_public });
}
