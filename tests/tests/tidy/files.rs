//! Files are short, finished and used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::{assert_none, files_below, root, shown};

const MOST_LINES: usize = 400;
const MOST_LISTED: usize = 500;

/// The exceptions of `tests/tidy/long_files.txt`.
fn exceptions() -> BTreeMap<String, usize> {
    let list = std::fs::read_to_string(root().join("tests/tidy/long_files.txt")).unwrap();
    list.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let (path, limit) = line.split_once(' ').expect("path, space, limit");
            (path.to_owned(), limit.trim().parse().expect("the limit is a number"))
        })
        .collect()
}

#[test]
fn no_source_file_is_long_and_the_exceptions_only_shrink() {
    let mut exceptions = exceptions();
    let mut complaints = Vec::new();
    for path in files_below(root(), ".rs") {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let name = shown(&path);
        match exceptions.remove(&name) {
            None if lines > MOST_LINES => {
                complaints.push(format!("{name} has {lines} lines: split it, {MOST_LINES} is the most"));
            }
            Some(limit) if limit > MOST_LISTED => {
                complaints
                    .push(format!("{name}: {limit} is beyond {MOST_LISTED}, the most an exception may have"));
            }
            Some(limit) if lines > limit => {
                complaints.push(format!("{name} grew from {limit} to {lines} lines"))
            }
            Some(limit) if lines <= MOST_LINES || lines < limit => {
                complaints
                    .push(format!("{name} has {lines} lines now: lower its entry of {limit}, or remove it"));
            }
            _ => {}
        }
    }
    complaints
        .extend(exceptions.into_keys().map(|name| format!("{name} is listed as long and does not exist")));
    assert_none(complaints);
}

#[test]
fn nothing_is_left_for_later() {
    // Spelt in halves, or this file would complain of itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut complaints = Vec::new();
    for path in files_below(root(), ".rs").into_iter().chain(files_below(root(), ".toml")) {
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn every_source_file_belongs_to_a_crate() {
    let mut dead: BTreeSet<PathBuf> = files_below(root(), ".rs").into_iter().collect();
    for manifest in files_below(root(), "Cargo.toml") {
        let folder = manifest.parent().unwrap();
        let mut roots = vec![folder.join("src/lib.rs"), folder.join("src/main.rs"), folder.join("build.rs")];
        for targets in ["tests", "benches", "examples", "src/bin"] {
            let folder = folder.join(targets);
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            // A target is a file, or a folder with a main.rs.
            let target = |path: PathBuf| if path.is_dir() { path.join("main.rs") } else { path };
            roots.extend(entries.map(|entry| target(entry.unwrap().path())));
        }
        if manifest.ends_with("benches/Cargo.toml") {
            roots.extend(files_below(folder, ".rs"));
        }
        for root in roots {
            let children = root.parent().unwrap().to_owned();
            follow(&root, &children, &mut dead);
        }
    }
    assert_none(dead.iter().map(|path| format!("{} is part of no crate", shown(path))).collect());
}

/// Takes a file and the modules it declares off the list; `children` is where its modules lie.
fn follow(file: &Path, children: &Path, dead: &mut BTreeSet<PathBuf>) {
    if !dead.remove(file) {
        return;
    }
    let text = std::fs::read_to_string(file).unwrap();
    let mut folder = children.to_owned();
    for line in text.lines() {
        let line = line.trim();
        if line == "}" && folder != children {
            folder = children.to_owned();
        }
        let Some(name) = module_name(line) else { continue };
        if line.ends_with('{') {
            // An inline module that holds declarations is a folder of them.
            folder = children.join(name);
            continue;
        }
        for candidate in [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")] {
            follow(&candidate, &folder.join(name), dead);
        }
    }
}

/// The name in `mod name;` or `mod name {`, whatever stands before it.
fn module_name(line: &str) -> Option<&str> {
    let declaration = line.strip_suffix(';').or_else(|| line.strip_suffix(" {"))?;
    let (before, name) = declaration.rsplit_once("mod ")?;
    let visibility = before.trim();
    let is_module = visibility.is_empty() || visibility.starts_with("pub");
    (is_module && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
}
