//! Python virtual environments for the tests that need one.
//!
//! An environment is made once, under `target/venvs`, and again when its requirements change.
//! Test processes that want it at the same time wait for the one that makes it.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python interpreter of the virtual environment `name`, in which `requirements` (a pip
/// requirements file) is installed.
///
/// # Panics
///
/// When `python3` is missing, or when the environment cannot be made: a test that needs the
/// environment must not pass without it.
#[must_use]
pub fn python(name: &str, requirements: &Path) -> PathBuf {
    let wanted = or_panic(fs::read(requirements), || format!("reading {}", requirements.display()));
    let venvs = target_dir().join("venvs");
    let venv = venvs.join(name);
    let python = venv.join("bin").join("python");
    // Written last: an environment without it was never finished.
    let installed = venv.join("installed-requirements.txt");

    or_panic(fs::create_dir_all(&venvs), || format!("making {}", venvs.display()));
    let lock_path = venvs.join(format!("{name}.lock"));
    let lock = or_panic(File::create(&lock_path), || format!("making {}", lock_path.display()));
    // Released when the file is closed, by the end of the process at the latest.
    or_panic(lock.lock(), || format!("locking {}", lock_path.display()));

    let ready = python.exists() && fs::read(&installed).is_ok_and(|have| have == wanted);
    if !ready {
        match fs::remove_dir_all(&venv) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                panic!("removing {}: {error}", venv.display())
            }
            _ => {}
        }
        run("python3", [OsStr::new("-m"), OsStr::new("venv"), venv.as_os_str()]);
        run(
            &python,
            [
                OsStr::new("-m"),
                OsStr::new("pip"),
                OsStr::new("install"),
                OsStr::new("--quiet"),
                OsStr::new("--disable-pip-version-check"),
                OsStr::new("--requirement"),
                requirements.as_os_str(),
            ],
        );
        or_panic(fs::write(&installed, &wanted), || format!("writing {}", installed.display()));
    }
    python
}

/// The target directory that cargo builds this workspace into.
fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // A relative CARGO_TARGET_DIR is taken from the workspace, where cargo is usually called;
    // joining an absolute one replaces the workspace altogether.
    workspace.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Runs a command of which nothing but success is of interest.
fn run<'a>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = &'a OsStr>) {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "{} was not found: this test needs Python 3 with its `venv` module on the PATH",
            command.get_program().display()
        ),
        Err(error) => panic!("{command:?} did not start: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn or_panic<T, E: std::fmt::Display>(result: Result<T, E>, doing: impl FnOnce() -> String) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}", doing()))
}
