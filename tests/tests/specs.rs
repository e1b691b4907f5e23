//! What is done with specs by themselves: snapshots that are reviewed, changes that are refused, lint,
//! and the form.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Plain;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A connector that prints what is in a file, and the folder that it is tested in.
struct Connector {
    folder: TempDir,
}

impl Connector {
    fn new(spec: &Value) -> Self {
        let connector = Self { folder: TempDir::new().unwrap() };
        connector.prints(&[json!({"type": "SPEC", "spec": spec})]);
        connector
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prints(&self, messages: &[Value]) {
        let lines: Vec<_> = messages.iter().map(Value::to_string).collect();
        fs::write(self.path("printed.jsonl"), lines.join("\n") + "\n").unwrap();
    }

    /// Runs touchdown there; what it was given on stdin, its exit code, and what it printed.
    fn touchdown(&self, args: &[&str], input: &str, env: &[(&str, &str)]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("CI")
            .envs(env.iter().copied())
            .write_stdin(input)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let told = text(output.stdout) + &text(output.stderr);
        (output.status.code().unwrap(), told)
    }

    fn snapshot(&self, action: &str) -> (i32, String) {
        self.touchdown(&["snapshot", action], "", &[])
    }

    fn check(&self) -> (i32, String) {
        self.touchdown(&["snapshot", "check", "--", "cat", "printed.jsonl"], "", &[])
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

/// `cat` takes `spec` for one more file.
fn settled(connector: &Connector) {
    fs::write(connector.path("spec"), "").unwrap();
}

fn spec(properties: &Value, required: &[&str]) -> Value {
    json!({
        "documentationUrl": "https://docs.example.com/files",
        "connectionSpecification": {
            "title": "Files", "type": "object", "required": required, "properties": properties,
        },
        "supported_destination_sync_modes": ["append"],
    })
}

fn path_only() -> Value {
    spec(&json!({"path": {"type": "string", "title": "Path"}}), &["path"])
}

fn files() -> Connector {
    let connector = Connector::new(&path_only());
    settled(&connector);
    connector
}

#[test]
fn a_spec_is_reviewed_and_a_change_is_seen() {
    let files = files();
    let (code, told) = files.check();
    assert!(code == 1 && told.contains("has not been reviewed"), "{told}");
    assert!(files.has("snapshots/spec.snap.new") && !files.has("snapshots/spec.snap"));
    // What is no answer is asked for again; the end of the input leaves it as it is.
    let (code, told) = files.touchdown(&["snapshot", "review"], "what?\n", &[]);
    assert!(code == 0 && told.contains("spec  skipped"), "{told}");
    let (code, told) = files.touchdown(&["snapshot", "review"], "a\n", &[]);
    assert!(code == 0 && told.contains("spec  accepted"), "{told}");
    assert!(!files.has("snapshots/spec.snap.new") && files.has("snapshots/spec.snap"));
    let (code, told) = files.check();
    assert!(code == 0 && told.contains("as reviewed"), "{told}");
    let (code, told) = files.snapshot("review");
    assert!(code == 0 && told.contains("nothing to review"), "{told}");

    let titled = spec(&json!({"path": {"type": "string", "title": "Folder"}}), &["path"]);
    files.prints(&[json!({"type": "SPEC", "spec": titled})]);
    let (code, told) = files.check();
    for part in
        ["-         \"title\": \"Path\"", "+         \"title\": \"Folder\"", "cosmetic ", ": patch"]
    {
        assert!(code == 1 && told.contains(part), "{part}: {told}");
    }
    let (code, told) = files.snapshot("reject");
    assert!(code == 0 && told.contains("spec  rejected"), "{told}");
    assert!(!files.has("snapshots/spec.snap.new"));
    assert_eq!(files.check().0, 1);
    assert_eq!(files.touchdown(&["snapshot", "review", "--yes"], "", &[]).0, 0);
    assert_eq!(files.check().0, 0);
}

#[test]
fn what_breaks_stored_configs_is_refused_unless_it_is_meant() {
    let files = files();
    files.check();
    files.snapshot("accept");
    let before = fs::read_to_string(files.path("snapshots/spec.snap")).unwrap();
    let both = json!({"path": {"type": "string", "title": "Path"}, "level": {"type": "integer"}});
    let changed = spec(&both, &["path", "level"]);
    files.prints(&[json!({"type": "SPEC", "spec": changed})]);
    let (code, told) = files.check();
    for part in ["breaking ", "required-added", "rejected  {\"path\":\"\"}", ": major"] {
        assert!(code == 1 && told.contains(part), "{part}: {told}");
    }
    for refused in [&["snapshot", "accept"][..], &["snapshot", "review", "--yes"]] {
        let (code, told) = files.touchdown(refused, "", &[]);
        assert!(code == 1 && told.contains("refused"), "{told}");
        assert_eq!(fs::read_to_string(files.path("snapshots/spec.snap")).unwrap(), before);
    }
    // The same is told by a run, against the snapshot or against what was released.
    fs::write(files.path("released.json"), path_only().to_string()).unwrap();
    for given in [["--snapshots", "snapshots"], ["--against", "released.json"]] {
        let run = ["run", "--run", "spec-breaking-change", given[0], given[1], "--"];
        let run = [&run[..], &["cat", "printed.jsonl"]].concat();
        let (code, told) = files.touchdown(&run, "", &[]);
        assert!(code == 1 && told.contains("`level` is required"), "{told}");
    }
    let (code, told) = files.touchdown(&["snapshot", "accept", "--allow-breaking"], "", &[]);
    assert!(code == 0 && told.contains("spec  accepted"), "{told}");
    assert_eq!(files.check().0, 0);
}

#[test]
fn a_spec_to_compare_with_comes_from_a_file_or_a_command() {
    let files = files();
    let gone = spec(&json!({}), &[]);
    fs::write(files.path("gone.json"), gone.to_string()).unwrap();
    fs::write(files.path("gone.jsonl"), json!({"type": "SPEC", "spec": gone}).to_string()).unwrap();
    for against in ["gone.json", "gone.jsonl", "cat gone.jsonl"] {
        let check = ["snapshot", "check", "--against", against, "--", "cat", "printed.jsonl"];
        let (code, told) = files.touchdown(&check, "", &[]);
        assert!(code == 1 && told.contains("required-added"), "{against}: {told}");
    }
    for (against, wanted) in [
        ("none.json", "there is no such file"),
        ("no-such-program --at all", "the subject could not be run"),
        ("spec", "it is no JSON"),
    ] {
        let check = ["snapshot", "check", "--against", against, "--", "cat", "printed.jsonl"];
        let (code, told) = files.touchdown(&check, "", &[]);
        assert!(code == 2 && told.contains(wanted), "{against}: {told}");
    }
}

#[test]
fn in_ci_nothing_is_written_and_what_differs_fails() {
    let files = files();
    let ci = [("CI", "true")];
    let check = ["snapshot", "check", "--", "cat", "printed.jsonl"];
    let (code, told) = files.touchdown(&check, "", &ci);
    assert!(code == 1 && told.contains("has not been reviewed"), "{told}");
    assert!(!files.has("snapshots"));
    files.check();
    let (code, told) = files.touchdown(&["snapshot", "accept"], "", &ci);
    assert!(code == 1 && told.contains("left as it is: CI is set"), "{told}");
    assert!(files.has("snapshots/spec.snap.new"));
    files.snapshot("accept");
    assert_eq!(files.touchdown(&check, "", &ci).0, 0);
}

#[test]
fn what_is_no_spec_is_told_and_nothing_is_overwritten() {
    let files = files();
    files.check();
    files.snapshot("accept");
    let snap = files.path("snapshots/spec.snap");
    let good = fs::read_to_string(&snap).unwrap();
    let message = |spec: Value| json!({"type": "SPEC", "spec": spec});
    let other = json!({"documentationUrl": "https://docs.example.com/other",
        "connectionSpecification": {"title": "Other", "type": "object"}});
    let looped = spec(&json!({"a": {"$ref": "#/properties/a"}}), &[]);
    let untyped = spec(&json!({"a": {"type": "text"}}), &[]);
    for (printed, code, wanted) in [
        (
            vec![json!({"type": "LOG", "log": {"level": "INFO", "message": "x"}})],
            1,
            "no SPEC message",
        ),
        (vec![message(path_only()), message(path_only())], 1, "2 SPEC messages"),
        (vec![message(looped)], 1, "leads back to itself"),
        (vec![message(untyped)], 1, "it is no JSON Schema"),
        (
            vec![message(json!({"documentationUrl": "https://docs.example.com/files"}))],
            1,
            "no connectionSpecification",
        ),
        (vec![message(other)], 2, "a snapshot of another connector, Files"),
    ] {
        files.prints(&printed);
        let (ended, told) = files.check();
        assert!(ended == code && told.contains(wanted), "{wanted}: {ended} {told}");
        assert_eq!(told.matches("error:").count(), 1, "{told}");
        assert_eq!(fs::read_to_string(&snap).unwrap(), good);
        assert!(!files.has("snapshots/spec.snap.new"), "{wanted}");
    }
    files.prints(&[message(path_only())]);
    let edited = good.replace("\"title\": \"Path\"", "\"title\":\"Path\"");
    assert_ne!(edited, good);
    fs::write(&snap, &edited).unwrap();
    let (code, told) = files.check();
    assert!(code == 2 && told.contains("edited by hand"), "{told}");
    assert_eq!(fs::read_to_string(&snap).unwrap(), edited);
    // A file where a folder should be stands for a folder that cannot be written: root may write all.
    fs::write(files.path("full"), "").unwrap();
    let check = ["snapshot", "check", "--snapshots", "full/here", "--", "cat", "printed.jsonl"];
    let (code, told) = files.touchdown(&check, "", &[]);
    assert!(code == 2 && told.contains("full/here/spec.snap"), "{told}");
}

#[test]
fn answers_of_check_are_reviewed_too() {
    let folder = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"));
        command.args(args).current_dir(folder.path()).env_remove("CI");
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let check = ["snapshot", "check", "--reference", "--what", "spec,check"];
    let (code, told) = run(&check);
    assert!(code == 1 && told.contains("# the required property \"path\" is missing"), "{told}");
    assert!(told.contains("FAILED: The folder of path does not exist."), "{told}");
    assert_eq!(run(&["snapshot", "accept"]).0, 0);
    // Nothing in it is another the next time.
    assert_eq!(run(&check).0, 0);
    let (code, told) = run(&[&check[..], &["--env", "FAULT=check-skips-connection"]].concat());
    assert!(code == 1 && told.contains("- FAILED: "), "{told}");
}

#[test]
fn the_reference_prints_what_was_reviewed() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let snapshots = workspace.join("snapshots/reference");
    let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
        .args(["snapshot", "check", "--reference", "--snapshots"])
        .arg(snapshots)
        .env("CI", "true")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn insta_shows_the_same_pending_snapshot_and_takes_it() {
    let is_there = Plain::new("cargo").args(["insta", "--version"]).output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: cargo-insta is not installed (cargo install cargo-insta)");
        return;
    }
    let files = files();
    fs::create_dir(files.path("src")).unwrap();
    fs::write(files.path("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"connector\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    fs::write(files.path("Cargo.toml"), manifest).unwrap();
    files.check();
    let insta = |args: &[&str]| {
        let mut command = Plain::new("cargo");
        command.arg("insta").args(args).current_dir(files.folder.path()).env_remove("CI");
        let output = command.output().unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        told.into_owned()
    };
    let pending = insta(&["pending-snapshots"]);
    assert!(pending.contains("snapshots/spec.snap"), "{pending}");
    // Its review wants a terminal: one is made for it, and it is answered as by hand.
    let review = Plain::new("script")
        .args(["--quiet", "--return", "--command", "cargo insta review", "/dev/null"])
        .current_dir(files.folder.path())
        .env_remove("CI")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut review = review.unwrap();
    std::io::Write::write_all(&mut review.stdin.take().unwrap(), b"a").unwrap();
    let told = review.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("\"title\": \"Path\""), "{told}");
    assert!(files.has("snapshots/spec.snap") && !files.has("snapshots/spec.snap.new"), "{told}");
    // What it took is read by us again.
    let (code, told) = files.check();
    assert!(code == 0 && told.contains("as reviewed"), "{told}");
}

#[test]
fn lint_tells_where_what_and_what_would_be_right() {
    let files = files();
    let bad = spec(
        &json!({
            "api_key": {"type": "string", "title": "Key", "description": "It."},
            "x": {"title": "X", "description": "It.", "anyOf": [{"type": "string"}, {"type": "null"}]},
        }),
        &[],
    );
    fs::write(files.path("bad.json"), bad.to_string()).unwrap();
    // Rules of level `should` fail it only where that is asked for.
    assert_eq!(files.touchdown(&["lint-spec", "bad.json"], "", &[]).0, 0);
    let (code, told) = files.touchdown(&["lint-spec", "--strict", "bad.json"], "", &[]);
    assert_eq!(code, 1, "{told}");
    for part in [
        "evidence  bad.json: /connectionSpecification/properties/x/anyOf: [{\"type\":\"string\"},",
        "mended    /connectionSpecification/properties/x: {\"title\":\"X\",\"description\":\"It.\",\"type\":[\"string\",\"null\"]}",
        "mended    /connectionSpecification/properties/api_key: {\"type\":\"string\",\"title\":\"Key\",\"description\":\"It.\",\"airbyte_secret\":true}",
        "mended    /supportsIncremental: true",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // As it was printed, with a log before it.
    let lines =
        format!("{{\"type\":\"LOG\",\"log\":{{}}}}\n{}\n", json!({"type": "SPEC", "spec": bad}));
    fs::write(files.path("printed.jsonl"), lines).unwrap();
    let (code, again) = files.touchdown(&["lint-spec", "--strict", "printed.jsonl"], "", &[]);
    assert_eq!((code, again.replace("printed.jsonl", "bad.json")), (1, told));
    for name in ["database", "forty", "objects", "vectors", "warehouse"] {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/specs/{name}.json"));
        let (code, told) =
            files.touchdown(&["lint-spec", "--strict", file.to_str().unwrap()], "", &[]);
        assert_eq!(code, 0, "{told}");
    }
    for (file, text, wanted) in [
        ("none.json", None, "No such file"),
        ("cut.json", Some("{\"a\":"), "it is no JSON"),
        ("list.json", Some("[]"), "no connectionSpecification"),
    ] {
        if let Some(text) = text {
            fs::write(files.path(file), text).unwrap();
        }
        let (code, told) = files.touchdown(&["lint-spec", file], "", &[]);
        assert!(code == 2 && told.contains(wanted), "{told}");
    }
}

/// Headless Chromium, where it is installed.
fn chromium(page: &Path, flags: &[&str]) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let name = names.into_iter().find(|name| Plain::new(name).arg("--version").output().is_ok());
    let Some(name) = name else {
        eprintln!("SKIPPED: Chromium is not installed, and no form was looked at");
        return None;
    };
    let output = Plain::new(name)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,1600"])
        .args(flags)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a script that runs in the page leaves as its title.
fn seen(page: &Path, script: &str) -> Option<String> {
    let text = fs::read_to_string(page).unwrap();
    let probe = page.with_extension("probe.html");
    let script = format!("<script>{script}; document.title = told.join(' ');</script></body>");
    fs::write(&probe, text.replace("</body>", &script)).unwrap();
    let shown = chromium(&probe, &["--dump-dom"])?;
    let (_, rest) = shown.split_once("<title>").unwrap();
    Some(rest.split_once("</title>").unwrap().0.to_owned())
}

#[test]
fn the_form_shows_its_fields_and_one_variant_at_a_time() {
    let files = files();
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/specs");
    let make = |name: &str| {
        let (spec, page) = (specs.join(format!("{name}.json")), format!("{name}.html"));
        let args = ["spec", "--spec", spec.to_str().unwrap(), "--html", &page];
        let (code, told) = files.touchdown(&args, "", &[]);
        assert_eq!(code, 0, "{told}");
        files.path(&page)
    };
    let page = make("database");
    let text = fs::read_to_string(&page).unwrap();
    assert!(!text.contains("src=") && !text.contains("<link"), "it needs something else");
    let script = "
        const told = [];
        const visible = () =>
            [...document.querySelectorAll('[data-path]')].filter(e => e.checkVisibility());
        const controls = () => visible().filter(e => e.matches('input, select, textarea'));
        told.push(controls().length, visible().filter(e => e.matches('fieldset')).length);
        told.push(controls().filter(e => e.type === 'password').length);
        const chooser = document.querySelector('[data-path=\"/tunnel_method\"] > .chooser');
        chooser.value = '1';
        chooser.dispatchEvent(new Event('change'));
        told.push(controls().length);
        told.push(...controls().map(e => e.dataset.path).filter(p => p.startsWith('/tunnel')));
        chooser.value = '0';
        chooser.dispatchEvent(new Event('change'));
        told.push(controls().length)";
    let Some(told) = seen(&page, script) else { return };
    let tunnel = "/tunnel_method/tunnel_host /tunnel_method/tunnel_port /tunnel_method/tunnel_user \
                  /tunnel_method/ssh_key";
    assert_eq!(told, format!("8 2 1 12 {tunnel} 8"));
    // Forty settings are forty fields; lists hold one that stands for all.
    let page = make("forty");
    let script = "
        const told = [...document.querySelectorAll('[data-path]')]
            .map(e => e.dataset.path.split('/')[1])
            .filter((name, nth, all) => all.indexOf(name) === nth);
        told.splice(0, told.length, told.length)";
    assert_eq!(seen(&page, script).unwrap(), "40");
    let picture = files.path("forty.png");
    let flag = format!("--screenshot={}", picture.display());
    chromium(&page, &[&flag]).unwrap();
    let bytes = fs::read(picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000, "{} bytes", bytes.len());
}

#[test]
fn a_form_that_cannot_be_made_or_written_is_told() {
    let files = files();
    fs::write(files.path("looped.json"), spec(&json!({"a": {"$ref": "#"}}), &[]).to_string())
        .unwrap();
    for (args, wanted) in [
        (["spec", "--spec", "looped.json", "--html", "x.html"], "leads back to itself"),
        (["spec", "--spec", "none.json", "--html", "x.html"], "No such file"),
    ] {
        let (code, told) = files.touchdown(&args, "", &[]);
        assert!(code == 2 && told.contains(wanted), "{told}");
    }
    assert!(!files.has("x.html"));
    let (code, told) = files.touchdown(
        &["spec", "--html", "no/such/folder.html", "--", "cat", "printed.jsonl"],
        "",
        &[],
    );
    assert!(code == 2 && told.contains("--html no/such/folder.html"), "{told}");
    let (code, told) = files.touchdown(&["spec", "--", "cat", "printed.jsonl"], "", &[]);
    assert!(code == 0 && told.starts_with("{\n  \"connectionSpecification\""), "{told}");
}
