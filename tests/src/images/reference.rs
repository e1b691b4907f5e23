//! The reference destination as images: as it is published, and with a shell beside it.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::engine::{build, image};
use super::machine::{
    copy, empty_folder, hash, images_dir, or_panic, program, read, run, workspace,
};

/// The reference destination's own image: one file, and no shell.
#[must_use]
pub fn reference() -> String {
    let top = workspace();
    let files = [top.join("Dockerfile"), top.join(".dockerignore"), binary().to_owned()];
    let [dockerfile, ignored, binary] = files.map(|file| read(&file));
    image("reference", &hash(&[&dockerfile, &ignored, &binary]), |tag| build(tag, &top, &[]))
}

/// The same with a shell: what touchdown drives where nothing else is said.
#[must_use]
pub fn with_shell() -> String {
    from_parts("with-shell", "", &[])
}

/// Builds the reference destination's Dockerfile after `patch`, with a shell added to it.
pub(super) fn from_parts(name: &str, patch: &str, more: &[&str]) -> String {
    let original = String::from_utf8_lossy(&read(&workspace().join("Dockerfile"))).into_owned();
    let dockerfile = patched(&patched(&original, "-LABEL touchdown.io\nCOPY bin /bin"), patch);
    let busybox = program("busybox", "busybox-static");
    let hash =
        hash(&[dockerfile.as_bytes(), more.join(" ").as_bytes(), &read(binary()), &read(&busybox)]);
    image(name, &hash, |tag| {
        let folder = images_dir().join(name);
        empty_folder(&folder);
        or_panic(fs::write(folder.join("Dockerfile"), &dockerfile), || {
            format!("writing the Dockerfile of {name}")
        });
        // Where the Dockerfile looks for it.
        let place = "target/static/parts/release/reference-destination";
        copy(binary(), &folder.join(place));
        copy_shell(&busybox, &folder.join("bin"));
        build(tag, &folder, more);
    })
}

/// A Dockerfile with lines added at its end. A line `-START` takes away those that start so.
fn patched(dockerfile: &str, patch: &str) -> String {
    let (gone, added): (Vec<&str>, Vec<&str>) =
        patch.lines().partition(|line| line.starts_with('-'));
    let gone: Vec<&str> = gone.iter().map(|line| &line[1..]).collect();
    for start in &gone {
        let found = dockerfile.lines().any(|line| line.starts_with(start));
        assert!(found, "the Dockerfile has no line that starts with {start}");
    }
    let kept = dockerfile.lines().filter(|line| !gone.iter().any(|start| line.starts_with(start)));
    kept.chain(added).flat_map(|line| [line, "\n"]).collect()
}

/// Busybox under all of its names.
fn copy_shell(busybox: &Path, bin: &Path) {
    copy(busybox, &bin.join("busybox"));
    let names = run(Command::new(busybox).arg("--list"));
    for name in names.lines().filter(|name| *name != "busybox") {
        or_panic(symlink("busybox", bin.join(name)), || format!("linking {name}"));
    }
}

/// The binary that needs nothing of the system it runs on. Cargo knows whether it is up to date.
fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // Flags from the environment would replace those that make the binary static.
        run(Command::new(cargo)
            .args(["static-reference", "--quiet"])
            .current_dir(workspace())
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"));
        let builds = workspace().join("target/static");
        let folders = or_panic(fs::read_dir(&builds), || format!("reading {}", builds.display()));
        let mut found: Vec<PathBuf> = folders
            .filter_map(Result::ok)
            .map(|folder| folder.path().join("release/reference-destination"))
            .filter(|path| path.is_file())
            .collect();
        match (found.pop(), found.len()) {
            (Some(one), 0) => one,
            _ => panic!("not one static binary under {}", builds.display()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::patched;

    #[test]
    fn a_patch_takes_lines_away_and_adds_others() {
        assert_eq!(
            patched("FROM a\nENV b=1\nENV c=2\n", "-ENV b\nUSER 1"),
            "FROM a\nENV c=2\nUSER 1\n"
        );
    }

    #[test]
    #[should_panic(expected = "has no line that starts with LABEL")]
    fn a_patch_that_takes_nothing_away_is_told() {
        let _ = patched("FROM a\n", "-LABEL");
    }
}
