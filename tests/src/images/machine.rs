//! What the machine does for the images: folders, programs, packages.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

/// The top of the repository.
pub fn workspace() -> PathBuf {
    or_panic(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize(), || {
        "finding the workspace".to_owned()
    })
}

/// Where images are prepared. A relative `CARGO_TARGET_DIR` is taken from the workspace; joining an
/// absolute one replaces the workspace altogether.
pub fn images_dir() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let images = workspace().join(target).join("images");
    or_panic(fs::create_dir_all(&images), || format!("making {}", images.display()));
    images
}

/// Waits for others who do what is called `name`. Released when the file is closed, by the end of
/// the process at the latest.
#[must_use]
pub fn lock(name: &str) -> File {
    let path = images_dir().join(format!("{name}.lock"));
    let file = or_panic(File::create(&path), || format!("making {}", path.display()));
    or_panic(file.lock(), || format!("locking {}", path.display()));
    file
}

/// An empty folder: what an earlier attempt left in it is removed.
pub fn empty_folder(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            panic!("removing {}: {error}", path.display())
        }
        _ => {}
    }
    or_panic(fs::create_dir_all(path), || format!("making {}", path.display()));
}

/// Copies a file to where its folders may not be yet.
pub fn copy(from: &Path, to: &Path) {
    let doing = || format!("copying {} to {}", from.display(), to.display());
    if let Some(parent) = to.parent() {
        or_panic(fs::create_dir_all(parent), doing);
    }
    or_panic(fs::copy(from, to), doing);
}

/// Reads a file as it is.
pub fn read(path: &Path) -> Vec<u8> {
    or_panic(fs::read(path), || format!("reading {}", path.display()))
}

/// Stands for all that goes into an image, in its tag.
pub fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A program of the machine. Debian's `package` is installed where it is missing.
pub fn program(name: &str, package: &str) -> PathBuf {
    let _one_at_a_time = lock("apt-get");
    if let Some(path) = find(name) {
        return path;
    }
    assert!(
        is_root() && find("apt-get").is_some(),
        "{name} was not found, and only root can install it: apt-get install {package}"
    );
    run(Command::new("apt-get").args(["update", "-qq"]));
    run(Command::new("apt-get")
        .args(["install", "-qq", "--yes", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive"));
    find(name).unwrap_or_else(|| panic!("the package {package} brought no {name}"))
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Root's programs are not always on the PATH, not even on root's.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Runs a command, and gives what it printed.
pub fn run(command: &mut Command) -> String {
    let output = or_panic(command.output(), || format!("{command:?}"));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{} failed ({}):\n{printed}{}",
        iter::once(command.get_program())
            .chain(command.get_args())
            .map(OsStr::to_string_lossy)
            .collect::<Vec<_>>()
            .join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    printed.into_owned()
}

/// The result, where failing is no answer.
pub fn or_panic<T, E: Display>(result: Result<T, E>, doing: impl FnOnce() -> String) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}", doing()))
}
