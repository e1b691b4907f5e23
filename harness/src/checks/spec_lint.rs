//! The spec's schema: what Airbyte's own acceptance tests ask of it, so that the form can show it.

use super::schema_walk::{Place, Site, fragment, judge_schemas, judge_spec, verdict, walk};
use super::{Check, Finding, Judge, Level, SPEC, Verdict};
use crate::evidence::{Facts, Launch};
use crate::protocol::json::{Numbers, equal, under};
use crate::spec::ROOT;
use crate::spec::folded::{apart_from_null, merged, or_null};
use crate::spec::refs::{TOLD, pointed};
use serde_json::{Map, Value, json};

/// The checks on the form of `connectionSpecification`.
pub const CHECKS: &[Check] = &[
    Check {
        id: "spec-root-not-object",
        level: Level::Must,
        since: "0.1.0",
        summary: "the root of connectionSpecification has the type object",
        platform: "draws no form, and its validation takes any value for a configuration",
        docs: include_str!("docs/spec-root-not-object.md"),
        proved_by: "spec-root-untyped",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(root_not_object),
    },
    Check {
        id: "spec-unresolved-ref",
        level: Level::Should,
        since: "0.1.0",
        summary: "no $ref is left in the spec",
        platform: "shows no input for what the reference stands for, and may miss a secret behind \
                   it",
        docs: include_str!("docs/spec-unresolved-ref.md"),
        proved_by: "spec-with-ref",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(unresolved_ref),
    },
    Check {
        id: "spec-forbidden-keyword",
        level: Level::Should,
        since: "0.1.0",
        summary: "the schema uses no keyword that the form cannot show",
        platform: "validates by the keyword, while its form knows nothing of it",
        docs: include_str!("docs/spec-forbidden-keyword.md"),
        proved_by: "spec-any-of",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(forbidden_keyword),
    },
    Check {
        id: "spec-one-of-shape",
        level: Level::Should,
        since: "0.1.0",
        summary: "the variants of each oneOf are told apart by one constant property",
        platform: "cannot tell which variant a stored configuration is: its form shows the wrong \
                   one, or none",
        docs: include_str!("docs/spec-one-of-shape.md"),
        proved_by: "spec-one-of-without-const",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(one_of_shape),
    },
    Check {
        id: "spec-type-list",
        level: Level::Should,
        since: "0.1.0",
        summary: "a list of types holds one type, or one type and null",
        platform: "shows an input for one of the types; values of the others cannot be entered",
        docs: include_str!("docs/spec-type-list.md"),
        proved_by: "spec-two-types",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(type_list),
    },
    Check {
        id: "spec-empty-object",
        level: Level::Should,
        since: "0.1.0",
        summary: "an object below the root has properties or oneOf",
        platform: "shows an empty group in the form: nothing can be entered",
        docs: include_str!("docs/spec-empty-object.md"),
        proved_by: "spec-bare-object",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(empty_object),
    },
    Check {
        id: "spec-array-items",
        level: Level::Should,
        since: "0.1.0",
        summary: "an array's items are one schema of a scalar or object type, or an enum",
        platform: "has no input for the items in its form: the list stays empty",
        docs: include_str!("docs/spec-array-items.md"),
        proved_by: "spec-untyped-items",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(array_items),
    },
    Check {
        id: "spec-enum-repeats",
        level: Level::Should,
        since: "0.1.0",
        summary: "the values of an enum are distinct",
        platform: "offers the same choice twice in its form",
        docs: include_str!("docs/spec-enum-repeats.md"),
        proved_by: "spec-repeated-enum",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(enum_repeats),
    },
    Check {
        id: "spec-additional-properties-false",
        level: Level::Should,
        since: "0.1.0",
        summary: "additionalProperties, if given, is true",
        platform: "rejects stored configurations that still hold a property once the spec drops it",
        docs: include_str!("docs/spec-additional-properties-false.md"),
        proved_by: "spec-closed-properties",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(additional_properties_false),
    },
];

/// Keywords that the form cannot show.
const FORBIDDEN: &[&str] = &[
    "not",
    "anyOf",
    "allOf",
    "if",
    "then",
    "else",
    "patternProperties",
    "prefixItems",
    "dependentSchemas",
    "dependentRequired",
];

/// The schemas that are shown, which those set apart for a `$ref` are not.
fn shown<'s, 'a>(sites: &'s [Site<'a>]) -> impl Iterator<Item = &'s Site<'a>> {
    sites.iter().filter(|site| !site.apart)
}

