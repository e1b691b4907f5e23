//! `repeat.sh`: what a trial did, as a shell script that needs the connector, and not us.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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

/// What is done to a launch that a shell cannot do, in words.
#[must_use]
pub fn left_out(launch: &Launch) -> Vec<&'static str> {
    let mut all: Vec<_> = launch.steps.iter().filter_map(word_of).collect();
    all.dedup();
    all
}

fn word_of(step: &Step) -> Option<&'static str> {
    match step {
        Step::Pace(_) => Some("its input trickled in"),
        Step::Disturb(Disturbance::Stop) => Some("it was asked to stop, by SIGTERM"),
        Step::Disturb(Disturbance::Pause(_)) => Some("it stood still for a while"),
        Step::Disturb(Disturbance::CutNetwork(_)) => Some("its network was cut"),
        Step::Disturb(Disturbance::BlockOutput(_)) => Some("its output was not read for a while"),
        Step::Disturb(Disturbance::CloseOutput) => Some("its output was read no more"),
        _ => None,
    }
}

/// A launch.
#[derive(Debug)]
pub struct Line {
    /// Its shell line, but for where its output goes.
    pub line: String,
    /// How it ends; a killed one with the line that kills `$pid`.
    pub end: (End, String),
    /// What was done to it that is left out.
    pub left_out: Vec<&'static str>,
}

/// All that a script does.
#[derive(Debug, Default)]
pub struct Script<'a> {
    /// The trial's folder.
    pub folder: PathBuf,
    /// Where the run was started: commands may be named from there.
    pub from: PathBuf,
    /// The name that is in those of the streams.
    pub run: &'a str,
    /// The launches.
    pub launches: Vec<Line>,
    /// The lines that read back what has landed.
    pub readback: Vec<String>,
    /// What was found.
    pub found: Vec<String>,
}

impl Script<'_> {
    /// The script of bare launches: their lines, one after the other.
    #[must_use]
    pub fn bare(&self) -> String {
        let mut script = "#!/bin/sh\n# Repeats what touchdown did, without touchdown.\n".to_owned();
        let _ = writeln!(script, "cd {} || exit", quoted(&self.from));
        script.extend(self.launches.iter().map(|one| format!("{}\n", one.line)));
        script
    }

    /// The script of syncs, which reads back what has landed, too. Each time the streams get names of
    /// their own, as long as those that they had.
    #[must_use]
    pub fn syncs(&self) -> String {
        let (folder, from, run) = (quoted(&self.folder), quoted(&self.from), self.run);
        let stem = run.rsplit_once('_').map_or(run, |(stem, _)| stem);
        let mut script = format!(
            r#"#!/bin/sh
# Repeats what touchdown did, without touchdown: the same launches with the same input, and shows what
# has landed after them. Streams get names of their own each time, to be new ones.
here=$(cd "$(dirname "$0")" && pwd) || exit
cd {from} || exit
if [ "${{1-}}" != renamed ]; then
    was={folder} trial=$here
    name={stem}_$(printf %06d $((($(date +%s) * 131 + $$) % 1000000)))
    edit="s/{run}/$name/g"
    if [ "$trial" != "$was" ]; then
        case $trial$was in *[!A-Za-z0-9_./-]*)
            echo "it was moved: give it a path without blanks and such" >&2; exit 2 ;;
        esac
        edit="$edit; s|$was/|$trial/|g"
    fi
    mkdir -p "$trial/{AGAIN}" || exit
    for file in {SCRIPT} {STREAMS} {EXPECTED} $(cd "$trial" && ls | grep -E '^[0-9]+\.(catalog|messages)\.json'); do
        [ ! -f "$trial/$file" ] || sed "$edit" "$trial/$file" > "$trial/{AGAIN}/$file"
    done
    exec sh "$trial/{AGAIN}/{SCRIPT}" renamed
fi
again=$here
"#
        );
        if !self.readback.is_empty() {
            script.push_str(SHOWN);
        }
        if self.launches.iter().any(|one| one.end.0 != End::Own) {
            script.push_str(WAIT);
        }
        for (nth, line) in self.launches.iter().enumerate() {
            script.push_str(&self.launch(nth + 1, line));
        }
        if !self.readback.is_empty() {
            let lines = self.readback.join(" && ");
            let _ = write!(
                script,
                "\necho \"== landed\"\n( {lines} ) > \"$again/landed\" || echo \"the read-back failed\"\n"
            );
            script.push_str("shown \"$again/landed\"\n");
            let _ = writeln!(
                script,
                "[ ! -f \"$again/{EXPECTED}\" ] || {{ echo \"== expected\"; shown \"$again/{EXPECTED}\"; }}"
            );
        }
        if !self.found.is_empty() {
            script.push_str("\necho \"== what touchdown found\"\n");
            let told = self.found.iter().map(|told| format!("echo {}\n", shell_words::quote(told)));
            script.extend(told);
        }
        script
    }

    fn launch(&self, nth: usize, of: &Line) -> String {
        let Line { line, end: (end, kill), left_out } = of;
        let total = self.launches.len();
        let which = if total > 1 { format!(" {nth} of {total}") } else { String::new() };
        let mut script = String::from("\n");
        for what in left_out {
            let _ = writeln!(script, "# Left out here: {what}.");
        }
        let (out, input) = (format!("\"$again/{nth}.out\""), format!("\"$again/{nth}.in\""));
        match end {
            End::Own => {
                let _ = write!(
                    script,
                    "echo \"== launch{which}\"\n( {line} ) > {out}\necho \"exit code $?\"\n"
                );
            }
            End::Killed { lines, states } => {
                let messages = format!("\"$again/{nth}.messages.jsonl\"");
                let (words, feed) = match lines {
                    Some(lines) => {
                        (format!("after {lines} lines"), format!("head -n {lines} {messages}"))
                    }
                    None => (format!("at {states} states"), format!("cat {messages}")),
                };
                // Where it is killed by what comes back, its input goes on meanwhile.
                let until = if lines.is_some() { "fed $feeder\n" } else { "" };
                let _ = write!(
                    script,
                    r#"echo "== launch{which}, killed {words}"
rm -f {input} && mkfifo {input} && : > {out}
exec 3<> {input}
( {line} ) > {out} 3>&- & pid=$!
{feed} >&3 & feeder=$!
{until}states {states} {out}
{{ {kill}; }} 2> /dev/null || echo "it could not be killed"
kill $feeder 2> /dev/null
exec 3>&-
wait $pid 2> /dev/null
"#
                );
            }
        }
        let _ = writeln!(script, "cat {out}");
        script
    }
}

