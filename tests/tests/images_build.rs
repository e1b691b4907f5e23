//! The images that other tests use are what they say.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::path::Path;
use std::process::{Command, Output};

use acceptance::images;
use serde_json::Value;

fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

/// What the engine knows of an image.
fn inspected(image: &str) -> Value {
    let output = docker(&["image", "inspect", image]);
    let mut images: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    images.remove(0)
}

/// One launch without a network.
fn launched(image: &str, options: &[&str], command: &[&str]) -> Output {
    docker(&[&["run", "--rm", "--network=none"], options, &[image], command].concat())
}

fn spec(image: &str, options: &[&str]) -> Output {
    launched(image, options, &["spec"])
}

fn prints_its_spec(output: &Output) -> bool {
    let message: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    output.status.success() && message.is_some_and(|message| message["type"] == "SPEC")
}

fn works_online(image: &str) -> bool {
    prints_its_spec(&docker(&["run", "--rm", image, "spec"]))
}

fn has_shell(image: &str) -> bool {
    launched(image, &["--entrypoint=/bin/sh"], &["-c", "sleep 0"]).status.success()
}

/// The variable `AIRBYTE_ENTRYPOINT`, if it is set.
fn variable(about: &Value) -> Option<&str> {
    let set = about["Config"]["Env"].as_array()?;
    set.iter().find_map(|set| set.as_str()?.strip_prefix("AIRBYTE_ENTRYPOINT="))
}

/// ENTRYPOINT as one line.
fn entrypoint(about: &Value) -> String {
    let words = about["Config"]["Entrypoint"].as_array().unwrap();
    words.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// What holds for every image that breaks no rule: entrypoint, user, labels, spec, and a check of
/// the config in its labels, on a volume that is new.
fn assert_complete(image: &str) {
    let about = inspected(image);
    assert_eq!(variable(&about), Some(entrypoint(&about).as_str()));
    assert!(entrypoint(&about).starts_with('/'));
    assert_eq!(about["Config"]["User"], "1000:1000");
    let label = |name: &str| about["Config"]["Labels"][name].as_str().unwrap();
    assert_eq!(label("io.airbyte.version"), env!("CARGO_PKG_VERSION"));
    assert!(label("io.airbyte.name").starts_with("touchdown/"));
    assert_eq!(label("touchdown.volume"), "/local");
    assert!(label("touchdown.readback-once").starts_with('/'));
    let told = spec(image, &[]);
    assert!(prints_its_spec(&told), "{told:?}");

    for (config, status) in [("config", "SUCCEEDED"), ("unreachable-config", "FAILED")] {
        let config = label(&format!("touchdown.{config}"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(file.path(), readable).unwrap();
        let mount = format!("--volume={}:/config.json:ro", file.path().display());
        let options = ["--volume=/local", &mount];
        let checked = launched(image, &options, &["check", "--config", "/config.json"]);
        let told = String::from_utf8_lossy(&checked.stdout);
        assert!(told.contains(status), "{config}: {checked:?}");
    }
}

#[test]
fn the_reference_destination_is_an_image_of_one_file() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let image = images::reference();
    assert_complete(&image);
    assert!(!has_shell(&image));
    let about = inspected(&image);
    assert_eq!(about["Config"]["Labels"]["touchdown.io"], "attach");
    assert!(about["Size"].as_u64().unwrap() < 20_000_000, "{}", about["Size"]);
}

#[test]
fn both_dockerfiles_make_the_same_image() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let instructions = |name: &str| {
        let text = std::fs::read_to_string(top.join(name)).unwrap();
        let (_, last_stage) = text.rsplit_once("\nFROM scratch\n").unwrap();
        let (copies, others): (Vec<&str>, Vec<&str>) =
            last_stage.lines().partition(|line| line.starts_with("COPY"));
        (copies.len(), others.join("\n"))
    };
    assert_eq!(instructions("Dockerfile"), instructions("Dockerfile.from-source"));
}

#[test]
fn the_image_with_a_shell_has_one() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let image = images::with_shell();
    assert_complete(&image);
    assert!(has_shell(&image));
    assert!(inspected(&image)["Config"]["Labels"].get("touchdown.io").is_none());
}

#[test]
fn the_python_example_is_an_image() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let image = images::python();
    assert_complete(&image);
    assert!(has_shell(&image));
    assert!(inspected(&image)["Size"].as_u64().unwrap() < 700_000_000);
}

#[test]
fn each_variant_breaks_its_rule() {
    let Some(engine) = images::engine_or_skip() else { return };
    for (name, _) in images::VARIANTS {
        let image = images::variant(name);
        let about = inspected(&image);
        let entrypoint = entrypoint(&about);
        let same_program = variable(&about) == Some(entrypoint.as_str());
        let works = |options: &[&str]| prints_its_spec(&spec(&image, options));
        let broken = match *name {
            "no-entrypoint-variable" => variable(&about).is_none() && works(&[]),
            "entrypoint-differs" => !same_program && works(&[]),
            "entrypoint-relative" => same_program && works(&[]) && !works(&["--workdir=/"]),
            "no-shell" => {
                let labelled = about["Config"]["Labels"].get("touchdown.io").is_some();
                !labelled && !has_shell(&image) && works(&[])
            }
            "needs-root" => works(&[]) && !works(&["--user=1000:1000"]),
            "needs-pid1" => same_program && works(&[]) && !works(&["--init"]),
            "needs-network" => same_program && !works(&[]) && works_online(&image),
            "no-labels" => {
                let labels = about["Config"]["Labels"].as_object().unwrap();
                !labels.keys().any(|label| label.starts_with("io.airbyte.")) && works(&[])
            }
            "other-architecture" => {
                about["Architecture"] != engine.architecture.as_str()
                    && about["RootFS"] == inspected(&images::with_shell())["RootFS"]
            }
            "no-such-entrypoint" => same_program && spec(&image, &[]).status.code() == Some(127),
            "ignores-arguments" => same_program && spec(&image, &[]).stdout == b"Hello.\n",
            "never-ends" => same_program && goes_on(&image),
            _ => panic!("nothing says how {name} is to be told"),
        };
        assert!(broken, "{name} is not what it says: {:#}", about["Config"]);
    }
}

/// Whether a launch is there after a while.
fn goes_on(image: &str) -> bool {
    let started = docker(&["run", "--detach", "--rm", "--network=none", image, "spec"]);
    let container = String::from_utf8_lossy(&started.stdout).trim().to_owned();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let state = docker(&["container", "inspect", "--format={{.State.Running}}", &container]);
    docker(&["container", "rm", "--force", &container]);
    state.stdout == b"true\n"
}
