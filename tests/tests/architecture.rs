//! The house rules: who may know whom, how long a file may be, and what belongs to a check.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::images::VARIANTS;
use reference_destination::faults::{Fault, Kind};
use touchdown::checks::{self, Check};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files that are tracked, or will be.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(listed.status.success(), "this test needs git, and the repository");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed.split_terminator('\0').map(PathBuf::from);
    // One that was removed may still be listed.
    files.filter(|file| workspace().join(file).is_file()).collect()
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn read(file: &Path) -> String {
    fs::read_to_string(workspace().join(file)).unwrap()
}

fn assert_none_of(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

// Who may know whom.

/// The code of a file, without comments and without what is in quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") {
            3
        } else if next == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else {
            code.push(next);
            next.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// The items that a `use` or a path in an expression names, from where `code` begins: each with
/// all its segments. `super::{a, b::c}` names `super::a` and `super::b::c`.
fn paths(code: &str, head: &str, found: &mut Vec<String>) {
    let code = code.trim_start();
    if let Some(group) = code.strip_prefix('{') {
        let mut depth = 0;
        let mut from = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' if depth == 0 => {
                    paths(&group[from..at], head, found);
                    from = at + 1;
                }
                '}' if depth == 0 => return paths(&group[from..at], head, found),
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let (word, rest) = code.split_at(end);
    if word.is_empty() {
        found.push(head.to_owned());
        return;
    }
    let path = if head.is_empty() { word.to_owned() } else { format!("{head}::{word}") };
    match rest.strip_prefix("::") {
        Some(rest) => paths(rest, &path, found),
        None if word == "self" => found.push(head.to_owned()),
        None => found.push(path),
    }
}

/// All paths in a file of a crate that lead out of it or through its root, from the root:
/// `checks::Level`, `serde_json::Value`.
fn references(file: &Path, crates: &[&str]) -> Vec<String> {
    let code = code(&read(file));
    let mut module: Vec<String> = file
        .with_extension("")
        .iter()
        .skip_while(|part| *part != "src")
        .skip(1)
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    let scan = |start: &str, head: &str| {
        let mut found = Vec::new();
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = &code[..at];
            let within = before.ends_with("::") || before.ends_with(|c: char| c.is_alphanumeric());
            if !within && !before.ends_with('_') {
                paths(&code[at..], head, &mut found);
            }
        }
        found
    };
    let mut all = scan("crate", "");
    // A room that was imported whole is a beginning of paths, too.
    let rooms: HashSet<_> = all.iter().filter_map(|path| path.strip_prefix("crate::")).collect();
    let rooms = rooms.into_iter().filter(|room| !room.contains("::"));
    let inside: Vec<_> = rooms.flat_map(|room| scan(room, "crate")).collect();
    all.extend(inside);
    all.extend(scan("super", ""));
    all.extend(crates.iter().flat_map(|start| scan(start, "")));
    let from_root = all.into_iter().map(|path| {
        if let Some(path) = path.strip_prefix("crate::") {
            return path.to_owned();
        }
        let mut room = module.clone();
        // `super::*` names the room above itself.
        let whole = format!("{path}::");
        let mut rest = whole.as_str();
        while let Some(after) = rest.strip_prefix("super::") {
            room.pop();
            rest = after;
        }
        if rest == whole { path } else { [&room.join("::"), rest].join("::") }
    });
    from_root.map(|path| path.trim_matches(':').to_owned()).collect()
}