const WAIT: &str = r#"
# Waits until all was written, a minute at most: it may be read no more.
fed() {
    ( sleep 60; kill "$1" ) > /dev/null 2>&1 & watch=$!
    wait "$1"
    kill $watch 2> /dev/null
}
# Waits until so many states have come back, ten seconds at most.
states() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(grep -c '"STATE"' "$2")" -lt "$1" ] || return 0
        sleep 1
    done
}
"#;

const SHOWN: &str = r#"
# The first lines of a file, and how many there are.
shown() {
    head -n 20 "$1"
    [ "$(wc -l < "$1")" -le 20 ] || echo "… $(wc -l < "$1") in all"
}
"#;

fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
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
        let own = |line: &str, end| Line {
            line: line.to_owned(),
            end: (end, "kill it".to_owned()),
            left_out: vec!["it stood still for a while"],
        };
        let killed = End::Killed { lines: Some(3), states: 2 };
        let script = Script {
            folder: "/out/two words".into(),
            from: "/my place".into(),
            run: "touchdown_20260101_abcdef",
            launches: vec![own("first", killed), own("second", End::Own)],
            readback: vec!["read it".to_owned()],
            found: vec!["it's gone".to_owned()],
        }
        .syncs();
        for part in [
            "cd '/my place' || exit\n",
            "    was='/out/two words' trial=$here\n",
            "    name=touchdown_20260101_$(printf %06d ",
            "    edit=\"s/touchdown_20260101_abcdef/$name/g\"\n",
            "# Left out here: it stood still for a while.\n",
            "== launch 1 of 2, killed after 3 lines",
            "( first ) > \"$again/1.out\" 3>&- & pid=$!\n",
            "head -n 3 \"$again/1.messages.jsonl\" >&3 & feeder=$!\nfed $feeder\nstates 2 ",
            "\n{ kill it; } 2> /dev/null",
            "( second ) > \"$again/2.out\"\n",
            "== landed\"\n( read it ) > ",
            "echo 'it'\\''s gone'\n",
        ] {
            assert!(script.contains(part), "{part}\n{script}");
        }
    }
}
