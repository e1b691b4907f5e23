use super::*;
use serde_json::json;

fn same(property: &Value, sent: &str, landed: &str, declared: &[&str]) -> bool {
    let schema = json!({"properties": {"v": property}});
    let declared = Declared::parse(declared.iter().copied()).unwrap();
    same_enough(&format!(r#"{{"v":{sent}}}"#), &format!(r#"{{"v":{landed}}}"#), &schema, &declared)
}

#[test]
fn what_a_type_allows_is_allowed_and_nothing_else() {
    let (text, integer) = (json!({"type": ["null", "string"]}), json!({"type": "integer"}));
    let number = json!({"type": ["number", "null"]});
    let moment = json!({"type": "string", "format": "date-time"});
    let day = json!({"type": ["null", "string"], "format": "date"});
    let clock = json!({"type": "string", "format": "time"});
    let object = json!({"type": "object"});
    let boolean = json!({"type": "boolean"});
    let union = json!({"type": ["string", "integer"]});
    let flag_or_text = json!({"type": ["string", "boolean"]});
    let flag_or_number = json!({"type": ["boolean", "integer"]});
    let unknown = json!({"type": "potato"});
    let old = json!({"$ref": "WellKnownTypes.json#/definitions/Integer"});
    let rows: &[(&Value, &str, &str, &[&str], bool)] = &[
        (&text, r#""a""#, r#""A""#, &[], false),
        (&text, r#""a\u0000b""#, r#""ab""#, &[], false),
        (&text, r#""a\u0000b""#, r#""ab""#, &["nul=dropped"], true),
        (&text, "7", r#""7""#, &[], true),
        (&text, "7", r#""8""#, &[], false),
        (&integer, "9007199254740993", "9007199254740992", &[], false),
        (&integer, "9007199254740993", "9007199254740992", &["integers=double"], true),
        (&integer, "9223372036854775808", "null", &["integers=64-bit"], true),
        (&integer, "9223372036854775807", "null", &["integers=64-bit"], false),
        (&old, "9223372036854775808", "null", &[], false),
        (&integer, "5.0", "null", &["integers=64-bit"], false),
        (&integer, "18446744073709551615", "9223372036854775807", &["integers=64-bit"], false),
        (&integer, "9223372036854775809", "9223372036854775808", &["integers=64-bit"], true),
        // Nothing is printed that could tell of it.
        (&integer, r#""x""#, "null", &[], true),
        (&integer, "2.5", "null", &[], true),
        (&integer, "2.5", "2", &[], false),
        (&integer, "7", "null", &[], false),
        (&integer, r#"{"a":1}"#, r#""{\"a\": 1}""#, &[], true),
        (&number, "50000.0000000000000001", "50000", &[], true),
        (&number, "50000.0000000000000001", "50000", &["numbers=exact"], false),
        (&number, "0.1", "0.10000000149011612", &[], false),
        (&number, "1.8e309", "null", &[], true),
        (&union, "null", r#""null""#, &[], true),
        (&text, "null", r#""null""#, &[], false),
        (&integer, "null", r#""null""#, &[], false),
        (&day, r#""yesterday""#, "null", &[], true),
        (&day, r#""2026-01-15""#, "null", &[], false),
        (&text, r#"{"a":null,"b":1}"#, r#""{\"a\": null, \"b\": 1}""#, &[], true),
        (&text, r#"{"a":null,"b":1}"#, r#""{\"b\": 1}""#, &[], true),
        (&text, r#"{"a":null,"b":1}"#, r#""{\"b\": 2}""#, &[], false),
        (&clock, r#""12:30:00""#, r#""1999-05-05T12:30:00""#, &[], false),
        (
            &moment,
            r#""2026-01-01T01:00:00.1234567+01:00""#,
            r#""2026-01-01 00:00:00.123456Z""#,
            &[],
            true,
        ),
        (&moment, r#""2026-01-01T01:00:00+01:00""#, r#""2026-01-01T01:00:00Z""#, &[], false),
        (&object, r#"{"a":[1]}"#, r#""{\"a\":[1.0]}""#, &[], true),
        (&object, r#"{"a":[1]}"#, "null", &[], false),
        (&object, r#"{"a":{"b":null},"c":[null]}"#, r#"{"a":{},"c":[null]}"#, &[], true),
        (&object, r#"{"a":1}"#, r#""{\"a\":1,\"b\":null}""#, &[], true),
        (&object, r#"{"c":[null]}"#, r#"{"c":[]}"#, &[], false),
        (&object, r#"{"a":1,"b":2}"#, r#"{"a":1,"b":null}"#, &[], false),
        (&boolean, "true", "1", &[], true),
        (&boolean, "false", "0", &[], true),
        (&boolean, "true", "0", &[], false),
        (&boolean, "true", r#""1""#, &[], false),
        // A value of another type, as its text.
        (&boolean, "1", r#""1""#, &[], true),
        (&union, "1", r#""1""#, &[], true),
        (&unknown, "[1]", "null", &[], true),
        (&unknown, "true", "1", &[], true),
        (&flag_or_text, "false", "0", &[], true),
        (&flag_or_text, "false", "1", &[], false),
        (&flag_or_number, "true", "1", &[], false),
        (&object, r#"{"a":true}"#, r#"{"a":1}"#, &[], false),
    ];
    for (property, sent, landed, declared, wanted) in rows {
        assert_eq!(same(property, sent, landed, declared), *wanted, "{property} {sent} {landed}");
    }
}

#[test]
fn a_moment_is_the_same_in_another_zone_to_the_microsecond() {
    let moment = json!({"type": ["null", "string"], "format": "date-time"});
    let local = json!({"$ref": "WellKnownTypes.json#/definitions/TimestampWithoutTimezone"});
    let clock = json!({"type": "string", "format": "time"});
    for (property, sent, landed, wanted) in [
        (&moment, "2026-01-01T00:00:00.123456789Z", "2026-01-01 00:00:00.123457+00", true),
        (&moment, "2026-01-01T00:00:00.123456789Z", "2026-01-01 00:00:00.123456+00", true),
        (&moment, "2026-01-01T00:00:00.123456789Z", "2026-01-01 00:00:00.123+00", false),
        (&moment, "2026-01-01T14:00:00+14:00", "2026-01-01T00:00:00Z", true),
        (&moment, "2025-12-31T23:30:00-00:30", "2026-01-01T00:00:00.000Z", true),
        (&moment, "2026-01-01T05:45:00+05:45", "2025-12-31T19:00:00-0500", true),
        // Beyond what is a moment in all zones.
        (&moment, "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00", true),
        (&moment, "9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59Z", true),
        (&moment, "9999-12-31T23:59:59Z", "9999-12-31T23:59:58Z", false),
        (&moment, "0044-03-15T12:00:00Z BC", "0044-03-15 12:00:00+00 BC", true),
        (&moment, "0044-03-15T12:00:00Z BC", "-000043-03-15T12:00:00Z", true),
        (&moment, "0044-03-15T12:00:00Z BC", "0044-03-15T12:00:00Z", false),
        // A zone is neither made up nor lost.
        (&moment, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00", false),
        (&local, "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", false),
        (&local, "2026-01-01T00:00:00.123456789", "2026-01-01 00:00:00.123457", true),
        (&local, "9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999", true),
        (&clock, "12:34:56.789+14:00", "22:34:56.789Z", true),
        (&clock, "12:34:56.789+14:00", "12:34:56.789000+14", true),
        (&clock, "00:30:00+00:30", "00:00:00Z", true),
        (&clock, "00:30:00+00:30", "00:30:00Z", false),
        (&clock, "23:59:59.123456789", "23:59:59.123456", true),
        (&clock, "12:34:56Z", "12:34:56", false),
    ] {
        let (sent, landed) = (format!("{sent:?}"), format!("{landed:?}"));
        assert_eq!(same(property, &sent, &landed, &[]), wanted, "{property} {sent} {landed}");
    }
}

#[test]
fn every_member_of_a_union_and_every_depth_counts() {
    let union = json!({"oneOf": [{"type": "number"}, {"type": "object"}]});
    let numbers = json!({"type": ["integer", "number", "null"]});
    let nullable = json!({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]});
    let list = json!({"type": ["null", "array"]});
    let object = json!({"type": "object"});
    let whole = json!({"type": "integer"});
    let rows: &[(&Value, &str, &str, &[&str], bool)] = &[
        (&union, r#"{"n":1}"#, r#""{\"n\":1}""#, &[], true),
        (&union, "1.5", "null", &[], false),
        // None of them: a value of the wrong type.
        (&union, r#""neither""#, "null", &[], true),
        (&numbers, "50000.0000000000000001", "50000", &[], true),
        (&numbers, "9007199254740993", "9007199254740992", &[], false),
        (&nullable, r#""2026-01-01T00:00:00Z""#, r#""2026-01-01 00:00:00+00""#, &[], true),
        (&list, "[50000.0000000000000001]", "[50000]", &[], true),
        (&list, "[50000.0000000000000001]", "[50000]", &["numbers=exact"], false),
        (&list, "[50000.0000000000000001]", r#""[50000]""#, &[], true),
        (&list, "[1,2]", "[1]", &[], false),
        (&list, "[1,2]", "[2,1]", &[], false),
        (&list, "5", "null", &[], true),
        (&list, "5", r#""5""#, &[], true),
        (&object, r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#, &[], false),
        (
            &object,
            r#"{"a":9007199254740993}"#,
            r#"{"a":9007199254740992}"#,
            &["integers=double"],
            true,
        ),
        (&object, r#"{"a":1,"b":2}"#, r#"{"a":1}"#, &[], false),
        (&object, r#"{"a":1.50}"#, r#"{"b":1.5}"#, &[], false),
        // Written as a float, and whole.
        (&whole, "5.0", r#""5.0""#, &[], false),
        (&whole, "5e0", "5", &[], true),
        (&whole, "1e3", "null", &["integers=64-bit"], false),
        (&whole, "5e-1", r#""5e-1""#, &[], true),
    ];
    for (property, sent, landed, declared, wanted) in rows {
        assert_eq!(same(property, sent, landed, declared), *wanted, "{property} {sent} {landed}");
    }
}

#[test]
fn what_became_null_has_to_be_told() {
    let schema = json!({"properties": {"v": {"type": "string"}}});
    let declared = Declared::default();
    let same = |sent: &str, landed: &str| same_enough(sent, landed, &schema, &declared);
    let long = format!(r#"{{"v":"{}z"}}"#, "xy".repeat(600));
    let told = r#"{"_airbyte_meta":{"changes":[{"field":"v","change":"NULLED"}]}}"#;
    let in_text = r#"{"_airbyte_meta":"{\"changes\":[{\"field\":\"v\"}]}"}"#;
    assert!(same(&long, told) && same(&long, in_text));
    assert!(!same(&long, r#"{"_airbyte_meta":{"changes":[]}}"#));
    // No table has to give up a short text, whatever is told.
    assert!(!same(r#"{"v":"x"}"#, told));
    // A text may be cut, where it is told: at its end, and no other way.
    let cut = |sent: &str, word: &str, text: &str| {
        let changes = format!(r#"{{"changes":[{{"field":"v","change":"{word}"}}]}}"#);
        same(sent, &format!(r#"{{"v":"{text}","_airbyte_meta":{changes}}}"#))
    };
    let (held, less) = ("xy".repeat(500), "xy".repeat(499));
    assert!(cut(&long, "TRUNCATED", &held) && cut(&long, "TRUNCATED", &format!("{held}xy")));
    assert!(!cut(&long, "TRUNCATED", &less) && !cut(&long, "TRUNCATED", ""));
    assert!(!cut(&long, "TRUNCATED", &format!("{held}z")) && !cut(&long, "NULLED", &held));
    assert!(cut(r#"{"v":"a🦀b"}"#, "TRUNCATED", "a") && !cut(r#"{"v":"a🦀b"}"#, "TRUNCATED", ""));
    assert!(!cut(r#"{"v":"xyz"}"#, "TRUNCATED", "xy"));
    // It counts for a value of the wrong type as well, as soon as it is printed.
    assert!(!same(r#"{"v":1}"#, r#"{"_airbyte_meta":{"changes":[]}}"#));
    assert!(!same(r#"{"v":1}"#, r#"{"_airbyte_meta":null}"#));
    assert!(same(r#"{"v":1}"#, told) && same(r#"{"v":1}"#, "{}"));
}

#[test]
fn an_undeclared_field_may_be_dropped_or_spelled_and_none_may_come() {
    let schema = json!({"properties": {"v": {"type": "string"}}});
    let declared = Declared::default();
    for (sent, landed, wanted) in [
        (r#""u":1"#, "", true),
        (r#""u":{"a":[1,null]}"#, r#""u":"{\"a\": [1, null]}""#, true),
        (r#""u":true"#, r#""u":1"#, true),
        (r#""u":7"#, r#""u":"7""#, true),
        (r#""u":7"#, r#""u":8"#, false),
        (r#""u":"x""#, r#""u":"X""#, false),
        ("", r#""u":1"#, false),
    ] {
        let row = |fields: &str| format!(r#"{{"v":"x",{fields}}}"#).replace(",}", "}");
        let is_same = same_enough(&row(sent), &row(landed), &schema, &declared);
        assert_eq!(is_same, wanted, "{sent} {landed}");
    }
    // A schema that declares nothing leaves nothing undeclared.
    assert!(!same_enough(r#"{"u":1}"#, "{}", &json!({}), &declared));
}

#[test]
fn what_became_null_within_a_structure_is_told_by_its_path() {
    let of = json!({"type": "object", "properties": {"count": {"type": "integer"},
        "a": {"type": "integer"}, "o": {"type": "object"}}});
    let schema =
        json!({"properties": {"v": of, "l": {"type": "array", "items": {"type": "integer"}}}});
    let declared = Declared::default();
    let same = |sent: &str, landed: &str, field: &str| {
        let meta = format!(r#"{{"changes":[{{"field":"{field}","change":"NULLED"}}]}}"#);
        let landed = format!(r#"{{{landed}"_airbyte_meta":{meta}}}"#);
        same_enough(sent, &landed, &schema, &declared)
    };
    let many = r#"{"v":{"count":"many","a":1}}"#;
    assert!(same(many, r#""v":{"a":1},"#, "v.count"));
    assert!(same(many, r#""v":"{\"a\":1}","#, "v.count"));
    assert!(same(many, "", "v"));
    assert!(!same(many, r#""v":{"a":2},"#, "v.count"));
    assert!(!same(many, r#""v":{"a":1},"#, "vv.count"));
    assert!(!same(r#"{"v":{"count":1}}"#, r#""v":{},"#, "v.count"));
    assert!(same(r#"{"l":[1,"two"]}"#, r#""l":[1,null],"#, "l[1]"));
    assert!(!same(r#"{"l":[1,"two"]}"#, r#""l":[1],"#, "l[1]"));
    // A table of typed columns within columns prints all of them.
    assert!(same(many, r#""v":{"count":null,"a":1,"b":null},"#, "v.count"));
    assert!(same(many, r#""v":{"count":null,"a":1},"#, "v/count"));
    // Where nothing else was in it.
    assert!(same(r#"{"v":{"count":"many"}}"#, "", "v.count"));
    // Numbers are kept as elsewhere.
    let number = r#"{"v":{"count":"many","a":50000.0000000000000001}}"#;
    assert!(same(number, r#""v":{"a":50000},"#, "v.count"));
    // A structure's text is what a column holds, and none within it.
    let nested = r#"{"v":{"count":"many","o":{"x":1}}}"#;
    assert!(!same(nested, r#""v":{"o":"{\"x\":1}"},"#, "v.count"));
    // Nothing but what is told of may be gone, and what is within that.
    assert!(!same(many, r#""v":{"count":null},"#, "v.count"));
    assert!(!same(many, "", "v.count"));
    assert!(!same(r#"{"l":[1,"two",3]}"#, r#""l":[null,null,null],"#, "l[1]"));
    let deep = r#"{"v":{"count":"many","o":{"p":1,"q":{"r":[2]}}}}"#;
    assert!(!same(deep, r#""v":{"count":"many","o":{"p":1}},"#, "v.o.p"));
    assert!(same(deep, r#""v":{"count":"many","o":{"p":1}},"#, "v.o.q"));
    assert!(same(deep, r#""v":{"count":"many"},"#, "v.o"));
}
