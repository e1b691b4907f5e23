//! Loading scenarios from folders.
//!
//! ```text
//! append-twice/
//!   scenario.json        {"summary": …, "alone": false, "state_ids": true, "statuses": true}
//!   1.catalog.json       the first sync's ConfiguredAirbyteCatalog
//!   1.messages.jsonl     its AirbyteMessages, and our instructions between them
//!   1.expected.jsonl     {"stream": …, "namespace": …, "data": {…}} for each row landed after it
//!   2.catalog.json       the second sync …
//! ```
//!
//! `scenario.json` may also say: `"about": ID` (the check whose matter it is), `"needs": [NAME]`
//! (what the connector has to declare), `"breaks": true` (its syncs need not succeed, and have no
//! expected tables), `"default_namespace": true`, `"at_once": true`, `"env": {NAME: VALUE}`,
//! `"full_disk": true` and `"failed": [ID]` (the checks that failed in it when it was saved).
//!
//! Instructions, each `{"touchdown": …}`:
//!
//! | instruction | what is done |
//! |---|---|
//! | `"gate"` | the input is held until all states have come, or none comes any more |
//! | `{"bulk": {…}}` | records are made by a recipe |
//! | `{"raw": "text"}` | exactly this text is written |
//! | `{"pace": {"bytes": 7, "pause_ms": 1}}` | from here on it is written in pieces |
//! | `"replay"` | what the sync before has left unacknowledged is sent again |
//! | `{"disturb": "kill"}`, `"stop"`, `"close-output"` | is done to the destination at this point |
//! | `{"disturb": {"pause": 500}}`, `"cut-network"`, `"block-output"` | … for so many milliseconds |
//! | `{"disturb": {"kill-at-states": 3}}` | it is killed once so many states have come |

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bulk::Bulk;
use super::capability::Capability;
use super::{Disturbance, Pace, Scenario, Sent, Step, Sync};
use crate::protocol::message::Descriptor;

static BUILT_IN: Dir = include_dir!("$CARGO_MANIFEST_DIR/../fixtures/scenarios");

/// Why a scenario could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct LoadError {
    /// The file, as the user named its folder.
    pub file: String,
    /// What is wrong, with the line where there is one.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
