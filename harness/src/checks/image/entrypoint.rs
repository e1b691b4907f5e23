//! Whether `AIRBYTE_ENTRYPOINT` and the entrypoint are the same command.

/// What comes of comparing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Word by word the same.
    Same,
    /// Other words.
    Different,
    /// One of them is a script, and what it runs is not seen by its words.
    Unclear,
}

/// Compares the variable with the entrypoint.
pub fn compare(variable: &str, entrypoint: &[String]) -> Likeness {
    let words = command(variable);
    if are_same(&words, entrypoint) {
        Likeness::Same
    } else if words.is_empty() || variable.contains(SCRIPT) || passes_arguments_on(entrypoint) {
        Likeness::Unclear
    } else {
        Likeness::Different
    }
}

/// What only a shell can make sense of.
const SCRIPT: [char; 7] = ['$', '`', ';', '&', '|', '<', '>'];

/// The words of the variable, from the program on: `eval` lets `exec` and assignments stand before
/// it. Empty where it is no command.
fn command(variable: &str) -> Vec<String> {
    let words = shell_words::split(variable).unwrap_or_default();
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    words.into_iter().skip_while(|word| word == "exec" || is_assignment(word)).collect()
}

/// An init or a script of preparations may stand before the program on one of the two sides.
fn are_same(one: &[String], other: &[String]) -> bool {
    let (long, short) = if one.len() < other.len() { (other, one) } else { (one, other) };
    let tail = &long[long.len() - short.len()..];
    match (tail, short) {
        ([program, rest @ ..], [same, same_rest @ ..]) => {
            is_same_program(program, same) && rest == same_rest
        }
        _ => false,
    }
}

/// `python` is found in PATH, and may well be `/usr/bin/python`.
fn is_same_program(one: &str, other: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let is_bare = |path: &str| !path.contains('/');
    one == other || (is_bare(one) || is_bare(other)) && name(one) == name(other)
}

/// `sh -c 'exec java $OPTIONS -jar /app.jar "$@"' --`: without a `$` arguments do not get through,
/// and it is no such script.
fn passes_arguments_on(entrypoint: &[String]) -> bool {
    match entrypoint {
        [shell, option, script, ..] => {
            shell.ends_with("sh") && option.starts_with('-') && script.contains('$')
        }
        _ => false,
    }
}

/// The program, if it is a path from the working directory.
pub fn relative_program(variable: &str) -> Option<String> {
    command(variable).into_iter().next().filter(|program| is_relative(program))
}

/// A word that looks like a path from the working directory. Arguments may hold slashes for other
/// reasons: it proves nothing by itself.
pub fn relative_path(variable: &str) -> Option<String> {
    command(variable).into_iter().find(|word| is_relative(word))
}

fn is_relative(word: &str) -> bool {
    word.contains('/')
        && !word.starts_with(['/', '-', '~', '$'])
        && !word.contains("://")
        && !word.contains(char::is_whitespace)
}
