//! `spec`: that it answers, once, by itself and always alike, and that its answer holds together.

use serde_json::{Value, json};

use super::schema_walk::{Place, field, fragment, judge_spec, leads_to_property, walk};
use super::{Check, Finding, Judge, Level, SPEC, Verdict};
use crate::evidence::{Facts, Launch, Purpose};
use crate::protocol::json::{Numbers, equal, under};
use crate::protocol::message::Kind;
use crate::spec::{ROOT, as_draft_07};
use crate::transcript::Stop;

const HELD_OPEN: &[Purpose] = &[Purpose::SpecInputHeldOpen];

/// The checks on how `spec` answers, and on the answer as a whole.
pub const CHECKS: &[Check] = &[
    Check {
        id: "spec-missing",
        level: Level::Must,
        since: "0.1.0",
        summary: "spec prints a SPEC message",
        platform: "cannot register the connector: it reports that no spec came",
        docs: include_str!("docs/spec-missing.md"),
        proved_by: "spec-absent",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(missing),
    },
    Check {
        id: "spec-repeated",
        level: Level::Must,
        since: "0.1.0",
        summary: "spec prints no second SPEC message",
        platform: "takes one SPEC, and which one is not promised",
        docs: include_str!("docs/spec-repeated.md"),
        proved_by: "spec-twice",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(repeated),
    },
    Check {
        id: "spec-needs-input",
        level: Level::Must,
        since: "0.1.0",
        summary: "spec answers and ends without waiting for its input",
        platform: "writes nothing to spec, waits until its time limit, and does not register the \
                   connector",
        docs: include_str!("docs/spec-needs-input.md"),
        proved_by: "spec-reads-stdin",
        companions: &[],
        on: HELD_OPEN,
        judge: Judge::Launch(needs_input),
    },
    Check {
        id: "spec-not-deterministic",
        level: Level::Should,
        since: "0.1.0",
        summary: "two runs of spec print the same spec",
        platform: "keeps the spec of one run for all configurations; what another run said is \
                   never seen",
        docs: include_str!("docs/spec-not-deterministic.md"),
        proved_by: "spec-with-clock",
        companions: &[],
        on: HELD_OPEN,
        judge: Judge::Launch(not_deterministic),
    },
    Check {
        id: "spec-not-json-schema",
        level: Level::Must,
        since: "0.1.0",
        summary: "connectionSpecification is a JSON Schema, draft-07",
        platform: "can neither draw the form for the configuration nor validate what was entered",
        docs: include_str!("docs/spec-not-json-schema.md"),
        proved_by: "spec-misspelt-type",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(not_json_schema),
    },
    Check {
        id: "spec-protocol-version",
        level: Level::Should,
        since: "0.1.0",
        summary: "protocol_version, if given, is SemVer within 0.0.0-0.3.0",
        platform: "refuses a connector whose protocol version is outside the range that it \
                   supports",
        docs: include_str!("docs/spec-protocol-version.md"),
        proved_by: "spec-future-protocol",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(protocol_version),
    },
    Check {
        id: "spec-oauth-path",
        level: Level::Must,
        since: "0.1.0",
        summary: "the paths of advanced_auth point at properties that exist",
        platform: "stores the tokens of a login where the paths point, where the connector does \
                   not look",
        docs: include_str!("docs/spec-oauth-path.md"),
        proved_by: "spec-oauth-astray",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(oauth_path),
    },
];

fn interrupted(launch: &Launch) -> Option<Verdict> {
    (launch.transcript.end.stopped == Some(Stop::Interrupted))
        .then(|| Verdict::inconclusive("the run was interrupted before spec had ended"))
}

/// The lines with a SPEC, readable or not.
fn spec_lines(launch: &Launch) -> impl Iterator<Item = usize> {
    launch.messages().filter(|(_, message)| message.kind == Kind::Spec).map(|(at, _)| at)
}

fn missing(launch: &Launch, _: &Facts) -> Verdict {
    if launch.specs().next().is_some() {
        return Verdict::Pass;
    }
    if let Some(doubt) = interrupted(launch) {
        return doubt;
    }
    Verdict::Fail(vec![match spec_lines(launch).next() {
        Some(at) => Finding::on_stdout("a SPEC came whose `spec` holds nothing", launch, at),
        None => Finding::on_end("no SPEC came", launch),
    }])
}

fn repeated(launch: &Launch, _: &Facts) -> Verdict {
    let lines: Vec<_> = spec_lines(launch).collect();
    let Some((_, further)) = lines.split_first() else {
        return Verdict::inconclusive("no SPEC came");
    };
    let finding = |at: &usize| Finding::on_stdout("another SPEC came after the first", launch, *at);
    Verdict::from_findings(further.iter().map(finding).collect())
}

