//! The example on Airbyte's Python CDK as an image, on a base that is pulled from nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::engine::{build, docker, image};
use super::machine::{
    copy, empty_folder, hash, images_dir, is_root, lock, or_panic, program, read, run, workspace,
};

/// Debian's release, for the Python that it has.
const RELEASE: &str = "bookworm";
/// The minor version of that Python.
const PYTHON: &str = "3.11";
/// What an image does not need of a Debian: what was downloaded, documentation, other languages.
const REMOVED: &[&str] = &[
    "var/cache",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
];

/// `examples/python-cdk` as an image, with a shell and its packages.
#[must_use]
pub fn python() -> String {
    let example = workspace().join("examples/python-cdk");
    let files = files(&example);
    let contents: Vec<Vec<u8>> = files.iter().map(|file| read(&example.join(file))).collect();
    let base = base();
    let mut parts = vec![base.as_bytes()];
    for (file, content) in files.iter().zip(&contents) {
        parts.extend([file.as_os_str().as_encoded_bytes(), content.as_slice()]);
    }
    image("python-cdk", &hash(&parts), |tag| {
        let folder = images_dir().join("python-cdk");
        empty_folder(&folder);
        for file in &files {
            copy(&example.join(file), &folder.join(file));
        }
        let packages = packages(&example.join("requirements.txt"));
        // Linked, not copied: there are hundreds of megabytes of them.
        run(Command::new("cp")
            .args(["--archive", "--link"])
            .arg(&packages)
            .arg(folder.join("packages")));
        build(tag, &folder, &["--build-arg", &format!("BASE={base}")]);
    })
}

/// The example's files that belong into the image, or decide what does: those that may lie beside
/// them after somebody tried it do not.
fn files(example: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        [".dockerignore", "Dockerfile", "main.py", "read.py", "requirements.txt"]
            .map(PathBuf::from)
            .into();
    let package = Path::new("destination_jsonl");
    let listed =
        or_panic(fs::read_dir(example.join(package)), || format!("listing {}", package.display()));
    let names = listed.filter_map(Result::ok).map(|entry| package.join(entry.file_name()));
    files.extend(names.filter(|file| {
        file.extension().is_some_and(|extension| extension == "py" || extension == "json")
    }));
    files.sort();
    files
}

/// The packages that the requirements name, for the base's Python. They are installed outside: a
/// build may have no network.
fn packages(requirements: &Path) -> PathBuf {
    let folder = images_dir().join(format!("packages-{}", hash(&[&read(requirements)])));
    let _one_at_a_time = lock("packages");
    if folder.exists() {
        return folder;
    }
    let unfinished = images_dir().join("packages-unfinished");
    empty_folder(&unfinished);
    let script = "import sys; print('%d.%d' % sys.version_info[:2])";
    let here = run(Command::new("python3").args(["-c", script]));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    if here.trim() != PYTHON {
        pip.args(["--python-version", PYTHON, "--only-binary", ":all:"]);
    }
    run(pip.arg("--target").arg(&unfinished).arg("--requirement").arg(requirements));
    or_panic(fs::rename(&unfinished, &folder), || format!("making {}", folder.display()));
    folder
}

/// The tag of a small Debian with Python.
fn base() -> String {
    let mut parts = vec![RELEASE.as_bytes()];
    parts.extend(REMOVED.iter().map(|path| path.as_bytes()));
    image("python-base", &hash(&parts), |tag| {
        let debootstrap = program("debootstrap", "debootstrap");
        assert!(is_root(), "the Python image needs root: debootstrap makes its base");
        let root = images_dir().join("python-base");
        empty_folder(&root);
        run(Command::new(debootstrap)
            .args(["--variant=minbase", "--include=python3", RELEASE])
            .arg(&root)
            .arg(mirror()));
        for path in REMOVED {
            empty_folder(&root.join(path));
        }
        import(&root, tag);
        empty_folder(&root);
    })
}

/// The mirror that this machine takes the release from, or else Debian's own.
fn mirror() -> String {
    let lists = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten();
    let mut lists: Vec<PathBuf> = lists.filter_map(Result::ok).map(|entry| entry.path()).collect();
    lists.sort();
    lists.insert(0, PathBuf::from("/etc/apt/sources.list"));
    let sources = lists.iter().filter_map(|list| fs::read_to_string(list).ok());
    let mirror = sources.into_iter().find_map(|text| mirror_of(&text));
    mirror.unwrap_or_else(|| "http://deb.debian.org/debian".to_owned())
}

/// The mirror of the release in a list of sources. Of apt's two forms, one has a line a source
/// (`deb [options] URI SUITE COMPONENT…`), the other a paragraph.
fn mirror_of(sources: &str) -> Option<String> {
    let line = sources.lines().find_map(|line| {
        let mut words = line.strip_prefix("deb ")?.split_whitespace();
        let uri = words.find(|word| word.contains("://"))?;
        (words.next()? == RELEASE).then_some(uri)
    });
    let paragraph = sources.split("\n\n").find_map(|paragraph| {
        let field = |name| paragraph.lines().find_map(|line| line.strip_prefix(name));
        let has_release = field("Suites:")?.split_whitespace().any(|suite| suite == RELEASE);
        field("URIs:")?.split_whitespace().next().filter(|_| has_release)
    });
    line.or(paragraph).map(str::to_owned)
}

/// Makes an image of a folder.
fn import(root: &Path, tag: &str) {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--numeric-owner", "--exclude=./dev/*", "--exclude=./proc/*", "-C"]);
    let mut packing = or_panic(tar.arg(root).arg(".").stdout(Stdio::piped()).spawn(), || {
        "tar did not start".to_owned()
    });
    let mut import = docker(["image", "import", "-", tag]);
    if let Some(packed) = packing.stdout.take() {
        import.stdin(packed);
    }
    run(&mut import);
    let packed = or_panic(packing.wait(), || "waiting for tar".to_owned());
    assert!(packed.success(), "tar: {packed}");
}

#[cfg(test)]
mod tests {
    use super::mirror_of;

    #[test]
    fn the_mirror_is_that_of_the_release() {
        let lines = "deb https://other.example/x bookworm-updates main\n\
                     deb [signed-by=/a/b] http://mirror.example/debian bookworm main\n";
        assert_eq!(mirror_of(lines).as_deref(), Some("http://mirror.example/debian"));
        let paragraphs = "Types: deb\nURIs: https://other.example/x\nSuites: nodistro\n\n\
                          Types: deb\nURIs: http://mirror.example/debian\n\
                          Suites: bookworm bookworm-updates\n";
        assert_eq!(mirror_of(paragraphs).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(mirror_of("deb http://ubuntu.example/ubuntu noble main\n"), None);
    }
}
