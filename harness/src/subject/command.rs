//! A subject that is a command on this machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process;

use super::Call;
use crate::scenario::pack::Manner;

/// Runs `$0` so that no file may grow beyond 8 MiB, in units of 512 bytes: what is beyond that
/// cannot be written, as on a disk that is full. A signal about it would be none of a disk's.
const BOUNDED: &str = r#"trap "" XFSZ; ulimit -f 16384; exec "$0" "$@""#;

/// Names the launch in its environment, so that what it leaves behind can be found.
pub const MARKER: &str = "TOUCHDOWN_LAUNCH";

/// A command, with where and in what environment it runs.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and the arguments that come before the operation.
    pub words: Vec<OsString>,
    /// Its working directory; ours if there is none.
    pub workdir: Option<PathBuf>,
    /// Variables given by the user.
    pub env: Vec<(String, String)>,
}

impl Command {
    /// The arguments of a call: `write --config FILE --catalog FILE`.
    #[must_use]
    pub fn arguments(call: Call) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![call.operation.name().into()];
        if let Some(config) = call.config {
            args.extend(["--config".into(), config.into()]);
        }
        if let Some(catalog) = call.catalog {
            args.extend(["--catalog".into(), catalog.into()]);
        }
        args
    }

    /// The command as launches of this manner run it.
    #[must_use]
    pub fn in_manner(&self, manner: &Manner) -> Self {
        let mut command = self.clone();
        command.env.retain(|(key, _)| manner.env.iter().all(|(own, _)| own != key));
        command.env.extend(manner.env.iter().cloned());
        if let Some((program, rest)) = self.words.split_first()
            && manner.full_disk
        {
            command.words = vec!["sh".into(), "-c".into(), BOUNDED.into()];
            command.words.push(self.locate(program).into());
            command.words.extend_from_slice(rest);
        }
        command
    }

    /// The command with these further arguments, in the known environment: `PATH`, `HOME` and
    /// `LANG` of ours, what the user gave, and nothing else. A variable such as
    /// `PYTHONUNBUFFERED` would hide that a destination does not flush its acknowledgements.
    #[must_use]
    pub fn with(&self, args: &[OsString]) -> process::Command {
        let (program, rest) =
            self.words.split_first().map_or((OsStr::new(""), &[][..]), |(p, r)| (p.as_os_str(), r));
        let mut command = process::Command::new(self.locate(program));
        command.args(rest).args(args).env_clear().envs(known_environment());
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        if let Some(workdir) = &self.workdir {
            command.current_dir(workdir);
        }
        command
    }

    /// A program given by a relative path is looked for from here first, as the user's shell
    /// would, and then from its working directory.
    fn locate(&self, program: &OsStr) -> PathBuf {
        let path = Path::new(program);
        if path.is_absolute() || path.components().count() < 2 {
            return path.to_owned();
        }
        if path.exists() {
            return std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        }
        match &self.workdir {
            Some(workdir) => {
                let inside = workdir.join(path);
                std::path::absolute(&inside).unwrap_or(inside)
            }
            None => path.to_owned(),
        }
    }

    /// The words as a user would type them.
    #[must_use]
    pub fn shown(&self) -> String {
        shell_words::join(self.words.iter().map(|word| word.to_string_lossy()))
    }

    /// One shell line that makes a launch without us, `input` on its stdin; what stands `before` the
    /// command comes after the change to its folder.
    #[must_use]
    pub fn shell_line(&self, call: Call, input: Option<&Path>, before: &str) -> String {
        let line = self.in_manner(call.manner);
        let line = line.line(&Self::arguments(call), &call.manner.env, before);
        let input = input.map_or_else(|| "/dev/null".into(), Path::to_string_lossy);
        format!("{line} < {}", shell_words::quote(&input))
    }

    /// The shell line that calls it with these arguments, in the known environment; variables that
    /// are named as secrets are left to the shell, but for those that are `plain`.
    #[must_use]
    pub fn line(&self, args: &[OsString], plain: &[(String, String)], before: &str) -> String {
        let mut words = vec!["env".to_owned(), "-i".to_owned()];
        let known = known_environment().into_iter().map(|(key, _)| key);
        let known = known.filter(|known| self.env.iter().all(|(key, _)| key != known));
        words.extend(known.map(|key| format!("{key}=\"${key}\"")));
        words.extend(self.env.iter().map(|variable| {
            let (key, value) = variable;
            // What a scenario brings is written down in it, and the shell knows nothing of it.
            if names_secret(key) && !plain.contains(variable) {
                return brought(key);
            }
            shell_words::quote(&format!("{key}={value}")).into()
        }));
        let program = self.words.first().map(|program| self.locate(program).into_os_string());
        let all = program.iter().chain(self.words.iter().skip(1)).chain(args);
        words.extend(all.map(|word| shell_words::quote(&word.to_string_lossy()).into_owned()));
        let mut line = format!("{before}{}", words.join(" "));
        if let Some(workdir) = &self.workdir {
            let workdir = std::path::absolute(workdir).unwrap_or_else(|_| workdir.clone());
            line = format!("cd {} && {line}", shell_words::quote(&workdir.to_string_lossy()));
        }
        line
    }
}

