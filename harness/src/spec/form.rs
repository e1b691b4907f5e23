//! The form that a spec is to a user: its fields in their order and groups, ready to be rendered.
//!
//! What the platform's form does is followed where it is told: `order`, `group`, `title`, secrets
//! masked, a `oneOf` as a choice of which one variant is shown, constants and hidden properties not
//! shown, optional fields apart unless `always_show` says otherwise.

use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::as_draft_07;
use super::folded::{apart_from_null, constant, merged, without, without_all_of};
use super::refs::{RefError, resolved};

/// Why there is no form.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// It is not known what the schema says.
    #[error(transparent)]
    Reference(#[from] RefError),
    /// There is nothing to fill in.
    #[error("it has no connectionSpecification that is an object")]
    NoSchema,
    /// The template could not be filled in.
    #[error("the page could not be made: {0}")]
    Template(#[from] minijinja::Error),
}

/// A field, or a group of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Its number in the form.
    pub id: usize,
    /// Its place in a config: `/tunnel/host`.
    pub path: String,
    /// What is written beside it.
    pub title: String,
    /// What is written below it.
    pub description: Option<String>,
    /// Whether it has to be filled in.
    pub required: bool,
    /// Whether it stands with those that have to be, though it need not be filled in.
    pub always_show: bool,
    /// What it takes.
    pub input: Input,
    /// What it holds at first.
    pub default: Option<String>,
    /// What may be written in it, as an example.
    pub example: Option<String>,
    /// What has to match, in words or as an expression.
    pub pattern: Option<String>,
    #[serde(skip)]
    order: Option<i64>,
    #[serde(skip)]
    group: Option<String>,
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Input {
    /// A line, or some lines.
    Text {
        /// Whether it is masked.
        secret: bool,
        /// Whether it may have many lines.
        multiline: bool,
        /// `date` or `date-time`.
        format: Option<String>,
    },
    /// A number.
    Number {
        /// Whether it is whole.
        whole: bool,
        /// The least.
        least: Option<f64>,
        /// The most.
        most: Option<f64>,
    },
    /// Yes or no.
    Switch,
    /// One of a list.
    Select {
        /// The list.
        options: Vec<String>,
    },
    /// Any number of values.
    List {
        /// What each of them is.
        item: Box<Field>,
    },
    /// Fields of its own.
    Section {
        /// They.
        fields: Vec<Field>,
    },
    /// One of several sections.
    Choice {
        /// They.
        variants: Vec<Variant>,
        /// The one that is chosen at first, from 0.
        chosen: usize,
    },
    /// What no field can take: a form cannot show it.
    Unknown {
        /// As the schema says it.
        what: String,
    },
}

/// A variant of a choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// By what it is chosen.
    pub title: String,
    /// What it is.
    pub description: Option<String>,
    /// What is filled in where it is chosen.
    pub fields: Vec<Field>,
}

/// Fields under a heading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The heading; none for those without a group.
    pub title: Option<String>,
    /// The fields.
    pub fields: Vec<Field>,
}

/// The form of a spec, its groups in the order that the schema gives, those without a group first.
pub fn groups(spec: &Value) -> Result<Vec<Group>, FormError> {
    let schema = spec.get("connectionSpecification").filter(|schema| schema.is_object());
    let schema = resolved(&as_draft_07(schema.ok_or(FormError::NoSchema)?))?;
    let all = fields(&schema, "", "");
    let empty = Vec::new();
    let named = schema.get("groups").and_then(Value::as_array).unwrap_or(&empty);
    let mut known: Vec<(String, Option<String>)> = Vec::new();
    for group in named {
        let id = group.get("id").and_then(Value::as_str).unwrap_or_default();
        known.push((id.to_owned(), text(group.as_object(), "title").or(Some(id.to_owned()))));
    }
    for group in all.iter().filter_map(|field| field.group.as_ref()) {
        if known.iter().all(|(id, _)| id != group) {
            known.push((group.clone(), Some(group.clone())));
        }
    }
    let none = all.iter().filter(|field| field.group.is_none()).cloned().collect();
    let grouped = known.into_iter().map(|(id, title)| {
        let own = all.iter().filter(|field| field.group.as_deref() == Some(&id));
        Group { title, fields: own.cloned().collect() }
    });
    let mut groups = vec![Group { title: None, fields: none }];
    groups.extend(grouped);
    groups.retain(|group| !group.fields.is_empty());
    let mut next = 0;
    for group in &mut groups {
        number(&mut group.fields, &mut next);
    }
    Ok(groups)
}

