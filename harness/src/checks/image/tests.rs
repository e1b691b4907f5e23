use serde_json::json;

use crate::checks::{self, Verdict};
use crate::evidence::{Evidence, Facts, ImageFacts, Launch, Purpose, WayTried};
use crate::protocol::Operation;
use crate::testing::{assert_verdict, launch, under, write};
use crate::transcript::Condition;
use crate::transcript::Condition::{All, Elsewhere, Offline, OtherProcessOne, Unprivileged, Usual};

const SPEC: &str = r#"> {"type":"SPEC","spec":{"connectionSpecification":{}}}"#;

/// An image without fault, run as the platform does.
fn image() -> ImageFacts {
    ImageFacts {
        entrypoint: ["python", "/airbyte/main.py"].map(str::to_owned).into(),
        airbyte_entrypoint: Some("python /airbyte/main.py".to_owned()),
        labels: [("io.airbyte.name", "a/b"), ("io.airbyte.version", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        architectures: vec!["amd64".to_owned()],
        shell: Some(true),
        not_for_platform: None,
        ways: ways(&["platform: yes"]),
    }
}

/// `platform`, `attach`, each with `own` if it was the image's own directory, and whether it
/// answered.
fn ways(tried: &[&str]) -> Vec<WayTried> {
    let way = |text: &&str| WayTried {
        under_shell: text.starts_with("platform"),
        own_workdir: text.contains("own"),
        answered: text.ends_with("yes"),
        end: format!("the end of {text}"),
    };
    tried.iter().map(way).collect()
}

fn facts(image: ImageFacts) -> Facts {
    Facts { image: Some(image), spec: Some(json!({})), ..Facts::default() }
}

fn judge(id: &str, facts: &Facts, launches: Vec<Launch>) -> Verdict {
    let evidence = Evidence::new("image", Purpose::Image, launches);
    checks::find(id).unwrap().judge_trial(&evidence, facts).unwrap()
}

fn spec(condition: Condition, script: &str) -> Launch {
    under(condition, launch(Operation::Spec, script))
}

/// `spec` under all conditions was silent, and then under these alone.
fn silent_under(conditions: &[Condition]) -> Vec<Launch> {
    let single = [Elsewhere, Unprivileged, Offline, OtherProcessOne].map(|condition| {
        let silent = conditions.contains(&condition);
        spec(condition, if silent { "2> alone\n! exit 1" } else { SPEC })
    });
    [spec(All, "2> together\n! exit 1")].into_iter().chain(single).collect()
}

fn with_writes(launches: Vec<Launch>, writes: &[(Condition, &str)]) -> Vec<Launch> {
    let writes = writes.iter().map(|(condition, script)| under(*condition, write(script)));
    launches.into_iter().chain(writes).collect()
}

fn all_well() -> Vec<Launch> {
    with_writes(vec![spec(All, SPEC)], &[(Unprivileged, "")])
}

/// Asserts what the whole family says.
fn assert_family(image: ImageFacts, launches: impl Fn() -> Vec<Launch>, wanted: &[(&str, &str)]) {
    let facts = facts(image);
    for check in super::CHECKS {
        let wanted = wanted.iter().find(|(id, _)| *id == check.id).map_or("pass", |(_, w)| *w);
        assert_verdict(check.id, wanted, &judge(check.id, &facts, launches()));
    }
}

#[test]
fn an_image_without_fault_passes() {
    assert_family(image(), all_well, &[]);
}

#[test]
fn what_is_no_image_is_not_accused() {
    let facts = Facts { spec: Some(json!({})), ..Facts::default() };
    for check in super::CHECKS {
        let verdict = judge(check.id, &facts, silent_under(&[]));
        assert!(!matches!(verdict, Verdict::Fail(_)), "{}: {verdict:?}", check.id);
    }
}

#[test]
fn each_variant_fails_its_check_alone() {
    let no_variable = ImageFacts {
        airbyte_entrypoint: None,
        shell: None,
        ways: ways(&["attach: yes"]),
        ..image()
    };
    assert_family(
        no_variable,
        all_well,
        &[
            ("image-entrypoint-env", "fail: is not set"),
            ("image-no-shell", "inconclusive: AIRBYTE_ENTRYPOINT is not set"),
        ],
    );
    let differs = ImageFacts {
        airbyte_entrypoint: Some("/bin/echo".to_owned()),
        ways: ways(&["platform: no", "attach: yes"]),
        ..image()
    };
    let another = &[("image-entrypoint-env", "fail: another command")];
    assert_family(differs, all_well, another);
    let relative = ImageFacts {
        airbyte_entrypoint: Some("./destination".to_owned()),
        entrypoint: vec!["./destination".to_owned()],
        ways: ways(&["platform: no", "attach: no", "platform own: yes"]),
        ..image()
    };
    let silent = || with_writes(silent_under(&[Elsewhere]), &[(Unprivileged, "")]);
    assert_family(
        relative,
        silent,
        &[
            ("image-entrypoint-env", "fail: not absolute: \"./destination\""),
            ("image-needs-cwd", "fail: own working directory"),
        ],
    );
    let no_shell = ImageFacts { shell: Some(false), ways: ways(&["attach: yes"]), ..image() };
    assert_family(no_shell, all_well, &[("image-no-shell", "fail: no sh")]);
    let silent = || silent_under(&[Unprivileged]);
    assert_family(image(), silent, &[("image-needs-root", "fail: as 1000:1000")]);
    let needs_pid1 = ImageFacts { ways: ways(&["platform: no", "attach: yes"]), ..image() };
    let silent = || with_writes(silent_under(&[OtherProcessOne]), &[(Unprivileged, "")]);
    assert_family(
        needs_pid1,
        silent,
        &[
            ("image-not-pid1-safe", "fail: not process 1"),
            ("image-entrypoint-env", "inconclusive: see image-not-pid1-safe"),
        ],
    );
    let silent = || with_writes(silent_under(&[Offline]), &[(Unprivileged, "")]);
    assert_family(image(), silent, &[("image-runs-without-network", "fail: without a network")]);
    let unlabelled = ImageFacts { labels: [].into(), ..image() };
    assert_family(unlabelled, all_well, &[("image-labels", "fail: no label io.airbyte.name")]);
    let other = ImageFacts { architectures: vec!["arm64".to_owned()], ..image() };
    assert_family(other, all_well, &[("image-not-amd64", "fail: holds it for arm64 alone")]);
}

#[test]
fn entrypoints_are_compared_by_what_they_run() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("/destination", &["/destination"], "pass"),
        ("python '/a b/main.py'", &["python", "/a b/main.py"], "pass"),
        ("/usr/bin/python /main.py", &["python", "/main.py"], "pass"),
        ("python /main.py", &["/usr/bin/python", "/main.py"], "pass"),
        ("python /main.py", &["/usr/bin/tini", "--", "python", "/main.py"], "pass"),
        ("/prepare python /main.py", &["python", "/main.py"], "pass"),
        ("exec python /main.py", &["python", "/main.py"], "pass"),
        ("LANG=C.UTF-8 python /main.py", &["python", "/main.py"], "pass"),
        // Slashes that are no path of the working directory.
        ("java -cp=lib/a com/acme/Main", &["java", "-cp=lib/a", "com/acme/Main"], "pass"),
        ("/bin/a --log s3://b/c", &["/bin/a", "--log", "s3://b/c"], "pass"),
        ("python /main.py", &["python", "/other.py"], "fail: another command"),
        ("python3 /main.py", &["python", "/main.py"], "fail: another command"),
        ("/a/python /main.py", &["/b/python", "/main.py"], "fail: another command"),
        ("/destination", &[], "fail: another command"),
        ("/destination", &["/destination", "--quiet"], "fail: another command"),
        ("app/run", &["app/run"], "fail: \"app/run\""),
        // In shell form, so that `spec` never reaches the program.
        ("python /main.py", &["/bin/sh", "-c", "python /main.py"], "fail: another command"),
        (
            "java -jar /a.jar",
            &["sh", "-c", "java $O -jar /a.jar \"$@\"", "--"],
            "inconclusive: eye",
        ),
        ("cd /app && python main.py", &["/app/run"], "inconclusive: eye"),
        ("python '/main.py", &["python", "/main.py"], "inconclusive: eye"),
    ];
    for (variable, entrypoint, wanted) in cases {
        let image = ImageFacts {
            airbyte_entrypoint: Some((*variable).to_owned()),
            entrypoint: entrypoint.iter().map(ToString::to_string).collect(),
            ..image()
        };
        let verdict = judge("image-entrypoint-env", &facts(image), all_well());
        assert_verdict(&format!("image-entrypoint-env, {variable}"), wanted, &verdict);
    }
}