fn is_in(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn paths_are_read() {
    let mut found = Vec::new();
    paths("super::{self, a::{B, c::*}, D as E};", "", &mut found);
    assert_eq!(found, ["super", "super::a::B", "super::a::c", "super::D"]);
    assert_eq!(code("a // b\n \"c\\\"\" d r#\"e\"f\"# '\"' g"), "a \n  d   g");
    let run = references(Path::new("harness/src/cli/run.rs"), &[]);
    assert!(run.iter().any(|path| path == "config::Selection"), "{run:?}");
    assert!(run.iter().any(|path| path == "cli::Exit"), "{run:?}");
    let terminal = references(Path::new("harness/src/report/terminal.rs"), &[]);
    assert!(terminal.iter().any(|path| path == "checks::find"), "{terminal:?}");
}

#[test]
fn data_goes_one_way() {
    // Each room, and the rooms that it must not know.
    let outer = ["subject", "session", "report", "cli", "config", "readback"];
    let forbidden: &[(&str, &[&str])] = &[
        ("checks", &outer),
        ("evidence", &[&outer[..], &["checks", "judging"]].concat()),
        ("ledger", &[&outer[..], &["checks", "judging"]].concat()),
        ("judging", &outer),
        ("transcript", &[&outer[..], &["checks", "evidence"]].concat()),
        ("report", &["judging", "session", "evidence", "subject", "folder", "config"]),
        ("subject", &["checks", "evidence", "report", "judging", "session", "model"]),
        ("readback", &["checks", "judging", "session", "report", "cli", "model"]),
        ("scenario", &["checks", "evidence", "judging", "model", "subject", "session", "report"]),
        ("model", &[&outer[..], &["checks", "judging"]].concat()),
        ("compare", &[&outer[..], &["checks", "judging"]].concat()),
        ("bounds", &[&outer[..], &["checks", "judging", "aftermath"]].concat()),
        ("aftermath", &[&outer[..], &["checks", "judging"]].concat()),
        ("configs", &[&outer[..], &["checks", "judging", "evidence"]].concat()),
        ("event", &[&outer[..], &["judging", "evidence"]].concat()),
        ("folder", &outer),
        ("spec", &[&outer[..], &["checks", "judging", "evidence", "snapshots"]].concat()),
        ("snapshots", &[&outer[..], &["checks", "judging", "evidence"]].concat()),
        ("session", &["report", "cli"]),
    ];
    let families: Vec<String> = fs::read_dir(workspace().join("harness/src/checks"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
        .map(|family| format!("checks::{family}"))
        .collect();
    let mut broken = Vec::new();
    // Tests stand outside the flow: they may hold a room against what comes after it.
    let sources = files().into_iter().filter(|file| is_rust(file) && !file.ends_with("tests.rs"));
    for file in sources.filter(|file| file.starts_with("harness/src")) {
        let inside = file.strip_prefix("harness/src").unwrap().with_extension("");
        let room = inside.iter().next().unwrap().to_str().unwrap().to_owned();
        let rules = forbidden.iter().find(|(name, _)| *name == room);
        for path in references(&file, &["reference_destination"]) {
            let is_forbidden = match room.as_str() {
                // It knows nothing of ours but itself.
                "protocol" => !path.is_empty() && !is_in(&path, "protocol"),
                _ if is_in(&path, "reference_destination") => room != "cli",
                // A summary and a level, and nothing of how is judged.
                "report" if families.iter().any(|family| is_in(&path, family)) => true,
                _ => rules.is_some_and(|(_, rooms)| rooms.iter().any(|room| is_in(&path, room))),
            };
            if is_forbidden {
                broken.push(format!("{} knows {path}", file.display()));
            }
        }
    }
    assert_none_of(&broken, "data goes one way");
}

#[test]
fn harness_and_reference_share_no_code() {
    let sources = files().into_iter().filter(|file| is_rust(file));
    let own = sources.filter(|file| file.starts_with("reference-destination"));
    let shared: Vec<_> = own
        .filter(|file| references(file, &["touchdown"]).iter().any(|path| is_in(path, "touchdown")))
        .map(|file| file.display().to_string())
        .collect();
    assert_none_of(&shared, "the reference destination knows nothing of touchdown");
    let manifest = read(Path::new("reference-destination/Cargo.toml"));
    assert!(!manifest.contains("touchdown"), "not even for its tests");
}

// Files.

#[test]
fn no_file_is_longer_than_500_lines() {
    let long: Vec<_> = files()
        .into_iter()
        .filter(|file| is_rust(file))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > 500)
        .map(|(lines, file)| format!("{} has {lines}", file.display()))
        .collect();
    assert_none_of(&long, "no file has more than 500 lines");
}

#[test]
fn no_file_names_a_place_of_this_machine() {
    // Put together, so that this file does not name them.
    let places = [concat!("/wo", "rk/"), concat!("bash", "_jobs")];
    let named: Vec<_> = files()
        .into_iter()
        .filter_map(|file| {
            let bytes = fs::read(workspace().join(&file)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let line = text.lines().position(|line| places.iter().any(|p| line.contains(p)))?;
            Some(format!("{}:{}", file.display(), line + 1))
        })
        .collect();
    assert_none_of(&named, "no file names a place of the machine that it was written on");
}

// The registry.

fn is_kebab_case(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    id.split('-').all(is_word)
}

#[test]
fn ids_are_distinct_and_kebab_case() {
    let mut seen = HashSet::new();
    for check in checks::all() {
        assert!(is_kebab_case(check.id), "{}", check.id);
        assert!(seen.insert(check.id), "{} twice", check.id);
        assert!(!check.summary.is_empty() && !check.summary.ends_with('.'), "{}", check.id);
        assert!(!check.on.is_empty(), "{} looks at nothing", check.id);
    }
    for check in checks::all() {
        for companion in check.companions {
            assert!(seen.contains(companion), "{}: no check {companion}", check.id);
            assert_ne!(*companion, check.id, "its own companion");
        }
    }
}

#[test]
fn every_check_has_its_page() {
    const SECTIONS: [&str; 8] = [
        "## Rule",
        "## Why",
        "## What the platform does",
        "## Source",
        "## Good",
        "## Bad",
        "## Usual cause",
        "## Proved by",
    ];
    let mut broken = Vec::new();
    for check in checks::all() {
        let mut say = |what: String| broken.push(format!("{}: {what}", check.id));
        let mut lines = check.docs.lines().filter(|line| !line.trim().is_empty());
        if lines.next() != Some(&format!("# {}", check.id)) {
            say("its page begins with another title".to_owned());
        }
        let head = format!("{} · since {}", check.level.name(), check.since);
        if lines.next() != Some(&head) {
            say(format!("the line below the title is not {head:?}"));
        }
        let sections: Vec<_> = SECTIONS
            .iter()
            .map(|section| check.docs.lines().position(|line| line.trim_end() == *section))
            .collect();
        for (section, at) in SECTIONS.iter().zip(&sections) {
            if at.is_none() {
                say(format!("no section {section:?}"));
            }
        }
        if !sections.is_sorted() {
            say("its sections are in another order".to_owned());
        }
        for name in check.companions.iter().chain([&check.proved_by]) {
            if !proof(check).contains(&format!("`{name}`")) {
                say(format!("`{name}` is not named below \"Proved by\""));
            }
        }
        for (nth, line) in check.docs.lines().enumerate() {
            if line.chars().count() > 80 {
                say(format!("line {} is longer than 80 columns", nth + 1));
            }
        }
        let file = format!("harness/src/checks/docs/{}.md", check.id);
        if !workspace().join(&file).is_file() {
            say("its page is in a file of another name".to_owned());
        }
    }
    assert_none_of(&broken, "every check has its page");
}

/// What a check's page says of its proof.
fn proof(check: &Check) -> &'static str {
    check.docs.split("## Proved by").nth(1).unwrap_or_default()
}

#[test]
fn every_page_has_its_check() {
    let pages = files().into_iter().filter(|file| file.starts_with("harness/src/checks/docs"));
    let orphans: Vec<_> = pages
        .filter_map(|page| Some(page.file_stem()?.to_str()?.to_owned()))
        .filter(|id| checks::find(id).is_none())
        .collect();
    assert_none_of(&orphans, "every page is that of a check");
}

#[test]
fn checks_and_faults_prove_each_other() {
    let of_images = |check: &&Check| check.on == checks::IMAGE;
    let proofs = |of: &dyn Fn(&&Check) -> bool| -> HashSet<_> {
        checks::all().filter(|check| of(check)).map(|check| check.proved_by).collect()
    };
    let of_checks = Fault::ALL.iter().filter(|fault| fault.kind() == Kind::Proof);
    let faults: HashSet<_> = of_checks.map(|fault| fault.name()).collect();
    let by_faults = proofs(&|check| !of_images(check));
    assert_none_of(&missing(&by_faults, &faults), "a proof is a fault that exists");
    assert_none_of(&missing(&faults, &by_faults), "a fault proves some check");
    let variants: HashSet<_> = VARIANTS.iter().map(|(name, _)| *name).collect();
    let by_variants = proofs(&of_images);
    assert_none_of(&missing(&by_variants, &variants), "a proof is a variant that exists");
    // One check may be proved in more than one way: its page names them all.
    let idle = variants.into_iter().filter(|name| {
        let named = |check: &Check| proof(check).contains(&format!("`{name}`"));
        !checks::all().filter(of_images).any(named) && !BAD_INPUT.contains(name)
    });
    let idle: Vec<_> = idle.map(str::to_owned).collect();
    assert_none_of(&idle, "a variant proves some check");
}

/// Variants that cannot be tested at all: they prove what touchdown says of them.
const BAD_INPUT: [&str; 3] = ["no-such-entrypoint", "ignores-arguments", "never-ends"];

fn missing(names: &HashSet<&str>, among: &HashSet<&str>) -> Vec<String> {
    let mut names: Vec<_> = names.difference(among).map(ToString::to_string).collect();
    names.sort_unstable();
    names
}