fn root_not_object(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let findings = sites.iter().take(1).filter_map(|root| match root.get("type") {
            Some(Value::String(kind)) if kind == "object" => None,
            Some(_) => {
                let message = "the type of connectionSpecification is not object";
                Some(root.mended_on("type", message, "object"))
            }
            None => {
                let message = "connectionSpecification has no type";
                Some(root.finding(message).mended(fragment(&under(ROOT, "type"), &json!("object"))))
            }
        });
        Verdict::from_findings(findings.collect())
    })
}

fn unresolved_ref(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let Some(schema) = spec.get("connectionSpecification").filter(|s| s.is_object()) else {
            return Verdict::inconclusive("connectionSpecification is not an object");
        };
        let mut sites = walk(schema, ROOT);
        let flows = "/advanced_auth/oauth_config_specification";
        let oauth = spec.pointer(flows).and_then(Value::as_object);
        for (name, schema) in oauth.into_iter().flatten() {
            sites.extend(walk(schema, &under(flows, name)));
        }
        let refs = sites.iter().filter(|site| site.has("$ref"));
        let findings = refs.map(|site| {
            let finding = site.finding_on("$ref", "a $ref is left in the spec");
            let target = site.get("$ref").and_then(Value::as_str);
            let found = target.and_then(|target| pointed(schema, target));
            match found.filter(|found| !found.to_string().contains("\"$ref\"")) {
                // What only tells is meant, though it stands beside a $ref.
                Some(found) => {
                    let mut right = found.clone();
                    for keyword in TOLD {
                        if let (Some(told), Some(right)) =
                            (site.get(keyword), right.as_object_mut())
                        {
                            right.insert(keyword.to_owned(), told.clone());
                        }
                    }
                    finding.mended(fragment(&site.pointer, &right))
                }
                None => finding,
            }
        });
        Verdict::from_findings(findings.collect())
    })
}

fn forbidden_keyword(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let findings = sites.iter().flat_map(|site| {
            let used = FORBIDDEN.iter().filter(|keyword| site.has(keyword));
            used.map(|word| {
                let finding = site.finding_on(word, format!("the schema uses `{word}`"));
                match without_keyword(site, word) {
                    Some(right) => finding.mended(fragment(&site.pointer, &right)),
                    None => finding,
                }
            })
        });
        Verdict::from_findings(findings.collect())
    })
}

/// The schema without a keyword that the form cannot show, and with what it says, where another one can
/// say it; none where that cannot be told.
fn without_keyword(site: &Site, keyword: &str) -> Option<Value> {
    let rest = site.without(keyword);
    let parts = match site.get(keyword) {
        Some(Value::Array(parts)) if ["allOf", "anyOf"].contains(&keyword) => parts,
        // Nothing else says what these say, or the other half of it.
        _ => return None,
    };
    if parts.iter().any(|part| part.get("$ref").is_some()) {
        return None;
    }
    if keyword == "allOf" {
        let all = parts.iter().filter_map(Value::as_object);
        let mut words: Vec<&String> = all.flat_map(Map::keys).collect();
        words.sort();
        let joined = ["properties", "required"];
        // What two of them say otherwise cannot be said at once.
        let is_twice = |pair: &[&String]| pair[0] == pair[1] && !joined.contains(&pair[0].as_str());
        let clashes = words.windows(2).any(is_twice);
        return (!clashes).then(|| parts.iter().fold(rest, |whole, part| merged(&whole, part)));
    }
    if let Some((only, is_nullable)) = apart_from_null(site.schema) {
        let right = if is_nullable { or_null(only) } else { Some(only) };
        // A variant that is null is none that a form shows.
        return right.filter(|right| !is_nullable || right.get("oneOf").is_none());
    }
    let are_objects = parts.iter().all(|part| part.get("properties").is_some());
    are_objects.then(|| {
        let mut whole = rest;
        whole["type"] = json!("object");
        whole["oneOf"] = json!(parts);
        whole
    })
}

fn one_of_shape(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let all: Vec<_> = shown(sites).filter(|site| site.has("oneOf")).collect();
        let findings = all.iter().flat_map(|site| one_of_faults(site)).collect();
        verdict(all.len(), "the spec has no oneOf", findings)
    })
}