#[test]
fn the_entrypoint_has_to_work_as_the_platform_runs_it() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["platform: no", "attach: yes"], "fail: under sh", "pass"),
        (&["platform: no", "attach: no", "platform own: no", "attach own: yes"], "fail", "fail"),
        // Only the directory was to blame, and nothing in the variable.
        (&["platform: no", "attach: no", "platform own: yes"], "pass", "fail"),
        (&["platform: no", "platform own: yes"], "pass", "fail"),
        (&["attach: no", "attach own: yes"], "pass", "fail"),
        (&["attach own: yes"], "pass", "fail"),
        // It was not to be run under a shell, or there is none.
        (&["attach: yes"], "pass", "pass"),
    ];
    for (tried, entrypoint, directory) in cases {
        let facts = facts(ImageFacts { ways: ways(tried), ..image() });
        let verdict = judge("image-entrypoint-env", &facts, all_well());
        assert_verdict(&format!("image-entrypoint-env, {tried:?}"), entrypoint, &verdict);
        let verdict = judge("image-needs-cwd", &facts, all_well());
        assert_verdict(&format!("image-needs-cwd, {tried:?}"), directory, &verdict);
    }
    // A relative argument is none of ours until the directory matters.
    let relative = |tried: &[&str]| {
        let image = ImageFacts {
            entrypoint: ["python", "src/main.py"].map(str::to_owned).into(),
            airbyte_entrypoint: Some("python src/main.py".to_owned()),
            ways: ways(tried),
            ..image()
        };
        judge("image-entrypoint-env", &facts(image), all_well())
    };
    assert_verdict("it works", "pass", &relative(&["platform: yes"]));
    let verdict = relative(&["platform: no", "platform own: yes"]);
    assert_verdict("it does not", "fail: src/main.py", &verdict);
}

