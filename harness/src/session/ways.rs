//! Finding a way in which an image answers: the platform's if that works, and otherwise the one
//! nearest to it, so that the other rules can be judged all the same.

use super::runner::{Job, Runner};
use crate::evidence::{Evidence, ImageFacts, Launch, Purpose, WayTried};
use crate::subject::image::{Image, Io, Way};
use crate::transcript::Stop;

/// What was found.
pub struct Settled {
    /// What is known of the image.
    pub facts: ImageFacts,
    /// The launch that answered; or why none did, in words.
    pub spec: Result<Evidence, String>,
}

/// All ways, the platform's first.
const WAYS: [Way; 4] = [
    Way { io: Io::Platform, own_workdir: false },
    Way { io: Io::Attach, own_workdir: false },
    Way { io: Io::Platform, own_workdir: true },
    Way { io: Io::Attach, own_workdir: true },
];

/// Asks for the spec in one way after the other until one works; it is then the image's way.
/// `wanted` is what the user says of it.
pub fn settle(runner: &Runner, image: &Image, wanted: Option<Io>) -> Settled {
    let info = image.info();
    let mut facts = ImageFacts {
        entrypoint: info.entrypoint.clone(),
        airbyte_entrypoint: info.airbyte_entrypoint.clone(),
        labels: info.labels.clone(),
        architectures: info.architectures.clone(),
        not_for_platform: match wanted {
            Some(Io::Attach) => Some("--io attach was given".to_owned()),
            None if info.says_attach() => Some("its label touchdown.io says attach".to_owned()),
            _ => None,
        },
        ..ImageFacts::default()
    };
    let may = |way: &&Way| match way.io {
        Io::Platform => facts.not_for_platform.is_none() && info.airbyte_entrypoint.is_some(),
        Io::Attach => wanted != Some(Io::Platform),
    };
    let ways: Vec<Way> = WAYS.iter().filter(may).copied().collect();
    if ways.is_empty() {
        let spec = Err("--io platform was given, and the image sets no AIRBYTE_ENTRYPOINT: there \
                        is nothing that the platform could run"
            .to_owned());
        return Settled { facts, spec };
    }
    let (mut first_silent, mut refused) = (None, None);
    for way in ways {
        let closed = facts.shell == Some(false) || refused.is_some();
        if way.io == Io::Platform && closed {
            continue;
        }
        image.set_way(way);
        match runner.run(Job::bare("spec", Purpose::Spec)) {
            Ok(evidence) => {
                let launch = evidence.launches.first();
                let answered = launch.is_some_and(Launch::spoke);
                let end = launch.map(Launch::describe_end).unwrap_or_default();
                let hangs = launch.is_some_and(|launch| {
                    matches!(
                        launch.transcript.end.stopped,
                        Some(Stop::TimeLimit(_) | Stop::Interrupted)
                    )
                });
                let under_shell = way.io == Io::Platform;
                let own_workdir = way.own_workdir;
                facts.ways.push(WayTried { under_shell, own_workdir, answered, end });
                if under_shell {
                    facts.shell = Some(true);
                }
                if answered {
                    return Settled { facts, spec: Ok(evidence) };
                }
                first_silent.get_or_insert((way, evidence));
                // One that hangs would hang in the other ways, and cost as much time again.
                if hangs {
                    break;
                }
            }
            Err(error) if error.is_no_shell() => {
                facts.shell = Some(false);
                refused.get_or_insert(error.to_string());
            }
            // What is refused in one way may be granted in another, or be told better.
            Err(error) if error.is_not_shared() || error.is_refusal() => {
                refused.get_or_insert(error.to_string());
            }
            Err(error) => return Settled { facts, spec: Err(error.to_string()) },
        }
    }
    let Some((way, evidence)) = first_silent else {
        return Settled { facts, spec: Err(refused.unwrap_or_default()) };
    };
    image.set_way(way);
    let spec = Err(silence(&evidence, &facts, way));
    Settled { facts, spec }
}

/// What to tell of an image that says nothing, with a guess at the mistake.
fn silence(evidence: &Evidence, facts: &ImageFacts, way: Way) -> String {
    let Some(launch) = evidence.launches.first() else {
        return "spec was not run".to_owned();
    };
    let end = launch.describe_end();
    let printed = launch.transcript.stdout.iter().find(|line| !line.bytes.trim_ascii().is_empty());
    let printed = printed
        .map(|line| format!(", and printed {:?}", crate::protocol::line::shown(&line.bytes)))
        .unwrap_or_default();
    let ways = facts.ways.len();
    let tried =
        if ways > 1 { format!(" (in none of {ways} ways of running it)") } else { String::new() };
    let mut guess = "";
    if launch.transcript.end.stopped.is_some() || launch.transcript.end.is_success() {
        guess = "\n(does it ignore its arguments? ENTRYPOINT has to be in exec form, \
                 [\"python\", \"/main.py\"], so that `spec` reaches the program, and nothing may wait \
                 for input)";
    } else if end.contains("exec format error") {
        guess = "\n(it is no program of this machine: the image is for another architecture, or it is a \
                 script without its first line, #!)";
    } else if way.io == Io::Attach {
        // What the engine says of a program is clear enough.
    } else if launch.transcript.end.code == Some(127) {
        guess = "\n(127 is the shell's: no such command; is the path in AIRBYTE_ENTRYPOINT right?)";
    } else if launch.transcript.end.code == Some(126) {
        guess = "\n(126 is the shell's: it may not be executed; is it executable for its user?)";
    }
    format!("spec printed no message{tried}: {end}{printed}{guess}")
}
