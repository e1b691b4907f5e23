use super::*;
use serde_json::json;

fn secrets() -> Secrets {
    let schema = json!({"properties": {
        "user": {"type": "string"},
        "auth": {"oneOf": [
            {"properties": {"password": {"airbyte_secret": true}}},
            {"properties": {"pin": {"airbyte_secret": true}}},
        ]},
    }});
    let config = json!({"user": "someone-long", "auth": {"password": "p@ss \"word\"", "pin": "1"}});
    Secrets::of(&config, &schema)
}

/// The secrets of a config with this key.
fn only(key: &str) -> Secrets {
    let schema = json!({"properties": {"key": {"airbyte_secret": true}}});
    Secrets::of(&json!({"key": key}), &schema)
}

const REPLACED: &str = "[touchdown: secret /key]";

/// A LOG of a whole config, in which the secret has this spelling.
fn in_log(spelling: &str) -> String {
    let message = Value::from(format!(r#"{{"key":"{spelling}","n":"\u00fc"}}"#));
    format!(r#"{{"type":"LOG","log":{{"message":{message}}}}}"#)
}

/// This spelling of the secret is replaced, once and twice escaped, and nothing around it is.
fn is_replaced(secret: &str, spelling: &str) {
    let once = format!(r#"{{"key":"{spelling}","n":"\u00fc"}}"#);
    let without = format!(r#"{{"key":"{REPLACED}","n":"\u00fc"}}"#);
    assert_eq!(only(secret).text(&once), without);
    assert_eq!(only(secret).text(&in_log(spelling)), in_log(REPLACED));
    let thrice = Value::from(in_log(spelling)).to_string();
    assert_eq!(only(secret).text(&thrice), Value::from(in_log(REPLACED)).to_string());
}

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n\
                   BKcwggSjAgEAAoIBAQC7+/VJ==\n-----END PRIVATE KEY-----\n";

#[test]
fn secrets_are_found_in_variants_and_short_ones_are_named() {
    assert_eq!(secrets().searched(), ["/auth/password"]);
    assert_eq!(secrets().short, ["/auth/pin"]);
}

#[test]
fn every_form_is_replaced() {
    for leak in [
        r#"login p@ss "word""#,
        r#"login p@ss \"word\""#,
        "login p%40ss%20%22word%22",
        "login p%40ss+%22word%22",
    ] {
        assert_eq!(secrets().text(leak), "login [touchdown: secret /auth/password]", "{leak}");
    }
    assert_eq!(secrets().text("nothing 1"), "nothing 1");
}

#[test]
fn escaped_as_every_library_does_it() {
    is_replaced("pass \"word\" \\n it", r#"pass \"word\" \\n it"#);
    is_replaced(PEM, &PEM.replace('\n', "\\n"));
    is_replaced("a=b&c<d>e'f", r"a\u003db\u0026c\u003cd\u003Ee\u0027f");
    is_replaced("ab/cd/ef+gh", r"ab\/cd\/ef+gh");
    is_replaced("motörhead ä", r"mot\u00f6rhead \u00E4");
    is_replaced("horse 🐎 ä/=\"", r#"horse \ud83d\udc0e ä\/\u003D\""#);
    // As it is, and so it stands in a log of no JSON.
    assert_eq!(only(r"C:\new\u0041\").text(r"at C:\new\u0041\!"), format!("at {REPLACED}!"));
}

#[test]
fn what_escapes_nothing_is_left_as_it_is() {
    for text in [r"\", r"\\\", r"\u", r"\u00g0", r"\ud83d", r"\ud83d\u0041", r"\+123", r"a\qb\n"] {
        assert_eq!(only("something else").text(text), text);
        assert_eq!(only("some\"thing").text(&format!(r#"{text} some\"thing "#)).find("some"), None);
    }
}

#[test]
fn lines_of_a_secret_are_replaced_one_by_one() {
    let secrets = only(PEM);
    for (line, without) in [
        ("key: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", format!("key: {REPLACED}")),
        (r#""BKcwggSjAgEAAoIBAQC7+\/VJ\u003d\u003d""#, format!("\"{REPLACED}\"")),
        ("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----".to_owned()),
    ] {
        assert_eq!(secrets.text(line), without);
    }
    let account = json!({"type": "service_account", "private_key": PEM}).to_string();
    assert_eq!(only(&account).text("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"), REPLACED);
}

#[test]
fn base64_is_replaced_wherever_it_begins() {
    let secrets = only("open sesame?");
    // "open sesame?", "u:open sesame?!" and "me:open sesame?", as for an HTTP Basic header.
    for (leak, without) in [
        ("b3BlbiBzZXNhbWU/", REPLACED.to_owned()),
        ("b3BlbiBzZXNhbWU_", REPLACED.to_owned()),
        (r"b3BlbiBzZXNhbWU\/", REPLACED.to_owned()),
        ("Basic dTpvcGVuIHNlc2FtZT8h", format!("Basic dTp{REPLACED}8h")),
        ("Basic bWU6b3BlbiBzZXNhbWU/", format!("Basic bWU6{REPLACED}")),
    ] {
        let text = secrets.text(leak);
        assert!(text.contains(MARKER) && text.len() <= without.len() + 1, "{leak}: {text}");
    }
}

#[test]
fn a_secret_within_another_leaves_nothing_behind() {
    let schema = json!({"additionalProperties": false, "properties": {
        "a": {"airbyte_secret": true}, "secret /b": {"airbyte_secret": true},
    }});
    let secrets =
        Secrets::of(&json!({"a": "touchdown: secret", "secret /b": "secret of all"}), &schema);
    let text = secrets.text("touchdown: secret of all, secret of all");
    assert_eq!(text, "[touchdown: secret /a], [touchdown: secret /secret ~1b]");
}

#[test]
fn the_config_is_kept_without_them() {
    let config = json!({"user": "someone-long", "auth": {"pin": "1"}, "url": "u:p@ss \"word\"@h"});
    let without = json!({
        "user": "someone-long",
        "auth": {"pin": "[touchdown: secret /auth/pin]"},
        "url": "u:[touchdown: secret /auth/password]@h",
    });
    assert_eq!(secrets().config(&config), without);
}

#[test]
fn without_marks_every_string_may_be_a_secret() {
    for none in [json!(null), json!({}), json!(true), json!({"properties": {}})] {
        assert!(!can_mark(&none), "{none}");
    }
    assert!(can_mark(&json!({"properties": {"host": {}}})));
    let without = json!({"host": "h", "port": 5432, "auth": ["[touchdown: secret /auth/0]"]});
    let config = json!({"host": "h", "port": 5432, "auth": ["open sesame"]});
    assert_eq!(without_strings(&config), without);
}

#[test]
fn a_shell_line_is_shown_without_them() {
    for secret in ["it's a secret", "open sesame", "ends with '", "two\nlines"] {
        let line = format!("env {} run", shell_words::quote(&format!("TOK={secret}")));
        assert_eq!(only(secret).text(&line), format!("env 'TOK={REPLACED}' run"));
    }
}