fn one_of_faults(site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !site.is("object") {
        let message = "the schema that holds a oneOf does not have the type object";
        findings.push(
            site.finding(message).mended(fragment(&under(&site.pointer, "type"), &json!("object"))),
        );
    }
    let variants = site.get("oneOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let pointer = under(&site.pointer, "oneOf");
    let mut properties: Vec<&Map<String, Value>> = Vec::new();
    for (nth, variant) in variants.iter().enumerate() {
        if let Some(object) = variant.get("properties").and_then(Value::as_object) {
            properties.push(object);
            continue;
        }
        if variant.get("$ref").is_some() {
            // A check of its own is about it.
            continue;
        }
        let place = format!("{pointer}/{nth}");
        let name = format!("option {}", nth + 1);
        let constant = json!({"mode": {"type": "string", "const": name}});
        let right = json!({"properties": constant, "required": ["mode"]});
        let message = "a variant of a oneOf has no properties";
        let finding = Finding::new(message, fragment(&place, variant));
        findings.push(finding.mended(fragment(&place, &merged(variant, &right))));
    }
    let Some((first, others)) = properties.split_first() else {
        return findings;
    };
    if properties.len() < variants.len() {
        // What is common to all cannot be told.
        return findings;
    }
    let common: Vec<&String> = first
        .keys()
        .filter(|name| others.iter().all(|variant| variant.contains_key(*name)))
        .collect();
    let is_const = |name: &str| properties.iter().all(|all| all[name].get("const").is_some());
    let constant: Vec<&str> =
        common.iter().map(|name| name.as_str()).filter(|name| is_const(name)).collect();
    match constant[..] {
        [name] => {
            for (nth, variant) in properties.iter().enumerate() {
                let mut right = variant[name].clone();
                if let Some(keywords) = right.as_object_mut() {
                    keywords.retain(|keyword, _| !["default", "enum"].contains(&keyword.as_str()));
                }
                for keyword in ["default", "enum"] {
                    if variant[name].get(keyword).is_some() {
                        let place = under(&format!("{pointer}/{nth}/properties"), name);
                        let message =
                            format!("`{name}` tells variants apart by const, and has `{keyword}`");
                        let finding = Finding::new(message, fragment(&place, &variant[name]));
                        findings.push(finding.mended(fragment(&place, &right)));
                    }
                }
            }
        }
        [] => {
            let names: Vec<_> = common.iter().map(|name| name.as_str()).collect();
            let common = match &names[..] {
                [] => "the variants have no property in common".to_owned(),
                names => format!("common to all variants: {}", names.join(", ")),
            };
            // One that can have one value only, or else a property of its own.
            let one = |name: &str| Some(properties[0][name].get("enum")?.as_array()?.clone());
            let is_one = |name: &&&str| {
                let all = |of: &&&Map<String, Value>| of[**name]["enum"].as_array().map(Vec::len);
                properties.iter().all(|of| all(&of) == Some(1))
            };
            let chosen = names.iter().find(is_one).copied();
            let name = chosen.unwrap_or("mode");
            let title = variants[0].get("title").cloned().unwrap_or(json!("first"));
            let value = chosen.and_then(one).and_then(|mut all| all.pop()).unwrap_or(title);
            let right = json!({"type": "string", "const": value});
            let place = under(&format!("{pointer}/0/properties"), name);
            let finding = Finding::new(
                "the variants of a oneOf have no common property that is const in all of them",
                format!("{pointer}: {common}"),
            );
            findings.push(finding.mended(format!("{} (and so in all)", fragment(&place, &right))));
        }
        [first, ..] => {
            // The one that tells them apart.
            let differs = |name: &&&str| {
                let values: Vec<_> = properties.iter().map(|all| &all[**name]["const"]).collect();
                (1..values.len()).all(|nth| !values[..nth].contains(&values[nth]))
            };
            let kept = constant.iter().find(differs).unwrap_or(&first);
            let finding = Finding::new(
                "the variants of a oneOf have more than one common property that is const in all",
                format!("{pointer}: {}", constant.join(", ")),
            );
            findings.push(finding.mended(format!("{pointer}: const on `{kept}` alone")));
        }
    }
    findings
}

fn type_list(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let lists: Vec<_> =
            shown(sites).filter_map(|site| Some((site, site.get("type")?.as_array()?))).collect();
        let is_fine = |list: &[Value]| match list {
            [_] => true,
            [one, other] => {
                one.is_string() && other.is_string() && (one == "null") != (other == "null")
            }
            _ => false,
        };
        let findings = lists.iter().filter(|(_, list)| !is_fine(list)).map(|(site, _)| {
            let message = "a list of types is not one type, or one type and null";
            let list = site.types().collect::<Vec<_>>();
            let first = list.iter().find(|kind| **kind != "null").unwrap_or(&"string");
            let is_nullable = list.contains(&"null");
            let right = if is_nullable { json!([first, "null"]) } else { json!(first) };
            site.mended_on("type", message, right)
        });
        verdict(lists.len(), "the spec has no list of types", findings.collect())
    })
}

