//! The spec's content: what the platform, its form and its users read in it.

mod secret;

use serde_json::{Value, json};

use super::schema_walk::{Place, Site, field, fragment, judge_schemas, judge_spec, verdict, walk};
use super::{Check, Finding, Judge, Level, SPEC, Verdict};
use crate::evidence::{Facts, Launch};
use crate::protocol::json::{Numbers, equal, under};
use crate::spec::folded::apart_from_null;
use crate::spec::{ROOT, as_draft_07};

/// The checks on what the spec says.
pub const CHECKS: &[Check] = &[
    Check {
        id: "spec-secret-unmarked",
        level: Level::Should,
        since: "0.1.0",
        summary: "what holds a secret, and nothing else, carries airbyte_secret: true",
        platform: "stores an unmarked secret as plain text, and shows it in the form and through \
                   its API",
        docs: include_str!("docs/spec-secret-unmarked.md"),
        proved_by: "spec-unmarked-secret",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(secret_unmarked),
    },
    Check {
        id: "spec-date-without-pattern",
        level: Level::Advice,
        since: "0.1.0",
        summary: "a date has a format and a pattern",
        platform: "shows a date picker for the format and checks typed text by the pattern: users \
                   get half of that",
        docs: include_str!("docs/spec-date-without-pattern.md"),
        proved_by: "spec-date-unpatterned",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(date_without_pattern),
    },
    Check {
        id: "spec-no-documentation-url",
        level: Level::Should,
        since: "0.1.0",
        summary: "documentationUrl is there and is an absolute URI",
        platform: "has no setup guide to show beside the form",
        docs: include_str!("docs/spec-no-documentation-url.md"),
        proved_by: "spec-undocumented",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(no_documentation_url),
    },
    Check {
        id: "spec-no-sync-modes",
        level: Level::Must,
        since: "0.1.0",
        summary: "supported_destination_sync_modes lists sync modes, each once",
        platform: "offers a connection only the modes that the list names: without it, none",
        docs: include_str!("docs/spec-no-sync-modes.md"),
        proved_by: "spec-modes-missing",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(no_sync_modes),
    },
    Check {
        id: "spec-incremental-flag",
        level: Level::Should,
        since: "0.1.0",
        summary: "supportsIncremental is true where append or append_dedup is offered",
        platform: "offers full refreshes only where it goes by the flag, although the destination \
                   can append",
        docs: include_str!("docs/spec-incremental-flag.md"),
        proved_by: "spec-incremental-unsaid",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(incremental_flag),
    },
    Check {
        id: "spec-normalization-without-dbt",
        level: Level::Should,
        since: "0.1.0",
        summary: "supportsNormalization implies supportsDBT",
        platform: "where it still normalizes, starts dbt on a destination that says that it has \
                   none",
        docs: include_str!("docs/spec-normalization-without-dbt.md"),
        proved_by: "spec-normalization-alone",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(normalization_without_dbt),
    },
    Check {
        id: "spec-property-untitled",
        level: Level::Advice,
        since: "0.1.0",
        summary: "each property has a title, a description and an order of its own",
        platform: "labels the field with its bare key, explains nothing, and shuffles fields of \
                   the same order",
        docs: include_str!("docs/spec-property-untitled.md"),
        proved_by: "spec-untitled-property",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(property_untitled),
    },
    Check {
        id: "spec-example-rejected",
        level: Level::Should,
        since: "0.1.0",
        summary: "examples and defaults validate against their own property",
        platform: "fills the form with the default and shows the examples, and then calls them \
                   invalid",
        docs: include_str!("docs/spec-example-rejected.md"),
        proved_by: "spec-bad-example",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(example_rejected),
    },
];

fn secret_unmarked(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let mut subjects = 0;
        let mut findings = Vec::new();
        for site in sites.iter().filter(|site| !site.apart) {
            let marked = site.get("airbyte_secret");
            if marked == Some(&Value::Bool(true)) {
                subjects += 1;
                if let Some(what) = no_secret(site) {
                    let message = format!("{what} is marked as a secret");
                    findings.push(site.mended(message, &site.without("airbyte_secret")));
                }
                continue;
            }
            let Place::Property(name) = site.place else {
                continue;
            };
            if secret::names_a_secret(name) && is_free_text(site) {
                subjects += 1;
                let message = match marked {
                    Some(other) if *other != false => {
                        format!("`{name}` looks like a secret, and airbyte_secret is not true")
                    }
                    _ => format!("`{name}` looks like a secret and is not marked as one"),
                };
                findings.push(site.mended(message, &site.with("airbyte_secret", true)));
            }
        }
        let none = "no property of the spec looks like a secret or is marked as one";
        verdict(subjects, none, findings)
    })
}