fn needs_input(launch: &Launch, facts: &Facts) -> Verdict {
    if let Some(doubt) = interrupted(launch) {
        return doubt;
    }
    if facts.spec.is_none() {
        return Verdict::inconclusive("spec printed nothing even with closed stdin");
    }
    let answered = launch.specs().next().is_some();
    let message = match (launch.transcript.end.stopped, answered) {
        (Some(Stop::TimeLimit(_)), false) => {
            "with its stdin held open, spec printed no SPEC and did not end: it waits for input"
        }
        (Some(Stop::TimeLimit(_)), true) => {
            "with its stdin held open, spec printed its SPEC and did not end"
        }
        (_, false) => "with its stdin held open, spec ended without a SPEC",
        (_, true) => return Verdict::Pass,
    };
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

fn not_deterministic(_: &Launch, facts: &Facts) -> Verdict {
    const SHOWN: usize = 5;
    let (first, second) = match (&facts.spec, &facts.spec_again) {
        (Some(first), Some(second)) => (first, second),
        (None, _) => return Verdict::inconclusive("no SPEC came from the first run of spec"),
        (_, None) => return Verdict::inconclusive("no SPEC came from the second run of spec"),
    };
    let mut pointers = Vec::new();
    differences(Some(first), Some(second), "", &mut pointers);
    if pointers.is_empty() {
        return Verdict::Pass;
    }
    let more = pointers.len().saturating_sub(SHOWN);
    let at = |spec: &Value, pointer: &str| {
        let found = spec.pointer(pointer);
        found.map_or("nothing".to_owned(), |v| super::shown(v.to_string().as_bytes()))
    };
    let findings = pointers.iter().take(SHOWN).map(|pointer| {
        let place = if pointer.is_empty() { "the whole spec" } else { pointer };
        Finding::new(
            format!("two runs of spec differ at {place}"),
            format!("{place}: first {}, then {}", at(first, pointer), at(second, pointer)),
        )
    });
    let rest = (more > 0).then(|| {
        Finding::new(
            format!("two runs of spec differ at {more} more places"),
            pointers[SHOWN..].join(", "),
        )
    });
    Verdict::Fail(findings.chain(rest).collect())
}

/// Collects the pointers at which two values differ; the order of keys carries no meaning, that
/// within arrays does.
fn differences(left: Option<&Value>, right: Option<&Value>, at: &str, into: &mut Vec<String>) {
    match (left, right) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let added = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(added) {
                differences(left.get(key), right.get(key), &under(at, key), into);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) if left.len() == right.len() => {
            for (nth, (left, right)) in left.iter().zip(right).enumerate() {
                differences(Some(left), Some(right), &format!("{at}/{nth}"), into);
            }
        }
        (Some(left), Some(right)) if equal(left, right, Numbers::ByValue) => {}
        _ => into.push(at.to_owned()),
    }
}

fn not_json_schema(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let Some(schema) = spec.get("connectionSpecification") else {
            return Verdict::Fail(vec![Finding::new(
                "the spec has no connectionSpecification",
                field(spec, "connectionSpecification"),
            )]);
        };
        if !schema.is_object() {
            return Verdict::Fail(vec![Finding::new(
                "connectionSpecification is not an object",
                fragment(ROOT, schema),
            )]);
        }
        let schema = as_draft_07(schema);
        let fault = match jsonschema::draft7::meta::validate(&schema) {
            Err(error) => {
                let path = error.instance_path().to_string();
                Some((refused_by_metaschema(&path, &error.to_string()), path))
            }
            // What the metaschema cannot see: a `$ref` to nowhere.
            Ok(()) => jsonschema::draft7::new(&schema).err().map(|error| {
                (
                    format!("it does not compile as draft-07: {error}"),
                    error.instance_path().to_string(),
                )
            }),
        };
        Verdict::from_findings(fault.map_or_else(Vec::new, |(why, path)| {
            let value = schema.pointer(&path).unwrap_or(&schema);
            let place = format!("{ROOT}{path}");
            let message = format!("connectionSpecification is no JSON Schema: {why}");
            let finding = Finding::new(message, fragment(&place, value));
            let right = value.as_str().filter(|_| path.ends_with("/type")).and_then(nearest_type);
            vec![match right {
                Some(right) => finding.mended(fragment(&place, &json!(right))),
                None => finding,
            }]
        }))
    })
}

/// The type that was meant by a word that is none.
fn nearest_type(word: &str) -> Option<&'static str> {
    const LIKE: f64 = 0.7;
    let types = ["array", "boolean", "integer", "null", "number", "object", "string"];
    let known = [("text", "string"), ("str", "string"), ("int", "integer"), ("float", "number")];
    let known = known.iter().find(|(other, _)| *other == word).map(|(_, right)| *right);
    let likeness = |kind: &&str| strsim::jaro_winkler(&word.to_ascii_lowercase(), kind);
    let nearest = types.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    known.or(nearest.filter(|kind| likeness(kind) > LIKE))
}

