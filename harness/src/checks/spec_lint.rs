//! The spec's schema: what Airbyte's own acceptance tests ask of it, so that the form can show it.

use super::schema_walk::{
    Place, ROOT, Site, fragment, judge_schemas, judge_spec, under, verdict, walk,
};
use super::{Check, Finding, Judge, Level, SPEC, Verdict};
use crate::evidence::{Facts, Launch};
use crate::protocol::json::{Numbers, equal};
use serde_json::{Map, Value};

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
                Some(root.finding_on("type", "the type of connectionSpecification is not object"))
            }
            None => Some(root.finding("connectionSpecification has no type")),
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
        let findings = refs.map(|site| site.finding_on("$ref", "a $ref is left in the spec"));
        Verdict::from_findings(findings.collect())
    })
}

fn forbidden_keyword(launch: &Launch, facts: &Facts) -> Verdict {
    judge_schemas(launch, facts, |sites| {
        let findings = sites.iter().flat_map(|site| {
            let used = FORBIDDEN.iter().filter(|keyword| site.has(keyword));
            used.map(|word| site.finding_on(word, format!("the schema uses `{word}`")))
        });
        Verdict::from_findings(findings.collect())
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
        findings.push(site.finding("the schema that holds a oneOf does not have the type object"));
    }
    let variants = site.get("oneOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let pointer = under(&site.pointer, "oneOf");
    let mut properties: Vec<&Map<String, Value>> = Vec::new();
    for (nth, variant) in variants.iter().enumerate() {
        match variant.get("properties").and_then(Value::as_object) {
            Some(object) => properties.push(object),
            None => findings.push(Finding::new(
                "a variant of a oneOf has no properties",
                fragment(&format!("{pointer}/{nth}"), variant),
            )),
        }
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
                for keyword in ["default", "enum"] {
                    if variant[name].get(keyword).is_some() {
                        findings.push(Finding::new(
                            format!("`{name}` tells variants apart by const, and has `{keyword}`"),
                            fragment(
                                &under(&format!("{pointer}/{nth}/properties"), name),
                                &variant[name],
                            ),
                        ));
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
            findings.push(Finding::new(
                "the variants of a oneOf have no common property that is const in all of them",
                format!("{pointer}: {common}"),
            ));
        }
        _ => findings.push(Finding::new(
            "the variants of a oneOf have more than one common property that is const in all",
            format!("{pointer}: {}", constant.join(", ")),
        )),
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
            site.finding_on("type", "a list of types is not one type, or one type and null")
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
            .map(|site| site.finding("an object has neither properties nor oneOf"));
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
                None => return Some(site.finding("an array does not say what its items are")),
                Some(Value::Object(items)) => items,
                Some(Value::Array(_)) => {
                    return Some(site.finding_on("items", "an array has a list of item schemas"));
                }
                Some(_) => {
                    return Some(site.finding_on("items", "an array's items may be anything"));
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
                site.finding_on(
                    "items",
                    "an array's items have neither a scalar or object type nor an enum",
                )
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
            repeated
                .map(|(_, v)| site.finding_on("enum", format!("an enum lists {v} more than once")))
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
            site.finding_on(KEYWORD, message)
        });
        verdict(given.len(), "the spec gives no additionalProperties", findings.collect())
    })
}

#[cfg(test)]
mod tests;