#[test]
fn who_is_not_for_the_platform_needs_no_shell_but_the_variable() {
    let attached = |shell, why: Option<&str>, variable: Option<&str>| {
        facts(ImageFacts {
            shell,
            not_for_platform: why.map(str::to_owned),
            airbyte_entrypoint: variable.map(str::to_owned),
            ways: ways(&["attach: yes"]),
            ..image()
        })
    };
    let variable = image().airbyte_entrypoint;
    let (variable, why) = (variable.as_deref(), Some("its label says attach"));
    for (facts, wanted) in [
        (attached(None, why, variable), "not applicable: its label says attach"),
        (attached(None, None, variable), "inconclusive: folders"),
        (attached(Some(false), None, variable), "fail"),
        (attached(Some(true), None, variable), "pass"),
    ] {
        assert_verdict("image-no-shell", wanted, &judge("image-no-shell", &facts, all_well()));
    }
    let none = judge("image-entrypoint-env", &attached(None, why, None), all_well());
    assert_verdict("image-entrypoint-env", "fail: is not set", &none);
}

#[test]
fn a_write_without_rights_is_held_against_one_as_usual() {
    let broken = "2> no\n! exit 1";
    let cases: &[(&[(Condition, &str)], &str)] = &[
        (&[], "inconclusive: give --config"),
        (&[(Unprivileged, "")], "pass"),
        (&[(Unprivileged, broken), (Usual, "")], "fail: a write failed"),
        (&[(Unprivileged, broken), (Usual, broken)], "inconclusive: as usual, too"),
        (&[(Unprivileged, broken)], "inconclusive: not tried as usual"),
        (&[(Unprivileged, "! interrupted")], "inconclusive"),
    ];
    for (writes, wanted) in cases {
        let launches = with_writes(vec![spec(All, SPEC)], writes);
        let verdict = judge("image-needs-root", &facts(image()), launches);
        assert_verdict(&format!("image-needs-root, {writes:?}"), wanted, &verdict);
    }
}