/// What a schema describes, if that cannot be a secret.
fn no_secret(site: &Site) -> Option<&'static str> {
    if site.has("const") {
        return Some("a constant");
    }
    let types: Vec<&str> = site.types().collect();
    if types.iter().any(|kind| ["string", "integer", "number"].contains(kind)) {
        return None;
    }
    match types.iter().find(|kind| **kind != "null") {
        Some(&"boolean") => Some("a boolean"),
        Some(&"array") => Some("an array"),
        Some(_) => Some("an object"),
        None if !types.is_empty() => Some("null"),
        None if site.has("properties") || site.has("oneOf") => Some("an object"),
        None => None,
    }
}

/// Whether any text can be entered: a string that is no choice, no constant and no address.
fn is_free_text(site: &Site) -> bool {
    let bound = ["const", "enum", "oneOf", "anyOf", "allOf", "properties", "items", "$ref"];
    let address = ["uri", "url", "uri-reference", "date", "date-time"];
    let folded = apart_from_null(site.schema).map(|(only, _)| only);
    let schema = folded.as_ref().and_then(Value::as_object).unwrap_or(site.schema);
    let is_text = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        Some(kind) => kind == "string",
        None => true,
    };
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    is_text
        // Marked within is marked.
        && schema.get("airbyte_secret") != Some(&Value::Bool(true))
        && !bound.iter().any(|keyword| schema.contains_key(*keyword))
        && !address.contains(&format)
}

const DATE_PATTERN: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}";
const TIME_PATTERN: &str = "T[0-9]{2}:[0-9]{2}:[0-9]{2}Z";

fn date_without_pattern(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let mut subjects = 0;
        let mut findings = Vec::new();
        for site in sites.iter().filter(|site| !site.apart) {
            let [format, pattern] =
                ["format", "pattern"].map(|keyword| site.get(keyword).and_then(Value::as_str));
            let by_format = matches!(format, Some("date" | "date-time"));
            let by_pattern = pattern.is_some_and(is_date_pattern);
            if !by_format && !by_pattern {
                continue;
            }
            subjects += 1;
            if pattern.is_none() {
                let time = if format == Some("date") { "" } else { TIME_PATTERN };
                let right = site.with("pattern", format!("{DATE_PATTERN}{time}$"));
                findings.push(site.mended("a date has a format and no pattern", &right));
            } else if !by_format {
                let has_time = pattern.is_some_and(|pattern| pattern.contains('T'));
                let right = site.with("format", if has_time { "date-time" } else { "date" });
                findings.push(site.mended(
                    "a pattern describes a date, and the format is neither date nor date-time",
                    &right,
                ));
            }
        }
        verdict(subjects, "the spec has no date", findings)
    })
}

/// Whether a pattern is that of a date, alone or with a time.
fn is_date_pattern(pattern: &str) -> bool {
    let plain = pattern.replace("\\d", "[0-9]").replace("\\-", "-");
    let body = plain.trim_start_matches('^');
    let dates = ["[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{2}-[0-9]{2}-[0-9]{4}"];
    let ends = ["$", "T", "(T", "(?:T", "[T", " [0-9]"];
    dates
        .iter()
        .filter_map(|date| body.strip_prefix(date))
        .any(|rest| rest.is_empty() || ends.iter().any(|end| rest.starts_with(end)))
}

fn no_documentation_url(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let message = match spec.get("documentationUrl") {
            None | Some(Value::Null) => "the spec has no documentationUrl",
            Some(Value::String(url)) if is_absolute_uri(url) => return Verdict::Pass,
            Some(_) => "documentationUrl is not an absolute URI",
        };
        let right = json!("https://docs.airbyte.com/integrations/destinations/<name>");
        let finding = Finding::new(message, field(spec, "documentationUrl"));
        Verdict::Fail(vec![finding.mended(fragment("/documentationUrl", &right))])
    })
}

