//! Images that each break one rule of an image, so that checks can be proved able to fail.

use std::io::Write;
use std::process::Stdio;

use super::engine::{available, build_kit, docker, image};
use super::machine::{hash, or_panic, run};
use super::reference::{from_parts, with_shell};

/// What breaks the rule, as lines added to the Dockerfile of `with_shell()`. A line `-START` takes
/// away the lines that start so: what a base image sets can be changed, but not unset. Users are
/// numbers, since no file says what they are called.
pub const VARIANTS: &[(&str, &str)] = &[
    ("no-entrypoint-variable", "-ENV AIRBYTE_ENTRYPOINT"),
    // The image itself works; the platform starts what the variable says.
    ("entrypoint-differs", "ENV AIRBYTE_ENTRYPOINT=/bin/echo"),
    (
        "entrypoint-relative",
        r#"-COPY target/static
COPY target/static/*/release/reference-destination /app/touchdown-reference
WORKDIR /app
LABEL touchdown.readback-once="/app/touchdown-reference read"
ENV AIRBYTE_ENTRYPOINT=./touchdown-reference
ENTRYPOINT ["./touchdown-reference"]"#,
    ),
    ("no-shell", "-COPY bin"),
    ("needs-root", "USER 0:0\nRUN chmod 0700 /touchdown-reference"),
    // As the /init of s6-overlay does.
    (
        "needs-pid1",
        r#"USER 0:0
RUN printf '%s\n' '#!/bin/sh' \
    'if [ $$ != 1 ]; then echo "init: can only run as process 1" >&2; exit 100; fi' \
    'exec /touchdown-reference "$@"' > /init && chmod 755 /init
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT=/init
ENTRYPOINT ["/init"]"#,
    ),
    // Below its heading, the table of routes holds those of interfaces other than lo.
    (
        "needs-network",
        r#"USER 0:0
RUN printf '%s\n' '#!/bin/sh' \
    'if [ $(wc -l < /proc/net/route) -le 1 ]; then echo "no network" >&2; exit 1; fi' \
    'exec /touchdown-reference "$@"' > /start && chmod 755 /start
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT=/start
ENTRYPOINT ["/start"]"#,
    ),
    ("no-labels", "-LABEL io.airbyte"),
    (OTHER_ARCHITECTURE, ""),
    (
        "no-such-entrypoint",
        r#"ENV AIRBYTE_ENTRYPOINT=/no-such-program
ENTRYPOINT ["/no-such-program"]"#,
    ),
    (
        "ignores-arguments",
        r#"USER 0:0
RUN printf '%s\n' '#!/bin/sh' 'echo "Hello."' > /hello && chmod 755 /hello
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT=/hello
ENTRYPOINT ["/hello"]"#,
    ),
    (
        "never-ends",
        r#"USER 0:0
RUN printf '%s\n' '#!/bin/sh' 'exec sleep 2147483647' > /wait && chmod 755 /wait
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT=/wait
ENTRYPOINT ["/wait"]"#,
    ),
];

/// Same contents, but its manifest says that they are for another processor.
const OTHER_ARCHITECTURE: &str = "other-architecture";

/// The variant of this name.
///
/// # Panics
///
/// When there is no such variant, or it cannot be made.
#[must_use]
pub fn variant(name: &str) -> String {
    let Some((_, patch)) = VARIANTS.iter().find(|(known, _)| *known == name) else {
        panic!("there is no variant {name}");
    };
    if name == OTHER_ARCHITECTURE { other_architecture() } else { from_parts(name, patch, &[]) }
}

/// The image with a shell, in which every program is one of another processor.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn foreign() -> String {
    // The head of an ELF file: 64 bit, little endian, an executable for s390.
    let patch = r"USER 0:0
RUN printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\026\000\001\000\000\000' > /head && \
    cat /head /head /head > /foreign && rm /head && chmod 755 /foreign && \
    cp /foreign /touchdown-reference && mv /foreign /bin/busybox
USER 1000:1000";
    from_parts("foreign", patch, &[])
}

/// The image with a shell, in which this script is run in place of the destination; `more` are
/// further lines of its Dockerfile.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn scripted(script: &str, more: &str) -> String {
    let quoted = |line: &str| format!(" '{}'", line.replace('\'', r"'\''"));
    let lines: String = script.lines().map(quoted).collect();
    let patch = format!(
        "USER 0:0\nRUN printf '%s\\n'{lines} > /script\nUSER 1000:1000\n\
         ENV AIRBYTE_ENTRYPOINT=\"/bin/sh /script\"\nENTRYPOINT [\"/bin/sh\", \"/script\"]\n{more}"
    );
    from_parts("scripted", &patch, &[])
}

fn other_architecture() -> String {
    let here = available().map_or_else(|| "amd64".to_owned(), |engine| engine.architecture);
    let other = if here == "arm64" { "amd64" } else { "arm64" };
    if build_kit() {
        return from_parts(OTHER_ARCHITECTURE, "", &["--platform", &format!("linux/{other}")]);
    }
    // The classic builder and `docker import` put their own processor down, whatever they are
    // told. The names are of one length, so that they can be exchanged in a saved image.
    let same = with_shell();
    image(OTHER_ARCHITECTURE, &hash(&[same.as_bytes(), other.as_bytes()]), |tag| {
        // The tag proper comes last: an image that bears it is finished.
        let unfinished = "touchdown-test/other-architecture:unfinished";
        run(&mut docker(["image", "tag", &same, unfinished]));
        let output = docker(["image", "save", unfinished]).output();
        let saved = or_panic(output, || format!("saving {unfinished}"));
        let said = |architecture| format!(r#""architecture":"{architecture}""#).into_bytes();
        let changed = replaced(saved.stdout, &said(here.as_str()), &said(other));
        let mut load = docker(["image", "load"]);
        load.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = or_panic(load.spawn(), || "docker image load".to_owned());
        if let Some(mut input) = child.stdin.take() {
            or_panic(input.write_all(&changed), || format!("loading {tag}"));
        }
        let ended = or_panic(child.wait(), || "docker image load".to_owned());
        assert!(ended.success(), "docker image load: {ended}");
        run(&mut docker(["image", "tag", unfinished, tag]));
        run(&mut docker(["image", "rm", unfinished]));
    })
}

/// Text put in the place of other text of the same length, wherever that is.
fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len(), "{old:?} for {new:?}");
    let mut at = 0;
    while at + old.len() <= bytes.len() {
        if bytes[at..].starts_with(old) {
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        at += 1;
    }
    bytes
}