/// Gives each field a number of its own: variants may have fields of one path.
fn number(fields: &mut [Field], next: &mut usize) {
    for field in fields {
        *next += 1;
        field.id = *next;
        match &mut field.input {
            Input::List { item } => number(std::slice::from_mut(item), next),
            Input::Section { fields } => number(fields, next),
            Input::Choice { variants, .. } => {
                for variant in variants {
                    number(&mut variant.fields, next);
                }
            }
            _ => {}
        }
    }
}

/// The page of a spec, with all that it needs in it.
pub fn page(spec: &Value) -> Result<String, FormError> {
    let groups = groups(spec)?;
    let schema = spec.get("connectionSpecification").and_then(Value::as_object);
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_template("form", include_str!("form.html"))?;
    let title = text(schema, "title").unwrap_or_else(|| "Destination".to_owned());
    let modes = spec.get("supported_destination_sync_modes");
    let page = context! {
        title,
        description => text(schema, "description"),
        documentation => text(spec.as_object(), "documentationUrl"),
        modes,
        groups,
    };
    Ok(templates.get_template("form")?.render(page)?)
}

/// The fields of an object's schema, in their order, but for that of a constant which tells variants
/// apart.
fn fields(schema: &Value, path: &str, discriminator: &str) -> Vec<Field> {
    let schema = &folded(schema);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = schema["properties"].as_object().into_iter().flatten();
    let shown = all.filter(|(name, property)| *name != discriminator && is_shown(property));
    let mut fields: Vec<Field> = shown
        .map(|(name, property)| {
            field(property, &format!("{path}/{name}"), name, required.contains(&name.as_str()))
        })
        .collect();
    if schema["oneOf"].is_array() {
        // One of several sets of fields, which has no name of its own.
        let variants = json!({"oneOf": schema["oneOf"]});
        fields.push(field(&variants, path, "One of", true));
    }
    // Those without an order come after those that have one, by name.
    fields.sort_by_key(|field| (field.order.is_none(), field.order, field.path.clone()));
    fields
}

/// The schema with the parts of `allOf`, and of an `anyOf` that adds null at the most, in it: null is a
/// field that is left empty.
fn folded(schema: &Value) -> Value {
    let whole = without_all_of(schema);
    whole.as_object().and_then(apart_from_null).map_or(whole, |(only, _)| only)
}

fn is_shown(property: &Value) -> bool {
    property["airbyte_hidden"] != true && constant(property).is_none()
}

fn field(schema: &Value, path: &str, name: &str, required: bool) -> Field {
    let schema = &folded(schema);
    let keywords = schema.as_object();
    let input = input(schema, path);
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Field {
        id: 0,
        path: path.to_owned(),
        title: text(keywords, "title").unwrap_or_else(|| name.to_owned()),
        description: text(keywords, "description"),
        required,
        always_show: schema["always_show"] == true,
        // What a secret is at first is nobody's business; and null is nothing.
        default: schema
            .get("default")
            .filter(|value| !value.is_null() && !hides(schema))
            .map(shown),
        example: schema["examples"].as_array().and_then(|all| all.first()).map(shown),
        pattern: text(keywords, "pattern_descriptor").or_else(|| text(keywords, "pattern")),
        order: schema["order"].as_i64(),
        group: text(keywords, "group"),
        input,
    }
}

/// Whether there is a secret in it.
fn hides(schema: &Value) -> bool {
    match schema {
        Value::Object(keywords) => schema["airbyte_secret"] == true || keywords.values().any(hides),
        Value::Array(all) => all.iter().any(hides),
        _ => false,
    }
}