#[test]
fn a_finding_names_its_launch_and_how_it_ended() {
    let Verdict::Fail(findings) =
        judge("image-runs-without-network", &facts(image()), silent_under(&[Offline]))
    else {
        panic!("it passes");
    };
    assert_eq!(findings[0].launch, Some(3));
    assert_eq!(findings[0].evidence, r#"exit code 1, stderr ends: "alone""#);
}

#[test]
fn what_only_fails_together_breaks_no_rule_and_is_told() {
    let silent = || with_writes(silent_under(&[]), &[(Unprivileged, "")]);
    let told = &[("image-needs-root", "inconclusive: under each condition alone")];
    assert_family(image(), silent, told);
    // Without a write as well, but not in the place of a failure.
    let verdict = judge("image-needs-root", &facts(image()), silent_under(&[]));
    assert_verdict("image-needs-root", "inconclusive: under each condition alone", &verdict);
    let launches = with_writes(silent_under(&[]), &[(Unprivileged, "! exit 1"), (Usual, "")]);
    let verdict = judge("image-needs-root", &facts(image()), launches);
    assert_verdict("image-needs-root", "fail", &verdict);
}

#[test]
fn another_entrypoint_is_no_matter_of_process_one() {
    let differs = ImageFacts { airbyte_entrypoint: Some("/destination".to_owned()), ..image() };
    let verdict = judge("image-not-pid1-safe", &facts(differs), silent_under(&[OtherProcessOne]));
    assert_verdict("image-not-pid1-safe", "inconclusive: see image-entrypoint-env", &verdict);
    let verdict = judge("image-not-pid1-safe", &facts(image()), silent_under(&[OtherProcessOne]));
    assert_verdict("image-not-pid1-safe", "fail: as process 1", &verdict);
}

#[test]
fn what_was_not_seen_is_not_judged() {
    let unseen = ["image-needs-cwd", "image-needs-root", "image-not-pid1-safe"];
    let unseen = unseen.into_iter().chain(["image-runs-without-network"]);
    let no_spec = Facts { spec: None, ..facts(image()) };
    for id in unseen {
        for launches in [vec![], vec![spec(All, "! exit 1")], vec![spec(All, "! interrupted")]] {
            assert_verdict(id, "inconclusive: not seen", &judge(id, &facts(image()), launches));
        }
        let silent = silent_under(&[Elsewhere, Unprivileged, Offline, OtherProcessOne]);
        let verdict = judge(id, &no_spec, silent);
        assert_verdict(id, "inconclusive: see spec-missing", &verdict);
    }
}

#[test]
fn labels_and_architectures_are_read() {
    let label = |name: &str, version: &str| {
        let labels = [("io.airbyte.name", name), ("io.airbyte.version", version)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        judge("image-labels", &facts(ImageFacts { labels: labels.into(), ..image() }), vec![])
    };
    assert_verdict("image-labels", "pass", &label("a", "1"));
    assert_verdict("image-labels", "fail: io.airbyte.version is empty", &label("a", " "));
    assert_verdict("image-labels", "fail: io.airbyte.name is empty", &label("", ""));
    let made_for = |architectures: &[&str]| {
        let architectures = architectures.iter().map(ToString::to_string).collect();
        judge("image-not-amd64", &facts(ImageFacts { architectures, ..image() }), vec![])
    };
    assert_verdict("image-not-amd64", "pass", &made_for(&["amd64", "arm64"]));
    assert_verdict("image-not-amd64", "fail: arm64, s390x alone", &made_for(&["arm64", "s390x"]));
    assert_verdict("image-not-amd64", "inconclusive", &made_for(&[]));
}
