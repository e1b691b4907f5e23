//! Texts that a schema allows, made before anything is drawn: a draw takes one of them.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::RngAlgorithm::XorShift;
use proptest::test_runner::{Config, TestRng, TestRunner};
use regex_syntax::hir::{Hir, HirKind};
use serde_json::{Map, Value};

use super::plan::{count, suggested};

/// How many are made after a pattern, of which those are kept that match all of it.
const OF_A_PATTERN: usize = 1000;
/// Longer texts are not made.
const LONGEST: usize = 1 << 16;

/// Texts as people enter them, and some that they should not.
const PLAIN: &[&str] = &[
    "",
    "a",
    "0",
    " ",
    "localhost",
    "s3://bucket/path",
    "Jürgen",
    "日本",
    "two words",
    "-1",
    "null",
    "it's",
    "\"quoted\"",
    "back\\slash",
    "tab\there",
    "line\nbreak",
    "{\"json\": true}",
    "../up",
    "user@example.com",
    "https://example.com/x?y=z",
    "2024-02-29",
    "A_B-c.d",
];

/// For each format examples of it.
const FORMATS: &[(&str, &[&str])] = &[
    ("date", &["2024-02-29", "1970-01-01", "9999-12-31"]),
    ("date-time", &["2024-02-29T23:59:59Z", "1970-01-01T00:00:00Z", "2024-01-01T00:00:00.5+14:00"]),
    ("time", &["23:59:59Z", "00:00:00+01:00"]),
    ("email", &["user@example.com", "a.b+c@example.org"]),
    ("hostname", &["localhost", "db-1.example.com"]),
    ("ipv4", &["127.0.0.1", "255.255.255.255"]),
    ("ipv6", &["::1", "2001:db8::ff00:42:8329"]),
    ("uri", &["https://example.com", "s3://bucket/path", "jdbc:db://host:5432/x"]),
    ("uri-reference", &["https://example.com", "../x"]),
    ("uuid", &["123e4567-e89b-12d3-a456-426614174000"]),
    ("regex", &["^a+$", ""]),
    ("json-pointer", &["", "/a/0"]),
];

/// Those that the keywords of a schema allow; none if none was found.
pub fn texts(keywords: &Map<String, Value>) -> Vec<Value> {
    const ASKED: [&str; 4] = ["pattern", "minLength", "maxLength", "format"];
    let own =
        ASKED.iter().filter_map(|word| Some((word.to_string(), keywords.get(*word)?.clone())));
    let own: Map<String, Value> = own.collect();
    let Ok(schema) = jsonschema::draft7::new(&Value::Object(own)) else { return Vec::new() };
    let mut all: Vec<String> =
        suggested(keywords).filter_map(Value::as_str).map(str::to_owned).collect();
    all.extend(PLAIN.iter().map(|text| (*text).to_owned()));
    let signs = (' '..='~').filter(|letter| !letter.is_ascii_alphanumeric());
    all.extend(signs.map(|sign| format!("a{sign}b")));
    let format = keywords.get("format").and_then(Value::as_str);
    let of_format = FORMATS.iter().filter(|(name, _)| Some(*name) == format);
    all.extend(of_format.flat_map(|(_, texts)| texts.iter().map(|text| (*text).to_owned())));
    if let Some(pattern) = keywords.get("pattern").and_then(Value::as_str) {
        all.extend(matching(pattern));
    }
    let (least, most) = (count(keywords, "minLength"), count(keywords, "maxLength"));
    for length in [least, most, Some(24)].into_iter().flatten().map(|count| count.min(LONGEST)) {
        all.extend(["x", "0", "é"].map(|one| one.repeat(length)));
    }
    let mut fitting: Vec<Value> = Vec::new();
    for text in all.into_iter().map(Value::String) {
        if schema.is_valid(&text) && !fitting.contains(&text) {
            fitting.push(text);
        }
    }
    fitting
}