fn input(schema: &Value, path: &str) -> Input {
    if let Some(variants) = schema["oneOf"].as_array() {
        return choice(schema, variants, path);
    }
    if let Some(options) = schema["enum"].as_array() {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Null is a field that is left empty.
        let options = options.iter().filter(|value| !value.is_null());
        return Input::Select { options: options.map(shown).collect() };
    }
    let kind = match &schema["type"] {
        Value::String(kind) => Some(kind.as_str()),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    // The next whole number is the bound; of fractions there is no next one.
    let past = |keyword: &str, step: f64| {
        let bound = schema[keyword].as_f64()?;
        Some(if kind == Some("integer") { bound + step } else { bound })
    };
    match kind {
        Some("string" | "integer" | "number") if schema["airbyte_secret"] == true => {
            Input::Text { secret: true, multiline: schema["multiline"] == true, format: None }
        }
        Some("string") => Input::Text {
            secret: false,
            multiline: schema["multiline"] == true,
            format: text(schema.as_object(), "format").filter(|format| format.starts_with("date")),
        },
        Some(kind @ ("integer" | "number")) => Input::Number {
            whole: kind == "integer",
            least: schema["minimum"].as_f64().or(past("exclusiveMinimum", 1.0)),
            most: schema["maximum"].as_f64().or(past("exclusiveMaximum", -1.0)),
        },
        Some("boolean") => Input::Switch,
        Some("array") if schema["items"].is_object() => Input::List {
            item: Box::new(field(&schema["items"], &format!("{path}/0"), "item", true)),
        },
        Some("object") if schema["properties"].is_object() => {
            Input::Section { fields: fields(schema, path, "") }
        }
        _ if hides(schema) => Input::Unknown { what: "a secret".to_owned() },
        _ => Input::Unknown { what: schema.to_string() },
    }
}

fn choice(schema: &Value, variants: &[Value], path: &str) -> Input {
    let rest = without(schema, "oneOf");
    let is_constant = |(_, property): &(&String, &Value)| constant(property).is_some();
    let variants = variants.iter().enumerate().map(|(nth, variant)| {
        let own = variant["properties"].as_object().and_then(|all| all.iter().find(is_constant));
        let keywords = variant.as_object();
        let value = own.and_then(|(_, property)| constant(property)?.as_str().map(str::to_owned));
        let title = text(keywords, "title").or(value);
        Variant {
            title: title.unwrap_or_else(|| format!("Option {}", nth + 1)),
            description: text(keywords, "description"),
            fields: fields(&merged(&rest, variant), path, own.map_or("", |(name, _)| name)),
        }
    });
    let variants: Vec<Variant> = variants.collect();
    // The default of the whole says by its constant which one it is.
    let is_default = |variant: &Value| {
        let all = variant["properties"].as_object().into_iter().flatten();
        let mut constants = all.filter(is_constant).peekable();
        constants.peek().is_some()
            && constants.all(|(name, property)| schema["default"].get(name) == constant(property))
    };
    let listed = schema["oneOf"].as_array().into_iter().flatten();
    let chosen = listed.into_iter().position(is_default).unwrap_or(0);
    Input::Choice { variants, chosen }
}

fn text(keywords: Option<&Map<String, Value>>, keyword: &str) -> Option<String> {
    let text = keywords?.get(keyword)?.as_str()?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(schema: &Value) -> Value {
        json!({"connectionSpecification": schema})
    }

    #[test]
    fn fields_stand_in_their_order_and_groups() {
        let groups = groups(&spec(&json!({
            "type": "object", "required": ["b"],
            "groups": [{"id": "late", "title": "Late"}, {"id": "early"}],
            "properties": {
                "z": {"type": "string"},
                "a": {"type": "string"},
                "b": {"type": "integer", "order": 2, "minimum": 1},
                "c": {"type": "string", "order": 1, "airbyte_secret": true, "default": "x"},
                "d": {"type": "boolean", "group": "early"},
                "e": {"enum": ["x", 1], "group": "late"},
                "f": {"type": "string", "airbyte_hidden": true},
            },
        })))
        .unwrap();
        let shown: Vec<_> = groups
            .iter()
            .map(|group| {
                let paths: Vec<_> = group.fields.iter().map(|field| field.path.as_str()).collect();
                (group.title.as_deref(), paths.join(" "))
            })
            .collect();
        let wanted = [(None, "/c /b /a /z"), (Some("Late"), "/e"), (Some("early"), "/d")];
        assert_eq!(shown, wanted.map(|(title, paths)| (title, paths.to_owned())));
        let [first, second, ..] = &groups[0].fields[..] else { panic!() };
        let secret = Input::Text { secret: true, multiline: false, format: None };
        assert_eq!(
            (&first.input, first.default.as_deref(), first.required),
            (&secret, None, false)
        );
        let number = Input::Number { whole: true, least: Some(1.0), most: None };
        assert_eq!((&second.input, second.required), (&number, true));
        assert_eq!(
            groups[1].fields[0].input,
            Input::Select { options: vec!["x".into(), "1".into()] }
        );
    }

    #[test]
    fn a_one_of_is_a_choice_without_the_constant_that_tells_it() {
        let groups = groups(&spec(&json!({"properties": {"m": {
            "type": "object",
            "default": {"kind": "key"},
            "oneOf": [
                {"title": "None", "properties": {"kind": {"const": "none"}}},
                {"properties": {"kind": {"const": "key"}, "key": {"type": "string"}}},
                {"properties": {"other": {"type": ["null", "string"]}}},
            ],
        }}})))
        .unwrap();
        let Input::Choice { variants, chosen } = &groups[0].fields[0].input else { panic!() };
        let shown: Vec<_> =
            variants.iter().map(|one| (one.title.as_str(), one.fields.len())).collect();
        assert_eq!(shown, [("None", 0), ("key", 1), ("Option 3", 1)]);
        assert_eq!((*chosen, variants[1].fields[0].path.as_str()), (1, "/m/key"));
    }

    #[test]
    fn what_is_hidden_or_null_at_first_is_not_shown() {
        let secret = json!({"type": "string", "airbyte_secret": true});
        let schema = json!({
            "definitions": {"T": {"type": "string", "title": "Part"}},
            "properties": {
                "a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null},
                "b": {"type": "array", "default": [{"pw": "hunter2"}],
                    "items": {"type": "object", "properties": {"pw": secret}}},
                "c": {"airbyte_secret": true, "default": "hunter2"},
                "d": {"$ref": "#/definitions/T", "airbyte_hidden": true},
                "e": {"title": "Whole", "allOf": [{"$ref": "#/definitions/T"}]},
                "f": {"type": "integer", "exclusiveMinimum": 0},
                "g": {"default": {"v": 1, "mode": "b"}, "type": "object", "oneOf": [
                    {"properties": {"v": {"const": 1}, "mode": {"const": "a"}}},
                    {"properties": {"v": {"const": 1}, "mode": {"const": "b"}}},
                ]},
            },
        });
        let groups = groups(&spec(&schema)).unwrap();
        let fields = &groups[0].fields;
        let shown: Vec<_> =
            fields.iter().map(|one| (one.path.as_str(), one.default.as_deref())).collect();
        let none = ["/a", "/b", "/c", "/e", "/f"].map(|path| (path, None));
        assert_eq!(shown[..5], none);
        assert_eq!((fields.len(), fields[3].title.as_str()), (6, "Whole"));
        let number = Input::Number { whole: true, least: Some(1.0), most: None };
        assert_eq!(fields[4].input, number);
        let Input::Choice { chosen, .. } = &fields[5].input else { panic!() };
        assert_eq!(*chosen, 1);
        assert!(!page(&spec(&schema)).unwrap().contains("hunter2"));
    }

    #[test]
    fn what_a_form_cannot_show_is_told_and_nothing_escapes_its_text() {
        let schema = json!({"title": "<b>", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}],
            "description": "</script><img src=x onerror=alert(1)>"}, "l": {"type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "number"}}}}}});
        let page = page(&spec(&schema)).unwrap();
        assert!(page.contains("no field of a form shows"), "{page}");
        assert!(!page.contains("<img") && !page.contains("<b>"), "{page}");
        assert!(matches!(groups(&json!({})), Err(FormError::NoSchema)));
    }
}
