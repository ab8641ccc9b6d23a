//! The indexes of documents: every page is in them, and every relative link leads somewhere.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::page::{quoted, rows};
use crate::{files, repository, text};

/// Pages of people's own making: what is in the repository, and not what tools leave there.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&repository("docs"), "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "deploy/README.md"].map(repository));
    pages
}

/// Where the links of a page lead, those into the web apart.
fn links(page: &Path) -> Vec<PathBuf> {
    let source = std::fs::read_to_string(page).unwrap();
    let targets = source
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']))
        .map(|target| target.split('#').next().unwrap_or_default())
        .map(|target| plain(&page.parent().unwrap().join(target)))
        .collect()
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_between_pages_leads_to_a_file() {
    for page in pages() {
        for target in links(&page) {
            assert!(
                target.exists(),
                "{}: no {}",
                page.display(),
                target.display()
            );
        }
    }
}

#[test]
fn the_index_names_every_page_once() {
    let index = repository("docs/README.md");
    let linked: Vec<PathBuf> = links(&index);
    let named: BTreeSet<PathBuf> = linked.iter().cloned().collect();
    assert_eq!(
        linked.len(),
        named.len(),
        "docs/README.md names a page twice"
    );
    let docs = plain(&repository("docs"));
    for page in files(&docs, "md") {
        let is_index = page == docs.join("README.md");
        assert!(
            is_index || named.contains(&page),
            "docs/README.md lacks {}",
            page.display()
        );
    }
    assert!(
        text("README.md").contains("(docs/README.md)"),
        "README.md leads to the index"
    );
}

/// A file of `module`, in the crate that its first name is, or in the server.
fn is_module(module: &str) -> bool {
    let (name, rest) = module.split_once("::").unwrap_or((module, ""));
    let crates = ["schema", "feeds", "client"];
    let path = if crates.contains(&name) && !rest.is_empty() {
        format!("{name}/src/{}", rest.replace("::", "/"))
    } else {
        format!("oracle-server/src/{}", module.replace("::", "/"))
    };
    let path = repository(&path);
    path.is_dir() || path.with_extension("rs").is_file()
}

#[test]
fn the_glossary_has_each_word_once_and_a_module_that_owns_it() {
    let page = text("docs/glossary.md");
    let words = page.split("\n## ").next().unwrap();
    let mut last = "";
    for row in rows(words) {
        let [word, meaning, owner] = row.as_slice() else {
            panic!("a row has three cells: {row:?}");
        };
        assert!(
            last < *word,
            "{word} stands after {last}: in order, and once"
        );
        assert!(!meaning.is_empty(), "{word}");
        let owner = quoted(owner).next().expect("a module in backticks");
        assert!(is_module(owner), "{word}: {owner} is no module");
        last = word;
    }
    assert!(!last.is_empty(), "there are words");
}