fn empty_object(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let objects: Vec<_> =
            shown(sites).filter(|site| site.place != Place::Root && site.is("object")).collect();
        // Checks of their own are about those that compose their properties otherwise.
        let elsewhere = ["oneOf", "anyOf", "allOf", "$ref"];
        let findings = objects
            .iter()
            .filter(|site| site.properties().next().is_none())
            .filter(|site| !elsewhere.iter().any(|keyword| site.has(keyword)))
            .map(|site| {
                let message = "an object has neither properties nor oneOf";
                site.mended(message, &site.with("properties", json!({"name": {"type": "string"}})))
            });
        verdict(objects.len(), "the spec has no object below its root", findings.collect())
    })
}

fn array_items(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let arrays: Vec<_> = shown(sites)
            .filter(|site| site.is("array") || (site.has("items") && !site.has("type")))
            .collect();
        let findings = arrays.iter().filter_map(|site| {
            let items = match site.get("items") {
                None => {
                    let right = site.with("items", json!({"type": "string"}));
                    return Some(site.mended("an array does not say what its items are", &right));
                }
                Some(Value::Object(items)) => items,
                Some(Value::Array(list)) => {
                    let first = list.first().cloned().unwrap_or(json!({"type": "string"}));
                    let message = "an array has a list of item schemas";
                    return Some(site.mended_on("items", message, first));
                }
                Some(_) => {
                    let (message, right) =
                        ("an array's items may be anything", json!({"type": "string"}));
                    return Some(site.mended_on("items", message, right));
                }
            };
            let scalars = ["string", "number", "integer", "boolean", "object"];
            let named = match items.get("type") {
                Some(Value::Array(list)) => list.iter().filter(|kind| *kind != "null").collect(),
                other => other.into_iter().collect::<Vec<_>>(),
            };
            let typed =
                !named.is_empty() && named.iter().all(|kind| scalars.iter().any(|s| *kind == s));
            let told =
                typed || ["enum", "const", "$ref"].iter().any(|word| items.contains_key(*word));
            (!told).then(|| {
                let message = "an array's items have neither a scalar or object type nor an enum";
                let mut right = items.clone();
                let is_object =
                    ["oneOf", "properties"].iter().any(|word| items.contains_key(*word));
                let kind = if is_object { "object" } else { "string" };
                right.insert("type".to_owned(), json!(kind));
                site.mended_on("items", message, right)
            })
        });
        verdict(arrays.len(), "the spec has no array", findings.collect())
    })
}

fn enum_repeats(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let enums: Vec<_> =
            shown(sites).filter_map(|site| Some((site, site.get("enum")?.as_array()?))).collect();
        let findings = enums.iter().flat_map(|(site, values)| {
            let repeated = values.iter().enumerate().filter(|(nth, value)| {
                values[..*nth].iter().any(|before| equal(before, value, Numbers::ByValue))
            });
            let mut distinct: Vec<Value> = Vec::new();
            for value in *values {
                if !distinct.iter().any(|one| equal(one, value, Numbers::ByValue)) {
                    distinct.push(value.clone());
                }
            }
            repeated.map(move |(_, v)| {
                let message = format!("an enum lists {v} more than once");
                site.mended_on("enum", message, distinct.clone())
            })
        });
        verdict(enums.len(), "the spec has no enum", findings.collect())
    })
}

fn additional_properties_false(launch: &Launch, facts: &Facts) -> Verdict {
    const KEYWORD: &str = "additionalProperties";
    judge_schemas(launch, facts, |sites| {
        let given: Vec<_> =
            shown(sites).filter_map(|site| Some((site, site.get(KEYWORD)?))).collect();
        let findings = given.iter().filter(|(_, value)| **value != true).map(|(site, value)| {
            let message = if **value == false {
                "additional properties are forbidden"
            } else {
                "additional properties are restricted"
            };
            site.mended_on(KEYWORD, message, true)
        });
        verdict(given.len(), "the spec gives no additionalProperties", findings.collect())
    })
}

#[cfg(test)]
mod tests;