struct Head {
    summary: String,
    #[serde(default)]
    alone: bool,
    #[serde(default = "yes")]
    state_ids: bool,
    #[serde(default = "yes")]
    statuses: bool,
    about: Option<String>,
    #[serde(default)]
    needs: Vec<Capability>,
    #[serde(default)]
    breaks: bool,
    #[serde(default)]
    default_namespace: bool,
    #[serde(default)]
    at_once: bool,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    full_disk: bool,
    #[serde(default)]
    failed: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The scenarios that come with touchdown, by name.
pub fn built_in() -> Result<Vec<Scenario>, LoadError> {
    let mut all = Vec::new();
    for folder in BUILT_IN.dirs() {
        let id = folder.path().to_string_lossy().into_owned();
        all.push(scenario(&id, &|name| {
            let Some(file) = folder.get_file(folder.path().join(name)) else { return Ok(None) };
            Ok(Some(file.contents_utf8().unwrap_or_default().to_owned()))
        })?);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// The scenarios of a folder: each of its folders is one.
pub fn from_folder(path: &Path) -> Result<Vec<Scenario>, LoadError> {
    let shown = path.display().to_string();
    let fail = |error: std::io::Error| LoadError { file: shown.clone(), what: error.to_string() };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let folder = entry.map_err(fail)?.path();
        if !folder.join("scenario.json").is_file() {
            continue;
        }
        all.push(one_of(&folder, &name_of(&folder))?);
    }
    if all.is_empty() {
        let what = "no folder in it holds a scenario.json".to_owned();
        return Err(LoadError { file: shown, what });
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    distinct(&all).map_err(|what| LoadError { file: shown, what })?;
    Ok(all)
}

/// The scenarios that these folders are, or that lie in them with a run's evidence.
pub fn saved(paths: &[PathBuf]) -> Result<Vec<Scenario>, LoadError> {
    let mut all = paths.iter().map(|path| saved_one(path)).collect::<Result<Vec<_>, _>>()?;
    for one in &mut all {
        // Each is judged by itself, under its own name.
        one.alone = true;
    }
    let shown = |path: &PathBuf| path.display().to_string();
    let file = || paths.iter().map(shown).collect::<Vec<_>>().join(", ");
    distinct(&all).map_err(|what| LoadError { file: file(), what })?;
    Ok(all)
}

fn saved_one(path: &Path) -> Result<Scenario, LoadError> {
    let within = path.join(super::save::CASE);
    let folder = if path.join("scenario.json").is_file() { path } else { &within };
    if !folder.join("scenario.json").is_file() {
        let what = if path.exists() {
            "it holds no scenario.json\n(a case is a folder with scenario.json, or with \
             case/scenario.json)"
        } else {
            "there is no such folder"
        };
        return Err(LoadError { file: path.display().to_string(), what: what.to_owned() });
    }
    // `…/generated-data-lost/case` is known by the folder that it lies in.
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let parent = absolute.parent().filter(|_| absolute.ends_with(super::save::CASE));
    one_of(folder, &name_of(parent.unwrap_or(&absolute)))
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn one_of(folder: &Path, id: &str) -> Result<Scenario, LoadError> {
    let shown = folder.display().to_string();
    let read = |name: &str| match std::fs::read_to_string(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    };
    scenario(id, &read).map_err(|mut error| {
        // It is told by where it lies, whatever it is called.
        error.file = error.file.replacen(id, &shown, 1);
        error
    })
}

/// The scenarios of a run share a namespace, also those that travel alone: streams of one name would
/// be one stream, and the destination be accused of what the other scenario has sent.
fn distinct(all: &[Scenario]) -> Result<(), String> {
    let mut ids = HashSet::new();
    if let Some(twice) = all.iter().find(|scenario| !ids.insert(&scenario.id)) {
        return Err(format!("two are called {}: rename the folder of one", twice.id));
    }
    let mut owners: HashMap<Descriptor, &str> = HashMap::new();
    // Saved cases get names apart.
    for scenario in all.iter().filter(|one| !one.is_saved()) {
        for stream in scenario.syncs.iter().flat_map(|sync| &sync.streams.streams) {
            let owner = owners.entry(stream.descriptor()).or_insert(&scenario.id);
            if *owner != scenario.id {
                let (name, other) = (&stream.descriptor().name, &scenario.id);
                return Err(format!(
                    "{owner} and {other} both have a stream {name:?}: give them names of their own"
                ));
            }
        }
    }
    Ok(())
}

/// Reads a file of a scenario; one that is not there is `None`.
type Read<'a> = &'a dyn Fn(&str) -> io::Result<Option<String>>;

fn scenario(id: &str, read: Read) -> Result<Scenario, LoadError> {
    let fail = |file: &str, what: String| LoadError { file: format!("{id}/{file}"), what };
    let read = |file: &str| read(file).map_err(|error| fail(file, error.to_string()));
    let needed = |file: &str| read(file)?.ok_or_else(|| fail(file, "it is not there".to_owned()));
    let head = needed("scenario.json")?;
    let head: Head =
        serde_json::from_str(&head).map_err(|e| fail("scenario.json", e.to_string()))?;
    let mut syncs = Vec::new();
    for nth in 1.. {
        let file = format!("{nth}.catalog.json");
        let Some(catalog) = read(&file)? else {
            for other in ["messages.jsonl", "expected.jsonl"] {
                if read(&format!("{nth}.{other}"))?.is_some() {
                    return Err(fail(&file, format!("it is not there, and {nth}.{other} is")));
                }
            }
            break;
        };
        let streams =
            serde_json::from_str(&catalog).map_err(|error| fail(&file, error.to_string()))?;
        let file = format!("{nth}.messages.jsonl");
        let messages = needed(&file)?;
        let steps = lines(&messages, step).map_err(|what| fail(&file, what))?;
        let file = format!("{nth}.expected.jsonl");
        let expected = read(&file)?.unwrap_or_default();
        let expected = lines(&expected, row).map_err(|what| fail(&file, what))?;
        syncs.push(Sync { catalog, streams, steps, expected });
    }
    if syncs.is_empty() {
        return Err(fail("1.catalog.json", "it is not there".into()));
    }
    let scenario = Scenario {
        id: id.to_owned(),
        summary: head.summary,
        alone: head.alone,
        state_ids: head.state_ids,
        statuses: head.statuses,
        about: head.about,
        needs: head.needs,
        breaks: head.breaks,
        default_namespace: head.default_namespace,
        at_once: head.at_once,
        env: head.env.into_iter().collect(),
        full_disk: head.full_disk,
        failed: head.failed,
        syncs,
    };
    consistent(&scenario).map_err(|what| fail("scenario.json", what.to_owned()))?;
    Ok(scenario)
}

/// What a scenario may not ask for; the error is in words for its author.
fn consistent(scenario: &Scenario) -> Result<(), &'static str> {
    let Scenario { alone, breaks, at_once, env, full_disk, syncs, .. } = scenario;
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    if env.iter().any(|(name, value)| !is_name(name) || value.contains('\0')) {
        return Err("env: a name is empty or holds '=', or something holds U+0000");
    }
    let replays = |sync: &Sync| sync.steps.iter().any(|step| matches!(step, Step::Replay));
    let paces = |sync: &Sync| sync.steps.iter().any(|step| matches!(step, Step::Pace(_)));
    let apart = *breaks || *at_once || !env.is_empty() || *full_disk;
    if !alone && scenario.disturbances().next().is_some() {
        return Err("what disturbs the destination would disturb others: say \"alone\": true");
    }
    if !alone && (apart || syncs.iter().any(paces)) {
        return Err("breaks, at_once, env, full_disk and pace concern whole launches: say \
                    \"alone\": true");
    }
    if syncs.first().is_some_and(replays) {
        return Err("the first sync has none before it that could be replayed");
    }
    if *at_once && (*breaks || syncs.iter().any(replays)) {
        return Err("syncs at the same time can neither break nor be replayed");
    }
    Ok(())
}

/// Reads each line that is not blank; an error names its line.
fn lines<T>(text: &str, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| read(line).map_err(|what| format!("line {}: {what}: {line}", at + 1)))
        .collect()
}

/// A line of a messages file: a message, or an instruction of ours.
pub(crate) fn step(line: &str) -> Result<Step, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Instruction {
        Gate,
        Bulk(Bulk),
        Disturb(Disturbance),
        Raw(String),
        Pace(Pace),
        Replay,
    }
    #[derive(Deserialize)]
    struct Ours {
        touchdown: Option<Instruction>,
    }
    let ours: Ours = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match ours.touchdown {
        Some(Instruction::Gate) => Ok(Step::Gate),
        Some(Instruction::Bulk(Bulk { skip, state_every, .. }))
            if skip.checked_rem(state_every).is_some_and(|parted| parted > 0) =>
        {
            Err("a recipe can be begun only after one of its states".to_owned())
        }
        Some(Instruction::Bulk(bulk))
            if bulk.line.max(bulk.state_line) > LONGEST_LINE || bulk.records > MOST_RECORDS =>
        {
            Err("a line of more than 256 MiB, or more than 8,000,000,000 records".to_owned())
        }
        Some(Instruction::Bulk(bulk)) => Ok(Step::Bulk(bulk)),
        Some(Instruction::Disturb(disturbance)) => bearable(disturbance).map(Step::Disturb),
        Some(Instruction::Raw(text)) => Ok(Step::Raw(text)),
        Some(Instruction::Pace(Pace { bytes: 0, .. })) => Err("a pace of no bytes".to_owned()),
        Some(Instruction::Pace(pace)) => Ok(Step::Pace(pace)),
        Some(Instruction::Replay) => Ok(Step::Replay),
        None => Sent::parse(line).map(Step::Message),
    }
}

/// The longest line that a recipe may ask for.
const LONGEST_LINE: usize = 256 << 20;
/// The most records that a recipe may ask for: their ids have to be of one length.
const MOST_RECORDS: u64 = 8_000_000_000;

/// Refuses a disturbance that would outlast anybody's patience.
fn bearable(disturbance: Disturbance) -> Result<Disturbance, String> {
    const LONGEST: u64 = 3_600_000;
    match disturbance {
        Disturbance::Pause(millis)
        | Disturbance::CutNetwork(millis)
        | Disturbance::BlockOutput(millis)
            if millis > LONGEST =>
        {
            Err(format!("{millis} ms are more than an hour"))
        }
        bearable => Ok(bearable),
    }
}

fn row(line: &str) -> Result<(Descriptor, Box<RawValue>), String> {
    #[derive(Deserialize)]
    struct Row {
        stream: String,
        namespace: Option<String>,
        data: Box<RawValue>,
    }
    let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok((Descriptor { name: row.stream, namespace: row.namespace }, row.data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::catalog::ConfiguredStream;

    #[test]
    fn all_built_in_scenarios_load() {
        assert!(built_in().unwrap().len() >= 10);
    }

    #[test]
    fn no_two_scenarios_share_a_stream() {
        let mut seen = HashSet::new();
        for scenario in built_in().unwrap() {
            let own: HashSet<_> = scenario
                .syncs
                .iter()
                .flat_map(|sync| sync.streams.streams.iter().map(ConfiguredStream::descriptor))
                .collect();
            for stream in own {
                assert!(seen.insert(stream.clone()), "{stream} of {} is taken", scenario.id);
            }
        }
    }

    #[test]
    fn errors_name_the_line() {
        let two = "{\"touchdown\":\"gate\"}\n{\"touchdown\":\"gatt\"}";
        let error = loaded("", &[two]).unwrap_err();
        assert!(error.starts_with("x/1.messages.jsonl: line 2: "), "{error}");
    }

    #[test]
    fn a_file_that_is_missing_or_unreadable_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text);
        let error = || one_of(folder.path(), "x").unwrap_err().to_string();
        write("scenario.json", br#"{"summary":"s"}"#).unwrap();
        assert!(error().ends_with("/1.catalog.json: it is not there"), "{}", error());
        write("1.catalog.json", br#"{"streams":[]}"#).unwrap();
        assert!(error().ends_with("/1.messages.jsonl: it is not there"), "{}", error());
        write("1.messages.jsonl", b"\xff").unwrap();
        assert!(error().contains("/1.messages.jsonl: stream did not contain"), "{}", error());
        write("1.messages.jsonl", b"").unwrap();
        one_of(folder.path(), "x").unwrap();
        write("2.expected.jsonl", b"").unwrap();
        let told = "/2.catalog.json: it is not there, and 2.expected.jsonl is";
        assert!(error().ends_with(told), "{}", error());
    }

    /// A scenario of syncs with these messages.
    fn loaded(head: &str, syncs: &[&str]) -> Result<Scenario, String> {
        let read = |name: &str| {
            if name == "scenario.json" {
                return Some(format!(r#"{{"summary":"s"{head}}}"#));
            }
            let (nth, file) = name.split_once('.')?;
            let messages = syncs.get(nth.parse::<usize>().ok()?.checked_sub(1)?)?;
            match file {
                "catalog.json" => Some(r#"{"streams":[]}"#.to_owned()),
                "messages.jsonl" => Some((*messages).to_owned()),
                _ => None,
            }
        };
        scenario("x", &|name| Ok(read(name))).map_err(|error| error.to_string())
    }

    #[test]
    fn instructions_are_read() {
        let read = |text: &str| step(&format!(r#"{{"touchdown":{text}}}"#));
        for (text, wanted) in [
            (r#""gate""#, "Gate"),
            (r#""replay""#, "Replay"),
            (r#"{"raw":"{\"a\":\n"}"#, r#"Raw("{\"a\":\n")"#),
            (r#"{"pace":{"bytes":7,"pause_ms":2}}"#, "Pace(Pace { bytes: 7, pause_ms: 2 })"),
            (r#"{"disturb":"kill"}"#, "Disturb(Kill)"),
            (r#"{"disturb":"stop"}"#, "Disturb(Stop)"),
            (r#"{"disturb":"close-output"}"#, "Disturb(CloseOutput)"),
            (r#"{"disturb":{"pause":500}}"#, "Disturb(Pause(500))"),
            (r#"{"disturb":{"cut-network":500}}"#, "Disturb(CutNetwork(500))"),
            (r#"{"disturb":{"block-output":1500}}"#, "Disturb(BlockOutput(1500))"),
            (r#"{"disturb":{"kill-at-states":3}}"#, "Disturb(KillAtStates(3))"),
        ] {
            assert_eq!(format!("{:?}", read(text).unwrap()), wanted);
        }
        let bulk = read(r#"{"bulk":{"stream":{"name":"a"},"records":9,"state_every":3}}"#).unwrap();
        let Step::Bulk(bulk) = bulk else { panic!("{bulk:?}") };
        assert_eq!((bulk.states(), bulk.skip, bulk.state_line), (3, 0, 0));
        for text in [
            r#""kill""#,
            r#"{"disturb":"kil"}"#,
            r#"{"disturb":{"kill-at-states":-1}}"#,
            r#"{"disturb":"pause"}"#,
            r#"{"pace":{"bytes":0,"pause_ms":2}}"#,
            r#"{"pace":{"bytes":7}}"#,
            r#"{"pace":{"bytes":7,"pause_ms":2,"lines":1}}"#,
            r#"{"raw":7}"#,
            r#"{"bulk":{"stream":{"name":"a"},"records":9,"state_every":3,"skip":2}}"#,
            r#"{"gate":1,"raw":"x"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_disturbs_others_is_alone_and_a_replay_has_something_before_it() {
        let kill = r#"{"touchdown":{"disturb":"kill"}}"#;
        let pace = r#"{"touchdown":{"pace":{"bytes":7,"pause_ms":1}}}"#;
        let replay = r#"{"touchdown":"replay"}"#;
        let alone = r#","alone":true"#;
        for (head, syncs, wanted) in [
            ("", &[""][..], None),
            (alone, &[kill], None),
            ("", &[kill], Some("would disturb others")),
            (r#","alone":true,"breaks":true"#, &["", replay], None),
            (r#","breaks":true"#, &[""], Some("concern whole launches")),
            (r#","at_once":true"#, &[""], Some("concern whole launches")),
            (r#","env":{"LC_ALL":"C"}"#, &[""], Some("concern whole launches")),
            (r#","full_disk":true"#, &[""], Some("concern whole launches")),
            ("", &[pace], Some("concern whole launches")),
            (alone, &[pace], None),
            ("", &["", replay], None),
            ("", &[replay], Some("none before it")),
            (r#","alone":true,"at_once":true"#, &["", ""], None),
            (r#","alone":true,"at_once":true"#, &["", replay], Some("neither break nor")),
            (r#","alone":true,"at_once":true,"breaks":true"#, &["", ""], Some("neither break nor")),
            (r#","needs":["refreshes"]"#, &[""], None),
            (r#","needs":["refresh"]"#, &[""], Some("unknown variant")),
            (r#","brakes":true"#, &[""], Some("unknown field")),
        ] {
            match (loaded(head, syncs), wanted) {
                (Ok(_), None) => {}
                (Err(error), Some(wanted)) => assert!(error.contains(wanted), "{error}"),
                (loaded, wanted) => panic!("{head} {syncs:?}: {loaded:?}, not {wanted:?}"),
            }
        }
        let scenario = loaded(r#","alone":true,"about":"hangs","env":{"A":"b"}"#, &[kill]).unwrap();
        assert_eq!(scenario.about.as_deref(), Some("hangs"));
        assert_eq!(scenario.env, [("A".to_owned(), "b".to_owned())]);
        assert!(scenario.disturbances().eq([Disturbance::Kill]));
        assert!(scenario.state_ids && scenario.statuses && !scenario.breaks);
    }
}
