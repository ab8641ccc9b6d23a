//! `docs/architecture.md` says which module of the server may import which, and which
//! crate may depend on which. Here the code is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::page::{quoted, rows, section};
use crate::{files, repository, text};

const PAGE: &str = "docs/architecture.md";
const SOURCES: &str = "oracle-server/src";
/// Crates that only some modules may use; `oracle_schema` and what is not ours is free to all.
const WATCHED: [&str; 3] = ["oracle_client", "oracle_feeds", "sqlx"];
const CRATES: [&str; 7] = [
    "client/ffi",
    "schema",
    "feeds",
    "client/math",
    "client",
    "oracle-server",
    "tests",
];

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Where a module imports what: the file and line.
struct Use {
    from: String,
    to: String,
    at: String,
}

/// The names and permissions in the rows of a table.
fn table(heading: &str) -> Imports {
    let page = text(PAGE);
    let mut imports = Imports::new();
    for row in rows(section(&page, heading)) {
        let [name, allowed, ..] = row.as_slice() else {
            panic!("{PAGE}, {heading}: a row without cells: {row:?}");
        };
        let name = quoted(name).next().expect("a name in backticks");
        let allowed = quoted(allowed).map(str::to_owned);
        imports.entry(name.to_owned()).or_default().extend(allowed);
    }
    imports
}

fn allowed() -> Imports {
    table("### Modules of the server")
}

/// The modules at the crate's root.
fn modules() -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository(SOURCES)).unwrap();
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let mut modules: BTreeSet<String> = entries.map(stem).collect();
    modules.remove("lib");
    modules.remove("main");
    modules
}

/// Every import across modules, those of tests apart.
fn uses() -> Vec<Use> {
    let root = repository(SOURCES);
    let mut uses = Vec::new();
    for file in files(&root, "rs") {
        let path = file.strip_prefix(&root).unwrap();
        let Some((from, depth)) = module_of(path) else {
            continue;
        };
        let source = std::fs::read_to_string(&file).unwrap();
        for (to, line) in imports(&source, depth) {
            if to != from {
                let at = format!("{SOURCES}/{}:{line}", path.display());
                let from = from.clone();
                uses.push(Use { from, to, at });
            }
        }
    }
    uses
}

/// The root module a file belongs to, and how many modules deep it is; none for the files of
/// tests and of the root itself.
fn module_of(path: &Path) -> Option<(String, usize)> {
    let names = path.iter().map(|name| name.to_str().unwrap());
    let mut names: Vec<&str> = names.map(|n| n.trim_end_matches(".rs")).collect();
    if names.contains(&"tests") || matches!(names.as_slice(), ["lib" | "main"]) {
        return None;
    }
    if names.last() == Some(&"mod") {
        names.pop();
    }
    Some(((*names.first()?).to_owned(), names.len()))
}

/// The root modules and watched crates that a source names, with the lines. `depth`: how many
/// `super` lead to the root.
fn imports(source: &str, depth: usize) -> Vec<(String, usize)> {
    let tokens: TokenStream = source.parse().expect("Rust");
    let mut found = Vec::new();
    collect(tokens, depth, &mut found);
    found
}

fn collect(tokens: TokenStream, depth: usize, found: &mut Vec<(String, usize)>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        let rest = trees.get(at..).unwrap_or_default();
        if is_for_tests(rest) {
            at += length_of_item(rest);
            continue;
        }
        if let TokenTree::Group(group) = tree {
            let is_module = at >= 2 && is_word(trees.get(at - 2), "mod");
            collect(group.stream(), depth + usize::from(is_module), found);
        }
        let is_continued = at >= 2 && is_colon(trees.get(at - 1)) && is_colon(trees.get(at - 2));
        if !is_continued && let Some(path) = path_from_root(rest, depth) {
            let line = tree.span().start().line;
            let names = names(path).into_iter();
            found.extend(names.map(|name| (name, line)));
        }
        at += 1;
    }
}

/// What follows the crate's root in a path: after `crate::`, after as many `super::` as lead
/// there, or a watched crate itself.
fn path_from_root(trees: &[TokenTree], depth: usize) -> Option<&[TokenTree]> {
    let after =
        |trees: &'_ [TokenTree]| -> bool { is_colon(trees.get(1)) && is_colon(trees.get(2)) };
    if is_word(trees.first(), "crate") && after(trees) {
        return trees.get(3..);
    }
    if WATCHED.iter().any(|name| is_word(trees.first(), name)) && after(trees) {
        return Some(trees);
    }
    let mut rest = trees;
    for _ in 0..depth {
        if !is_word(rest.first(), "super") || !after(rest) {
            return None;
        }
        rest = rest.get(3..)?;
    }
    (depth > 0).then_some(rest)
}

