//! The pages under `docs/checks`: one a check, from the same text as `touchdown explain`, and an
//! index by family. `UPDATE_DOCS=1` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use touchdown::checks::{self, Level};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks")
}

fn index() -> String {
    let mut page = String::from(
        "# The checks\n\n\
         Each has its page, which `touchdown explain ID` prints as well. A `must` fails a run, a\n\
         `should` fails it under `--strict`, `advice` never does. What is left out, and why:\n\
         [rules-left-out.md](../rules-left-out.md).\n",
    );
    for (family, mut checks) in checks::families() {
        let _ = write!(page, "\n## {family}\n\n| check | level | rule |\n|---|---|---|\n");
        checks.sort_by_key(|check| check.level);
        for check in checks {
            let (id, level) = (check.id, check.level.name());
            let _ = writeln!(page, "| [`{id}`]({id}.md) | {level} | {} |", check.summary);
        }
    }
    page
}

#[test]
fn the_pages_are_those_of_the_registry() {
    let mut wanted = BTreeMap::from([("README.md".to_owned(), index())]);
    for check in checks::all() {
        let page = check.docs.replace('\r', "");
        wanted.insert(format!("{}.md", check.id), page);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).unwrap();
        for (name, text) in &wanted {
            fs::write(folder().join(name), text).unwrap();
        }
    }
    let kept: BTreeMap<String, String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    let stale: Vec<_> = wanted
        .keys()
        .chain(kept.keys())
        .filter(|name| wanted.get(*name) != kept.get(*name))
        .collect();
    assert!(stale.is_empty(), "stale under docs/checks, run with UPDATE_DOCS=1: {stale:?}");
}

#[test]
fn every_level_has_its_checks() {
    for level in [Level::Must, Level::Should, Level::Advice] {
        assert!(checks::all().filter(|check| check.level == level).count() > 3);
    }
}