fn is_absolute_uri(text: &str) -> bool {
    let is_uri = jsonschema::draft7::new(&json!({"type": "string", "format": "uri"}))
        .is_ok_and(|uri| uri.is_valid(&Value::from(text)));
    // `https://` alone is a URI, and leads nowhere.
    is_uri && text.split_once(':').is_some_and(|(_, rest)| !rest.trim_matches('/').is_empty())
}

const MODES: &str = "supported_destination_sync_modes";

fn no_sync_modes(launch: &Launch, facts: &Facts) -> Verdict {
    const KNOWN: [&str; 5] = ["append", "overwrite", "append_dedup", "update", "soft_delete"];
    judge_spec(launch, facts, |spec| {
        let whole = spec.get(MODES).unwrap_or(&Value::Null);
        let pointer = under("", MODES);
        let on_all = |message: &str| {
            let right = fragment(&pointer, &json!(["append", "overwrite"]));
            Verdict::Fail(vec![Finding::new(message, field(spec, MODES)).mended(right)])
        };
        let listed = match whole {
            Value::Null => return on_all("the spec has no supported_destination_sync_modes"),
            Value::Array(listed) if listed.is_empty() => return on_all("no sync mode is listed"),
            Value::Array(listed) => listed,
            _ => return on_all("supported_destination_sync_modes is not a list"),
        };
        let findings = listed.iter().enumerate().filter_map(|(nth, mode)| {
            let message = if !KNOWN.iter().any(|known| mode == known) {
                format!("{mode} is no destination sync mode")
            } else if listed[..nth].contains(mode) {
                format!("{mode} is listed more than once")
            } else {
                return None;
            };
            let mut right: Vec<&Value> = Vec::new();
            for mode in listed.iter().filter(|mode| KNOWN.iter().any(|known| mode == known)) {
                if !right.contains(&mode) {
                    right.push(mode);
                }
            }
            let finding = Finding::new(message, fragment(&format!("{pointer}/{nth}"), mode));
            Some(finding.mended(fragment(&pointer, &json!(right))))
        });
        Verdict::from_findings(findings.collect())
    })
}

fn incremental_flag(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let modes = spec.get(MODES).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if !modes.iter().any(|mode| mode == "append" || mode == "append_dedup") {
            return Verdict::not_applicable("the spec offers neither append nor append_dedup");
        }
        flag_is_true(spec, "supportsIncremental", "append or append_dedup is offered")
    })
}

fn normalization_without_dbt(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        if spec.get("supportsNormalization") != Some(&Value::Bool(true)) {
            return Verdict::not_applicable("the spec does not claim supportsNormalization");
        }
        flag_is_true(spec, "supportsDBT", "supportsNormalization is true")
    })
}

fn flag_is_true(spec: &Value, flag: &str, because: &str) -> Verdict {
    let is = match spec.get(flag) {
        Some(Value::Bool(true)) => return Verdict::Pass,
        Some(Value::Null) | None => "is missing",
        Some(_) => "is not true",
    };
    let message = format!("{because}, and {flag} {is}");
    let right = fragment(&under("", flag), &json!(true));
    Verdict::Fail(vec![Finding::new(message, field(spec, flag)).mended(right)])
}

fn property_untitled(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let mut subjects = 0;
        let mut findings = Vec::new();
        for site in sites.iter().filter(|site| !site.apart) {
            if let Place::Property(name) = site.place
                && is_shown(site)
            {
                subjects += 1;
                let lacking: Vec<_> = ["title", "description"]
                    .into_iter()
                    .filter(|keyword| {
                        site.get(keyword)
                            .and_then(Value::as_str)
                            .is_none_or(|t| t.trim().is_empty())
                    })
                    .collect();
                if !lacking.is_empty() {
                    let words = lacking.join(" and no ");
                    let mut right = site.schema.clone();
                    for keyword in lacking {
                        let text = match keyword {
                            "title" => titled(name),
                            _ => "What it is for, in a sentence.".to_owned(),
                        };
                        right.insert(keyword.to_owned(), json!(text));
                    }
                    let right = Value::Object(right);
                    findings.push(site.mended(format!("`{name}` has no {words}"), &right));
                }
            }
            findings.extend(same_order(site));
        }
        verdict(subjects, "the spec has no property that is shown", findings)
    })
}

