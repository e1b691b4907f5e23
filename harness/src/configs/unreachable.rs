//! The config that points to where there is nothing.
//!
//! Specs have no keyword for where a destination is, so a property is recognised by its name and
//! by what its value looks like. A wrong guess accuses a correct connector, which need not look at
//! a property that it does not need: where in doubt, there is no such config.

use serde_json::{Number, Value};

use super::site::{Site, sites};
use super::{BadConfig, Canaries, NOWHERE, fitting, with};

/// A folder that does not exist.
const NO_FOLDER: &str = "/dev/null/no/such/folder";

/// Last words of names that tell a host.
const HOSTS: &str = "host hosts hostname hostnames server servers endpoint endpoints address \
    addresses addr domain broker brokers url uri";

/// Formats of hosts.
const HOST_FORMATS: &str = "hostname ipv4 ipv6";

/// Last words of names that tell a path.
const PATHS: &str = "path paths directory dir folder file filename filepath";

/// Last words of names that tell a path if the value looks like one.
const DATABASES: &str = "database db location";

/// Words in the path of a property that is not, or need not be, where the destination is.
const BESIDE: &str = "proxy redirect callback documentation docs homepage logo icon issuer \
    audience scope scopes webhook notification schema email mail sender bind listen oauth auth \
    token sts";

/// Words in the name of a file that is not the destination's own.
const FILES_BESIDE: &str =
    "log logs cert certificate ca ssl tls key config temp tmp staging cache format http";

/// Words in names of properties that only a service has; a path is one of its own then, and may
/// come to be when it is written to.
const SERVICE: &str =
    "bucket container token key client account credentials region workspace warehouse s3 gcs";

/// How a property tells where the destination is; the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A host, or a URL: the least deep is taken.
    Network,
    Port,
    Path,
}

/// The working config with the one property that tells where the destination is pointing nowhere;
/// none if no property is recognised, or the spec accepts no such value. Secrets are replaced by
/// canaries.
#[must_use]
pub fn unreachable(working: &Value, connection_specification: &Value) -> Option<BadConfig> {
    let validator = fitting(working, connection_specification)?;
    let base = Canaries::plant(working, connection_specification).config;
    let sites = sites(&base, connection_specification);
    let names = sites.iter().flat_map(|site| words(&site.name()));
    let is_service = names.into_iter().any(|word| is_in(SERVICE, &word));
    let mut places: Vec<_> = sites
        .iter()
        .filter(|site| !site.is_secret() || working.pointer(&site.pointer) != Some(site.value))
        .filter(|site| !words(&site.path()).iter().any(|word| is_in(BESIDE, word)))
        .filter_map(|site| elsewhere(site).map(|(place, value)| (place, site, value)))
        .filter(|(place, ..)| *place != Place::Path || !is_service)
        .collect();
    places.sort_by_key(|(place, site, _)| (*place, site.depth));
    places.into_iter().find_map(|(_, site, value)| {
        let changes = working.pointer(&site.pointer) != Some(&value);
        let config = with(&base, &site.pointer, value)?;
        let note = format!("{:?} points nowhere (derived from the working config)", site.path());
        (changes && validator.is_valid(&config)).then_some(BadConfig { note, config })
    })
}

/// A property's value that points nowhere, if it tells a place.
fn elsewhere(site: &Site) -> Option<(Place, Value)> {
    if let Some(value) = changed(site.value, &other_url) {
        return Some((Place::Network, value));
    }
    // A canary that is no URL tells no place.
    if site.is_secret() {
        return None;
    }
    let words = words(&site.name());
    let ends_with = |list: &str| words.last().is_some_and(|last| is_in(list, last));
    let is_host_name = words.ends_with(&["host".to_owned(), "name".to_owned()]);
    let mut formats = site.schemas.iter().filter_map(|schema| schema["format"].as_str());
    let has_format = formats.any(|format| is_in(HOST_FORMATS, format));
    if is_host_name || ends_with(HOSTS) || has_format {
        return Some((Place::Network, changed(site.value, &other_host)?));
    }
    if ends_with("port") {
        return Some((Place::Port, other_port(site.value)?));
    }
    let is_path = ends_with(PATHS) || ends_with(DATABASES) && looks_like_path(site.value);
    if is_path && !words.iter().any(|word| is_in(FILES_BESIDE, word)) {
        return Some((Place::Path, changed(site.value, &other_path)?));
    }
    None
}

/// A text, or each of a list of texts, changed; none if one cannot be.
fn changed(value: &Value, change: &impl Fn(&str) -> Option<String>) -> Option<Value> {
    match value {
        Value::String(text) => change(text).map(Value::String),
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|item| changed(item, change)).collect()
        }
        _ => None,
    }
}

/// A URL, or each of some, with another host, or, if it has none, another path.
fn other_url(url: &str) -> Option<String> {
    if url.split(',').skip(1).any(|url| url.contains("://")) {
        let others: Option<Vec<_>> = url.split(',').map(|url| other_url(url.trim())).collect();
        return others.map(|others| others.join(","));
    }
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.:".contains(c);
    if scheme.is_empty() || !scheme.chars().all(is_scheme) {
        return None;
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#', ';']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if hosts.is_empty() {
        let (path, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        return Some(format!("{scheme}://{user}{}{rest}", other_path(path)?));
    }
    Some(format!("{scheme}://{user}{}{rest}", other_host(hosts)?))
}

/// Hosts, each with its port and path if it has them, elsewhere.
fn other_host(hosts: &str) -> Option<String> {
    let other = |host: &str| {
        // An address of version 6 may have colons of its own.
        let from = host.rfind(']').unwrap_or(0);
        let is_bare = from == 0 && host.matches(':').count() > 1;
        let end = host[from..].find([':', '/']).filter(|_| !is_bare);
        let (host, rest) = host.split_at(end.map_or(host.len(), |end| from + end));
        let may = |c: char| c.is_alphanumeric() || "-_.:[]%".contains(c);
        (!host.is_empty() && host.chars().all(may)).then(|| format!("{NOWHERE}{rest}"))
    };
    let others: Option<Vec<_>> = hosts.split(',').map(|host| other(host.trim())).collect();
    others.map(|others| others.join(","))
}

/// The port that nobody listens on; as a text if it was one.
fn other_port(value: &Value) -> Option<Value> {
    match value {
        Value::Number(port) => port.as_u64().map(|_| Value::Number(Number::from(1))),
        Value::String(port) => port.parse::<u16>().ok().map(|_| Value::from("1")),
        _ => None,
    }
}

fn other_path(path: &str) -> Option<String> {
    let has_drive = path.as_bytes().get(1) == Some(&b':');
    // Elsewhere a colon tells of something that is no file: `:memory:`, `md:name`.
    if path.is_empty() || path.get(if has_drive { 2 } else { 0 }..)?.contains(':') {
        return None;
    }
    let last = path.split(['/', '\\']).rfind(|part| !matches!(*part, "" | "." | ".." | "~"));
    Some(last.map_or(NO_FOLDER.to_owned(), |last| format!("{NO_FOLDER}/{last}")))
}

fn looks_like_path(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(['/', '\\']))
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|other| other == word)
}

/// The words of a name, or of a path: `db_hostName` is db, host and name.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && was_lower {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
