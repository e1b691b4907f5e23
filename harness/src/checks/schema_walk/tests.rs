use super::*;
use serde_json::json;

#[test]
fn names_and_values_are_no_schemas() {
    let schema = json!({
        "type": "object",
        "default": {"properties": {"no": {}}},
        "properties": {
            "not": {"type": "string", "const": {"properties": {"no": {}}}},
            "properties": {"type": "object", "properties": {"a/b": {"enum": [{"items": {}}]}}},
            "list": {"type": "array", "items": {"type": "string", "examples": [{"not": {}}]}},
        },
        "definitions": {"d": {"properties": {"e": {}}}},
    });
    let sites = walk(&schema, "");
    let pointers: Vec<_> = sites.iter().map(|site| site.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "",
            "/properties/not",
            "/properties/properties",
            "/properties/properties/properties/a~1b",
            "/properties/list",
            "/properties/list/items",
            "/definitions/d",
            "/definitions/d/properties/e",
        ]
    );
    assert_eq!(sites[1].place, Place::Property("not"));
    assert!(sites[7].apart && !sites[5].apart);
    for site in &sites {
        assert!(schema.pointer(&site.pointer).is_some(), "{}", site.pointer);
    }
}

#[test]
fn types_are_read_from_a_name_and_from_a_list() {
    let schema = json!({"items": [{"type": "string"}, {"type": ["null", "object"]}, {}]});
    let sites = walk(&schema, "");
    assert!(sites[1].is("string") && sites[2].is("object") && !sites[3].is("object"));
}

#[test]
fn a_reference_to_itself_ends() {
    let schema = json!({"$ref": "#", "properties": {"b": {}}});
    assert!(!leads_to_property(&schema, &["a"]));
    assert!(leads_to_property(&schema, &["b"]));
}