/// A name as a title: `batch_size` is `Batch Size`.
fn titled(name: &str) -> String {
    let words = name.split(['_', '-', ' ']).filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect::<String>()
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a property has a field of its own in the form: what tells variants apart has none.
fn is_shown(site: &Site) -> bool {
    let one_choice = site.get("enum").and_then(Value::as_array).is_some_and(|all| all.len() == 1);
    !site.has("const") && !one_choice && site.get("airbyte_hidden") != Some(&Value::Bool(true))
}

/// Properties of the same group that stand in the same place.
fn same_order(site: &Site) -> Vec<Finding> {
    let mut seen: Vec<(&Value, Option<&Value>, &String)> = Vec::new();
    let mut findings = Vec::new();
    for (name, property) in site.properties() {
        let Some(own) = walk(property, "").into_iter().next().filter(is_shown) else {
            continue;
        };
        let (Some(order), group) = (own.get("order"), own.get("group")) else {
            continue;
        };
        let before = seen.iter().find(|(other, other_group, _)| {
            equal(other, order, Numbers::ByValue) && *other_group == group
        });
        if let Some((_, _, other)) = before {
            let pointer = under(&under(&under(&site.pointer, "properties"), name), "order");
            let orders = site.properties().filter_map(|(_, property)| property["order"].as_i64());
            let right = json!(orders.max().unwrap_or(0) + 1);
            let message = format!("`{name}` has the same order as `{other}`");
            let finding = Finding::new(message, fragment(&pointer, order));
            findings.push(finding.mended(fragment(&pointer, &right)));
        }
        seen.push((order, group, name));
    }
    findings
}

fn example_rejected(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let Some(root) = sites.first() else {
            return Verdict::inconclusive("connectionSpecification is not an object");
        };
        let root = as_draft_07(&Value::Object(root.schema.clone()));
        let mut subjects = 0;
        let mut findings = Vec::new();
        for site in sites.iter().filter(|site| !site.apart) {
            let given = given_values(site);
            if given.is_empty() {
                continue;
            }
            subjects += given.len();
            let Some(validator) = validator(&root, site) else {
                return Verdict::inconclusive(
                    "connectionSpecification does not compile, so that nothing can be held \
                     against it",
                );
            };
            for (keyword, pointer, value) in given {
                if let Err(error) = validator.validate(value) {
                    let why = format!("{keyword} is rejected by its own property: {error}");
                    let finding = Finding::new(why, fragment(&pointer, value));
                    findings.push(match suited(site, value, &validator) {
                        Some(right) => finding.mended(fragment(&pointer, &right)),
                        None => finding.mended(format!("{pointer}: leave it out")),
                    });
                }
            }
        }
        verdict(subjects, "the spec has neither examples nor defaults", findings)
    })
}

/// The value as the type that its schema wants, if that makes it fit.
fn suited(site: &Site, value: &Value, validator: &jsonschema::Validator) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    let parsed = serde_json::from_str(&text).ok();
    let listed = site.is("array").then(|| json!([value]));
    let mut all = [Some(json!(text)), parsed, listed].into_iter().flatten();
    all.find(|right| validator.is_valid(right))
}

/// The examples and the default of a schema, each with its name and the pointer to it.
fn given_values<'a>(site: &Site<'a>) -> Vec<(&'static str, String, &'a Value)> {
    let examples = site.get("examples").and_then(Value::as_array).into_iter().flatten();
    let pointer = under(&site.pointer, "examples");
    let examples =
        examples.enumerate().map(|(nth, v)| ("an example", format!("{pointer}/{nth}"), v));
    let default = site.get("default");
    examples.chain(default.map(|v| ("the default", under(&site.pointer, "default"), v))).collect()
}

/// A validator of the schema at a site, with the root around it for what it refers to.
fn validator(root: &Value, site: &Site) -> Option<jsonschema::Validator> {
    let mut schema = root.clone();
    let path = site.pointer.strip_prefix(ROOT)?;
    if !path.is_empty() {
        // In draft-07 a `$ref` silences its neighbours.
        schema.as_object_mut()?.insert("$ref".to_owned(), Value::from(reference(path)));
    }
    // Formats are not judged: Airbyte's own date pattern and `date-time` cannot both be kept.
    jsonschema::draft7::options().should_validate_formats(false).build(&schema).ok()
}

/// A JSON pointer as the fragment of a URI.
fn reference(pointer: &str) -> String {
    use std::fmt::Write;
    let mut reference = String::from("#");
    for byte in pointer.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            reference.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(reference, "%{byte:02X}");
        }
    }
    reference
}

#[cfg(test)]
mod tests;