/// The first name of a path, or of each path in braces.
fn names(path: &[TokenTree]) -> Vec<String> {
    match path.first() {
        Some(TokenTree::Ident(name)) => vec![name.to_string()],
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let trees: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma =
                |tree: &TokenTree| matches!(tree, TokenTree::Punct(p) if p.as_char() == ',');
            trees.split(is_comma).flat_map(names).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether this begins with `#[cfg(test)]`.
fn is_for_tests(trees: &[TokenTree]) -> bool {
    let [TokenTree::Punct(hash), TokenTree::Group(group), ..] = trees else {
        return false;
    };
    hash.as_char() == '#' && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// How many trees an item has: up to its block or its semicolon.
fn length_of_item(trees: &[TokenTree]) -> usize {
    let is_end = |tree: &TokenTree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    trees
        .iter()
        .position(is_end)
        .map_or(trees.len(), |end| end + 1)
}

fn is_word(tree: Option<&TokenTree>, word: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_colon(tree: Option<&TokenTree>) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn holds(imports: &Imports, from: &str, to: &str) -> bool {
    imports.get(from).is_some_and(|names| names.contains(to))
}

#[test]
fn no_module_imports_what_the_page_does_not_let_it() {
    let allowed = allowed();
    let wrong: Vec<String> = uses()
        .into_iter()
        .filter(|u| !holds(&allowed, &u.from, &u.to))
        .map(|u| format!("{}: `{}` imports `{}`", u.at, u.from, u.to))
        .collect();
    assert!(
        wrong.is_empty(),
        "{PAGE} does not let them; move the code, or say there why it has to be:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_row_names_a_module_and_every_module_has_a_row() {
    let (modules, allowed) = (modules(), allowed());
    let rows: BTreeSet<String> = allowed.keys().cloned().collect();
    let without: Vec<_> = modules.difference(&rows).collect();
    assert!(without.is_empty(), "{PAGE} has no row for {without:?}");
    let gone: Vec<_> = rows.difference(&modules).collect();
    assert!(
        gone.is_empty(),
        "{PAGE} has rows for {gone:?}, which are no modules"
    );
    let known = |name: &String| modules.contains(name) || WATCHED.contains(&name.as_str());
    for (from, to) in &allowed {
        let unknown: Vec<_> = to.iter().filter(|name| !known(name)).collect();
        assert!(
            unknown.is_empty(),
            "{PAGE}, row of `{from}`: {unknown:?} is neither a module nor a watched crate"
        );
    }
}

/// Modules can be put in an order in which each imports earlier ones only.
#[test]
fn modules_import_in_one_direction() {
    let mut left = allowed();
    loop {
        let before = left.len();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, to| to.intersection(&names).next().is_some());
        let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
        left.retain(|from, _| imported.contains(from));
        if left.len() == before {
            break;
        }
    }
    assert!(
        left.is_empty(),
        "{PAGE} lets these import each other in a circle: {left:#?}"
    );
}

/// Where a crate of this workspace is.
fn directory(package: &str) -> &'static str {
    let is = |path: &&str| {
        let last = path.rsplit('/').next().unwrap();
        package == last || package.strip_prefix("oracle-") == Some(last)
    };
    CRATES.into_iter().find(is).expect(package)
}

#[test]
fn crates_depend_as_the_page_says() {
    let page = table("### Crates and crates");
    let rows: BTreeSet<&str> = page.keys().map(String::as_str).collect();
    assert_eq!(rows, BTreeSet::from(CRATES), "rows of {PAGE}");
    for (name, allowed) in page {
        let manifest = text(&format!("{name}/Cargo.toml"));
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let Some((package, _)) = line.split_once(" = ") else {
                continue;
            };
            if section != "[dependencies]" || !package.starts_with("oracle-") {
                continue;
            }
            let other = directory(package);
            assert!(
                allowed.contains(other),
                "{name}/Cargo.toml depends on {package}, which {PAGE} does not let it"
            );
            // An auditor's feeds have no fetcher.
            let fetches = line.contains("features");
            assert!(name != "client" || !fetches, "{name}/Cargo.toml: {line}");
        }
    }
}

#[test]
fn an_import_is_found_however_it_is_written() {
    let source = r#"
        //! Not [`crate::comment`].
        use crate::{a::X, b, self};
        pub(crate) use super::c::Y;
        use super::super::d;
        fn f(x: crate::e::Z) -> oracle_feeds::Rate {
            routes!(crate::g::get);
            let text = "crate::text";
            mine::crate_like::x()
        }
        mod inner {
            use super::near;
            use super::super::super::i;
        }
        #[cfg(test)]
        mod tests { use crate::of_tests; }
        #[cfg(test)]
        use crate::also_of_tests;
        use crate::j;
    "#;
    let names = |depth| {
        let found = imports(source, depth).into_iter().map(|(name, _)| name);
        found.collect::<BTreeSet<_>>()
    };
    let at = |more: &[&str]| {
        let all = ["a", "b", "self", "e", "oracle_feeds", "g", "j"];
        all.iter()
            .chain(more)
            .map(|name| (*name).to_owned())
            .collect()
    };
    assert_eq!(names(2), at(&["d", "i"]));
    assert_eq!(
        names(1),
        at(&["c", "super"]),
        "a level above the root is said"
    );
    let lines: Vec<usize> = imports(source, 2)
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    assert_eq!(lines.first(), Some(&3));
}
