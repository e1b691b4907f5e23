//! What `check` answers, without what is another each time.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What is taken for varying, and what stands for it then.
static KNOWN: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let all = [
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:?\d{2})?", "[time]"),
        (r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "[uuid]"),
        (r"\b0x[0-9a-fA-F]{6,}\b", "[address]"),
        (r"(/private)?(/var)?/tmp/[^\s\x22'`,;:)\]}]+", "[temporary file]"),
        (r"\b\d+([.]\d+)? ?(ms|µs|s|seconds?|milliseconds?)\b", "[duration]"),
        (r"\btouchdown_\d{8}_[a-z0-9]+", "[run]"),
        (r"\b(pid|thread)[ =:]+\d+", "[process]"),
    ];
    // All of them are expressions: a test reads each.
    all.into_iter().filter_map(|(text, name)| Some((Regex::new(text).ok()?, name))).collect()
});

/// An answer of `check`.
#[derive(Debug)]
pub struct Checked {
    /// What the config is, in words.
    pub config: String,
    /// A line for its status, one for each error that it told the platform, and one for how it ended
    /// where that was no success.
    pub answer: Vec<String>,
}

/// What is left out of answers.
#[derive(Debug, Clone)]
pub struct Varying(Vec<Regex>);

impl Varying {
    /// What the user says, beside what is known.
    #[must_use]
    pub fn new(given: &[Regex]) -> Self {
        Self(given.to_vec())
    }

    /// The text without it.
    #[must_use]
    pub fn taken_out(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        let given = self.0.iter().map(|regex| (regex, "[redacted]"));
        for (regex, name) in given.chain(KNOWN.iter().map(|(regex, name)| (regex, *name))) {
            text = Cow::Owned(regex.replace_all(&text, name).into_owned());
        }
        text.into_owned()
    }
}

/// The answers as they are reviewed: a paragraph for each config.
#[must_use]
pub fn printed(checks: &[Checked], varying: &Varying) -> String {
    let paragraph = |one: &Checked| {
        let lines = one.answer.iter().map(|line| varying.taken_out(line));
        let head = format!("# {}", varying.taken_out(&one.config));
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
    };
    checks.iter().map(paragraph).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_each_time_is_left_out() {
        assert_eq!(KNOWN.len(), 7);
        let varying = Varying::new(&[Regex::new("attempt [0-9]+").unwrap()]);
        for (text, wanted) in [
            ("at 2026-11-26T10:00:00.123Z, again", "at [time], again"),
            ("request 123e4567-e89b-12d3-a456-426614174000 failed", "request [uuid] failed"),
            ("no folder /tmp/touchdown-x1/no/such: gone", "no folder [temporary file]: gone"),
            ("'/tmp/a b'", "'[temporary file] b'"),
            ("timed out after 12.5 s, attempt 3", "timed out after [duration], [redacted]"),
            ("port 5432 refused", "port 5432 refused"),
            ("<Conn object at 0x7f00deadbeef>", "<Conn object at [address]>"),
        ] {
            assert_eq!(varying.taken_out(text), wanted);
        }
    }

    #[test]
    fn each_config_has_a_paragraph() {
        let one = |config: &str, answer: &[&str]| Checked {
            config: config.to_owned(),
            answer: answer.iter().map(|line| (*line).to_owned()).collect(),
        };
        let all = [one("the working config", &["SUCCEEDED"]), one("no host", &["FAILED: a", "b"])];
        let text = printed(&all, &Varying::new(&[]));
        assert_eq!(text, "# the working config\nSUCCEEDED\n\n# no host\nFAILED: a\nb");
    }
}