/// Whether a variable's name says that its value is a secret: then the shell has to bring it.
#[must_use]
pub fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = ["secret", "token", "passw", "passphrase", "credential", "private", "apikey"];
    words.iter().any(|word| key.contains(word)) || key.ends_with("key")
}

/// A variable, for `env`, whose value the shell has to bring; it says so where it has none. What is no
/// name to a shell, it has with underscores: `1.key` as `_1_key`.
#[must_use]
pub fn brought(key: &str) -> String {
    let mut shells = key.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    if shells.starts_with(|letter: char| letter.is_ascii_digit()) {
        shells.insert(0, '_');
    }
    format!("{}=\"${{{shells}?its value is kept nowhere}}\"", shell_words::quote(key))
}

/// The variables that every subject gets.
fn known_environment() -> Vec<(&'static str, OsString)> {
    let ours = |key| std::env::var_os(key);
    let mut known = Vec::new();
    known.extend(ours("PATH").map(|path| ("PATH", path)));
    known.extend(ours("HOME").map(|home| ("HOME", home)));
    known.push(("LANG", ours("LANG").unwrap_or_else(|| "C.UTF-8".into())));
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Operation;

    #[test]
    fn what_is_no_name_to_a_shell_has_another_there() {
        let wanted = r#"1.key="${_1_key?its value is kept nowhere}""#;
        assert_eq!(brought("1.key"), wanted);
    }

    #[test]
    fn the_repeat_line_has_the_manner_of_the_launch() {
        let command = Command {
            words: vec!["/bin/it".into(), "a b".into()],
            workdir: None,
            env: vec![("LC_ALL".into(), "en".into()), ("my-token".into(), "hidden".into())],
        };
        let env = [("LC_ALL", "C"), ("LANG", "C"), ("OWN_KEY", "plain")];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let manner = Manner { env, full_disk: true, ..Manner::default() };
        let call =
            Call { operation: Operation::Spec, config: None, catalog: None, manner: &manner };
        let line = command.shell_line(call, None, "");
        let variables = r#" my-token="${my_token?its value is kept nowhere}" 'LC_ALL=C' 'LANG=C' 'OWN_KEY=plain' sh -c "#;
        assert!(line.contains(variables), "{line}");
        assert!(line.ends_with(&format!("'{BOUNDED}' /bin/it 'a b' spec < /dev/null")), "{line}");
        assert_eq!(line.matches("LANG").count(), 1, "{line}");
        assert_eq!(line.matches("LC_ALL").count(), 1, "{line}");
    }
}
