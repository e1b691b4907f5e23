//! The shell line that makes a launch without us.

use std::path::Path;

use super::call::{CATALOG, CONFIG, arguments, place};
use super::{ELSEWHERE, Image, Io, PLATFORM_USER, TOOL};
use crate::subject::Call;
use crate::subject::command::{brought, names_secret};
use crate::transcript::Condition;

impl Image {
    /// One shell line that makes a launch without us, in a container of this name. Config and
    /// catalog are the files of the call.
    #[must_use]
    pub fn shell_line(
        &self,
        call: Call,
        condition: Condition,
        input: Option<&Path>,
        name: Option<&str>,
    ) -> String {
        let way = self.way();
        let place = place(call.operation);
        let mut words: Vec<String> = ["docker", "run", "--rm", "-i"].map(str::to_owned).into();
        let mut push = |parts: &[&str]| words.extend(parts.iter().map(|part| (*part).to_owned()));
        if let Some(name) = name {
            push(&["--name", name]);
        }
        if condition.is_elsewhere() {
            push(&["-w", ELSEWHERE]);
        } else if !way.own_workdir {
            push(&["-w", place]);
        }
        if condition.is_unprivileged() {
            push(&["-u", PLATFORM_USER, "--cap-drop", "ALL"]);
        }
        for (file, name) in [(call.config, CONFIG), (call.catalog, CATALOG)] {
            if let Some(file) = file {
                push(&["-v", &format!("{}:{place}/{name}:ro", file.display())]);
            }
        }
        for volume in self.volumes_to_repeat() {
            push(&["-v", &volume]);
        }
        for (folder, size) in &self.settings.tmpfs {
            push(&["--tmpfs", &format!("{folder}:size={size},mode=1777")]);
        }
        if condition.is_offline() {
            push(&["--network", "none"]);
        } else if let Some(network) = &self.settings.network {
            push(&["--network", network]);
        }
        if let Some(memory) = self.settings.memory {
            push(&["--memory", &memory.to_string(), "--memory-swap", &memory.to_string()]);
        }
        if self.settings.read_only {
            push(&["--read-only"]);
        }
        let mut secrets = Vec::new();
        for variable in self.environment(call) {
            let key = variable.split('=').next().unwrap_or_default();
            // Without a value, docker takes the shell's, which knows none of the scenario's.
            let is_secret = names_secret(key) && call.manner.env.iter().all(|(own, _)| own != key);
            push(&["-e", if is_secret { key } else { &variable }]);
            secrets.extend(is_secret.then(|| brought(key)));
        }
        let arguments = arguments(call, place);
        let swaps = condition.swaps_process_one();
        if swaps && way.io == Io::Attach {
            push(&["--init"]);
        }
        if way.io == Io::Platform && !swaps {
            push(&["--entrypoint", "sh", &self.info.name, "-c"]);
            push(&[&format!("eval \"$AIRBYTE_ENTRYPOINT {}\"", arguments.join(" "))]);
        } else {
            push(&[&self.info.name]);
            words.extend(arguments);
        }
        let input = input.map_or_else(|| "/dev/null".into(), Path::to_string_lossy);
        format!("{} < {}", with_secrets(&secrets, words), shell_words::quote(&input))
    }

    /// The shell line that runs a tool of this image without us, such as a read-back: its words, and
    /// the files of this machine that it finds at `/…/1`, `/…/2`.
    #[must_use]
    pub fn tool_line(&self, words: &[String], files: &[&Path]) -> String {
        let mut line: Vec<String> = ["docker", "run", "--rm"].map(str::to_owned).into();
        let mut push = |flag: &str, value: &str| line.extend([flag.to_owned(), value.to_owned()]);
        for (nth, file) in files.iter().enumerate() {
            push("-v", &format!("{}:{TOOL}/{}:ro", file.display(), nth + 1));
        }
        for volume in self.volumes_to_repeat() {
            push("-v", &volume);
        }
        if let Some(network) = &self.settings.network {
            push("--network", network);
        }
        let mut secrets = Vec::new();
        for (key, value) in &self.settings.env {
            // Without a value, docker takes the shell's.
            let variable = format!("{key}={value}");
            push("-e", if names_secret(key) { key } else { &variable });
            secrets.extend(names_secret(key).then(|| brought(key)));
        }
        push("--entrypoint", words.first().map_or("", String::as_str));
        line.push(self.info.name.clone());
        line.extend(words.iter().skip(1).cloned());
        with_secrets(&secrets, line)
    }

    fn volumes_to_repeat(&self) -> Vec<String> {
        let volumes = self.settings.volumes.iter().enumerate();
        volumes.map(|(nth, volume)| format!("touchdown-repeat-{nth}:{}", volume.folder)).collect()
    }
}

/// The words of a command that takes these variables from the shell.
fn with_secrets(secrets: &[String], words: Vec<String>) -> String {
    let line = shell_words::join(words);
    if secrets.is_empty() { line } else { format!("env {} {line}", secrets.join(" ")) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_secret_is_brought_by_the_shell_or_missed_aloud() {
        let secrets = [brought("A_TOKEN"), brought("my-token")];
        let line = with_secrets(&secrets, vec!["env".to_owned()]);
        let run = |variables: &[(&str, &str)]| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("cd / && exec {line}")]).env_remove("A_TOKEN");
            let done = shell.envs(variables.iter().copied()).output().unwrap();
            let told = [done.stdout, done.stderr].map(|told| String::from_utf8(told).unwrap());
            (done.status.success(), told.concat())
        };
        let (is_done, told) = run(&[("A_TOKEN", "a 'b"), ("my_token", "c")]);
        assert!(is_done && told.contains("A_TOKEN=a 'b\n") && told.contains("my-token=c\n"));
        let (is_done, told) = run(&[("my_token", "c")]);
        assert!(!is_done && told.contains("A_TOKEN: its value is kept nowhere"), "{told}");
        assert_eq!(with_secrets(&[], vec!["docker".to_owned()]), "docker");
    }
}
