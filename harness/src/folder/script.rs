//! `repeat.sh`: what a trial did, as a shell script that needs the connector, and not us.

use std::fmt::Write as _;
use std::path::Path;

use crate::evidence::Launch;
use crate::scenario::{Disturbance, SentBody, Step};

/// Its name.
pub const SCRIPT: &str = "repeat.sh";
/// The streams of the trial, as a read-back is given them.
pub const STREAMS: &str = "streams.jsonl";
/// What had to be there in the end.
pub const EXPECTED: &str = "expected.jsonl";
/// The folder, within that of the trial, in which files lie that are made anew each time.
pub const AGAIN: &str = "repeat";

/// How a launch ends, as far as a shell can bring it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Own,
    /// By SIGKILL after so many lines of input, once so many states have come back.
    Killed {
        /// The lines; all, if there is no number.
        lines: Option<u64>,
        /// The states.
        states: u64,
    },
}

impl End {
    /// How this launch ends.
    #[must_use]
    pub fn of(launch: &Launch) -> Self {
        let (mut lines, mut states, mut gated) = (0, 0, false);
        for step in &launch.steps {
            match step {
                Step::Disturb(Disturbance::Kill) => {
                    let states = if gated { states } else { 0 };
                    return Self::Killed { lines: Some(lines), states };
                }
                Step::Disturb(Disturbance::KillAtStates(count)) => {
                    return Self::Killed { lines: None, states: *count };
                }
                _ => {}
            }
            gated = matches!(step, Step::Gate);
            match step {
                Step::Message(sent) => {
                    lines += 1;
                    states += u64::from(matches!(sent.body, SentBody::State(_)));
                }
                Step::Bulk(bulk) => {
                    lines += bulk.sent() + bulk.states();
                    states += bulk.states();
                }
                Step::Raw(text) => lines += text.matches('\n').count() as u64,
                _ => {}
            }
        }
        Self::Own
    }
}

/// A launch.
#[derive(Debug)]
pub struct Line {
    /// Its shell line, but for where its output goes.
    pub line: String,
    /// How it ends; a killed one with the line that kills `$pid`.
    pub end: (End, String),
}

/// The script of bare launches: their lines, one after the other.
#[must_use]
pub fn lines(all: &[Line]) -> String {
    let mut script = "#!/bin/sh\n# Repeats what touchdown did, without touchdown.\n".to_owned();
    script.extend(all.iter().map(|one| format!("{}\n", one.line)));
    script
}

/// The script of syncs: it makes them in `folder`, and reads back what has landed. Each time the
/// streams get names of their own: those of `run` with the time.
#[must_use]
pub fn syncs(folder: &Path, run: &str, all: &[Line], readback: &[String]) -> String {
    let again = folder.join(AGAIN);
    let (folder, again) = (folder.to_string_lossy(), again.to_string_lossy());
    let (folder, again) = (shell_words::quote(&folder), shell_words::quote(&again));
    let mut script = format!(
        r#"#!/bin/sh
# Repeats what touchdown did, without touchdown: the same launches with the same input, and what has
# landed after them. Streams get names of their own each time, to be new ones.
cd {folder} || exit
if [ "${{1-}}" != renamed ]; then
    name={run}_$(date +%s)_$$
    mkdir -p {AGAIN}
    for file in {SCRIPT} *.catalog.json *.messages.jsonl {STREAMS} {EXPECTED}; do
        [ ! -f "$file" ] || sed "s/{run}/$name/g" "$file" > "{AGAIN}/$file"
    done
    exec sh {AGAIN}/{SCRIPT} renamed
fi
"#
    );
    let is_killed = |one: &Line| one.end.0 != End::Own;
    if all.iter().any(is_killed) {
        script.push_str(
            r#"
# Waits until so many states have come back, ten seconds at most.
states() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(grep -c '"STATE"' "$2")" -lt "$1" ] || return 0
        sleep 1
    done
}
"#,
        );
    }
    for (nth, Line { line, end: (end, kill) }) in all.iter().enumerate() {
        let nth = nth + 1;
        let of = if all.len() > 1 { format!(" {nth} of {}", all.len()) } else { String::new() };
        let launched = match end {
            End::Own => format!(
                "\necho \"== launch{of}\"\n( {line} > {again}/{nth}.out )\necho \"exit code $?\"\n"
            ),
            End::Killed { lines, states } => {
                let messages = format!("{again}/{nth}.messages.jsonl");
                let (words, feed) = match lines {
                    Some(lines) => {
                        (format!("after {lines} lines"), format!("head -n {lines} {messages}"))
                    }
                    None => (format!("at {states} states"), format!("cat {messages} &")),
                };
                format!(
                    r#"
echo "== launch{of}, killed {words}"
rm -f {again}/{nth}.in && mkfifo {again}/{nth}.in && : > {again}/{nth}.out
( {line} > {again}/{nth}.out ) & pid=$!
{{
    {feed}
    states {states} {again}/{nth}.out
    {kill}
}} > {again}/{nth}.in 2> /dev/null
wait $pid 2> /dev/null
"#
                )
            }
        };
        let _ = write!(script, "{launched}cat {again}/{nth}.out\n");
    }
    if !readback.is_empty() {
        script.push_str("\necho \"== landed\"\n");
        script.extend(readback.iter().map(|line| format!("( {line} )\n")));
        let _ = write!(
            script,
            "[ ! -f {again}/{EXPECTED} ] || {{ echo \"== expected\"; cat {again}/{EXPECTED}; }}\n"
        );
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, state, write};

    #[test]
    fn a_launch_ends_as_its_steps_say() {
        let (row, first) = (record("a"), state(1, "a", "{}"));
        let end = |script: &str| End::of(&write(script));
        assert_eq!(end(&format!("< {row}\n< {first}")), End::Own);
        let killed = |lines, states| End::Killed { lines, states };
        let two = format!("< {row}\n< {first}");
        assert_eq!(end(&format!("{two}\n~ kill\nx< {row}")), killed(Some(2), 0));
        let mut gated = write(&format!("{two}\n~ kill\nx< {row}"));
        gated.steps.insert(2, Step::Gate);
        assert_eq!(End::of(&gated), killed(Some(2), 1));
        let at_states = r#"~ {"disturb":{"kill-at-states":1}}"#;
        assert_eq!(end(&format!("{at_states}\n{two}\n< {row}")), killed(None, 1));
    }

    #[test]
    fn a_script_kills_where_we_did_and_shows_what_has_landed() {
        let own =
            |line: &str, end| Line { line: line.to_owned(), end: (end, "kill it".to_owned()) };
        let killed = End::Killed { lines: Some(3), states: 2 };
        let all = [own("first", killed), own("second", End::Own)];
        let script = syncs(Path::new("/out/two words"), "run", &all, &["read it".to_owned()]);
        for part in [
            "cd '/out/two words' || exit\n",
            "sed \"s/run/$name/g\"",
            "== launch 1 of 2, killed after 3 lines",
            "( first > '/out/two words/repeat'/1.out ) & pid=$!\n",
            "    head -n 3 '/out/two words/repeat'/1.messages.jsonl\n    states 2 ",
            "\n    kill it\n",
            "( second > '/out/two words/repeat'/2.out )\n",
            "== landed\"\n( read it )\n",
        ] {
            assert!(script.contains(part), "{part}\n{script}");
        }
    }
}