/// Texts that match a pattern, as far as its anchors stand where they usually do; others are to be
/// sorted out.
#[must_use]
pub fn matching(pattern: &str) -> Vec<String> {
    let Ok(pattern) = jsonschema_regex::to_rust_regex(pattern) else { return Vec::new() };
    let Ok(parsed) = regex_syntax::parse(&pattern) else { return Vec::new() };
    let random = TestRng::from_seed(XorShift, &[7; 16]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let parsed = without_anchors(parsed);
    let mut texts = Vec::new();
    for (hir, count) in [(long(parsed.clone()), OF_A_PATTERN / 20), (parsed, OF_A_PATTERN)] {
        let Ok(strategy) = proptest::string::string_regex_parsed(&hir) else { continue };
        let draws = (0..count).map_while(|_| strategy.new_tree(&mut runner).ok());
        texts.extend(draws.map(|tree| tree.current()));
    }
    texts
}

/// Whether a pattern matches whole texts, and so few that all of them are drawn.
#[must_use]
pub fn is_finite(pattern: &str) -> bool {
    use regex_syntax::hir::Look;
    let pattern = jsonschema_regex::to_rust_regex(pattern);
    let Some(parsed) = pattern.ok().and_then(|pattern| regex_syntax::parse(&pattern).ok()) else {
        return false;
    };
    let told = parsed.properties();
    told.maximum_len().is_some()
        && told.look_set_prefix().contains(Look::Start)
        && told.look_set_suffix().contains(Look::End)
}

/// Texts that a pattern may be about without matching them, as one that excludes them does: what
/// stands in it, by itself and within others.
#[must_use]
pub fn named_in(pattern: &str) -> Vec<String> {
    const SYNTAX: &str = "^$()|?*+{}[]!=";
    let plain = pattern.replace("(?:", "(").replace('\\', "");
    let runs = plain.split(|sign| SYNTAX.contains(sign));
    let runs = runs.flat_map(|run| [run.to_owned(), run.chars().take(1).collect()]);
    let mut runs: Vec<String> = runs.filter(|run| !run.is_empty()).collect();
    runs.dedup();
    runs.iter().flat_map(|run| [run.clone(), format!("{run}x"), format!("x{run}")]).collect()
}

/// The expression with a hundred of all of which there may be any number.
fn long(hir: Hir) -> Hir {
    const MANY: u32 = 100;
    match hir.into_kind() {
        HirKind::Repetition(mut repetition) => {
            *repetition.sub = long(*repetition.sub);
            if repetition.max.is_none() {
                repetition.min = repetition.min.max(MANY);
                repetition.max = Some(repetition.min);
            }
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            *capture.sub = long(*capture.sub);
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(long).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(long).collect()),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}

/// The expression without what takes no room in a text.
fn without_anchors(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repetition) => {
            *repetition.sub = without_anchors(*repetition.sub);
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            *capture.sub = without_anchors(*capture.sub);
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(without_anchors).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(without_anchors).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_patterns_formats_and_lengths_are_found() {
        for (schema, some) in [
            (json!({}), 20),
            (json!({"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}), 100),
            (json!({"pattern": "^(https?|s3)://\\w+(\\.\\d+)*$", "maxLength": 30}), 20),
            (json!({"pattern": "^$|^[a-z]+$"}), 100),
            (json!({"pattern": "\\.vendor\\.example$"}), 1),
            (json!({"pattern": "^(?!x)a+$", "examples": ["aa", "xa"]}), 1),
            (json!({"format": "date-time"}), 3),
            (json!({"format": "uuid"}), 1),
            (json!({"minLength": 300}), 1),
            (json!({"maxLength": 0}), 1),
        ] {
            let Value::Object(keywords) = &schema else { panic!() };
            let found = texts(keywords);
            assert!(found.len() >= some, "{schema}: {found:?}");
            let validator = jsonschema::draft7::new(&schema).unwrap();
            assert!(found.iter().all(|text| validator.is_valid(text)));
        }
        let is_finite = super::is_finite;
        assert!(is_finite("^(US|EU)$") && is_finite("^US$|^EU$") && is_finite("^[a-c]{2}$"));
        assert!(
            !is_finite("US") && !is_finite("^a+$") && !is_finite("^a") && !is_finite("^(?!a)b$")
        );
        for (pattern, named) in [("^(?!gs://).*", "gs://x"), ("^$|^[^/]", "/x"), ("a\\.b$", "xa.b")]
        {
            assert!(named_in(pattern).iter().any(|text| text == named), "{pattern}");
        }
        let Value::Object(never) = json!({"minLength": 3, "maxLength": 2}) else { panic!() };
        assert!(texts(&never).is_empty());
    }
}