fn refused_by_metaschema(path: &str, error: &str) -> String {
    let mut steps = path.rsplit('/');
    let last = steps.next();
    // Below `properties` stands a name, not a keyword.
    match last.filter(|_| steps.next() != Some("properties")) {
        Some("type") => "`type` names something other than array, boolean, integer, null, number, \
                         object and string"
            .to_owned(),
        Some("pattern") => format!("{error}, as JavaScript and JSON Schema spell them"),
        _ => error.to_owned(),
    }
}

fn protocol_version(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let version = match spec.get("protocol_version") {
            None | Some(Value::Null) => {
                return Verdict::not_applicable("the spec gives no protocol_version");
            }
            Some(version) => version,
        };
        let message = match version.as_str().map(semver) {
            None => "protocol_version is not a string",
            Some(None) => "protocol_version is not a semantic version",
            Some(Some(core)) if core > (0, 3, 0) => {
                "protocol_version is beyond 0.3.0, the last version of the protocol"
            }
            Some(Some(_)) => return Verdict::Pass,
        };
        let finding = Finding::new(message, fragment("/protocol_version", version));
        Verdict::Fail(vec![finding.mended(fragment("/protocol_version", &json!("0.2.0")))])
    })
}

/// Major, minor and patch of a semantic version.
fn semver(text: &str) -> Option<(u64, u64, u64)> {
    let (rest, build) = text.split_once('+').map_or((text, None), |(v, b)| (v, Some(b)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(v, p)| (v, Some(p)));
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if [build, pre].into_iter().flatten().any(|labels| !labels.split('.').all(word)) {
        return None;
    }
    let mut numbers = core.split('.').map(|number| {
        let plain = number.bytes().all(|b| b.is_ascii_digit());
        let padded = number.len() > 1 && number.starts_with('0');
        if plain && !padded { number.parse::<u64>().ok() } else { None }
    });
    let core = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(core)
}

fn oauth_path(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let auth = match spec.get("advanced_auth") {
            None | Some(Value::Null) => {
                return Verdict::not_applicable("the spec declares no advanced_auth");
            }
            Some(auth) => auth,
        };
        let Some(schema) = spec.get("connectionSpecification").filter(|s| s.is_object()) else {
            return Verdict::inconclusive("connectionSpecification is not an object");
        };
        let paths = oauth_paths(auth);
        if paths.is_empty() {
            return Verdict::not_applicable("advanced_auth points at no property");
        }
        let findings = paths.into_iter().filter_map(|(pointer, path)| {
            let names = path
                .as_array()
                .and_then(|path| path.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
            let (message, right) = match names {
                None => ("the path is not a list of property names".to_owned(), None),
                Some(names) if leads_to_property(schema, &names) => return None,
                Some(names) => {
                    let message = format!("the path {} leads to no property", names.join(" > "));
                    (message, nearest_path(schema, &names))
                }
            };
            let finding = Finding::new(message, fragment(&pointer, path));
            Some(match right {
                Some(right) => finding.mended(fragment(&pointer, &json!(right))),
                None => finding,
            })
        });
        Verdict::from_findings(findings.collect())
    })
}

/// The path that is most like this one, of those that lead to a property.
fn nearest_path(schema: &Value, names: &[&str]) -> Option<Vec<String>> {
    const LIKE: f64 = 0.7;
    let text = names.join(" ");
    let paths = walk(schema, "").into_iter().filter_map(|site| {
        let Place::Property(_) = site.place else { return None };
        // A value is stored there, which is no object.
        if site.has("properties") || site.has("oneOf") {
            return None;
        }
        // `/properties/credentials/oneOf/0/properties/token`, of which the names are the path.
        let steps: Vec<&str> = site.pointer.split('/').skip(1).collect();
        let is_name =
            |nth: &usize| nth.checked_sub(1).is_some_and(|nth| steps[nth] == "properties");
        let names = (0..steps.len()).filter(is_name).map(|nth| steps[nth].to_owned());
        Some(names.collect::<Vec<_>>())
    });
    let likeness = |path: &Vec<String>| strsim::jaro_winkler(&text, &path.join(" "));
    let nearest = paths.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    nearest.filter(|path| likeness(path) > LIKE)
}

/// The paths into the configuration that `advanced_auth` holds, each with the pointer to it.
fn oauth_paths(auth: &Value) -> Vec<(String, &Value)> {
    const KEY: &str = "path_in_connector_config";
    let given = |value: &&Value| !value.is_null() && **value != json!([]);
    let mut paths = Vec::new();
    let predicate = auth.get("predicate_key").filter(given);
    paths.extend(predicate.map(|path| ("/advanced_auth/predicate_key".to_owned(), path)));
    let flows = auth.get("oauth_config_specification").and_then(Value::as_object);
    for (flow, schema) in flows.into_iter().flatten() {
        let pointer = under("/advanced_auth/oauth_config_specification", flow);
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let pointer = under(&under(&under(&pointer, "properties"), name), KEY);
            paths.extend(property.get(KEY).filter(given).map(|path| (pointer, path)));
        }
    }
    paths
}

#[cfg(test)]
mod tests;
