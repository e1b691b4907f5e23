//! Moments and times of day, in the many spellings that databases print them in.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

const DAY: i128 = 86_400_000_000_000;

/// A moment as it is compared: with all that have a zone, or with all that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since 1970 in UTC, or since midnight; without a zone, as if it were UTC.
    pub nanos: i128,
    /// Whether a zone was named.
    pub is_zoned: bool,
    is_of_day: bool,
}

impl Moment {
    /// Reads a date and a time of day, `2026-01-15 08:30:00 +01:00`. Years before the first are
    /// told by ` BC`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (text, is_before) = match text.strip_suffix(" BC") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (local, zone) = split(text)?;
        let mut at: DateTime = local.parse().ok()?;
        if is_before {
            at = at.with().year(1 - at.year()).build().ok()?;
        }
        let nanos = at.duration_since(epoch()).as_nanos() - offset(zone)?;
        Some(Self { nanos, is_zoned: !zone.is_empty(), is_of_day: false })
    }

    /// Reads a date, `2026-01-15`, as its noon.
    #[must_use]
    pub fn of_date(text: &str) -> Option<Self> {
        let (text, before) = text.strip_suffix(" BC").map_or((text, ""), |text| (text, " BC"));
        Self::read(&format!("{text} 12:00:00{before}"))
    }

    /// Reads a time of day, `08:30:00Z`.
    #[must_use]
    pub fn of_day(text: &str) -> Option<Self> {
        let (local, zone) = split(text)?;
        if local.find(':') != Some(2) {
            return None;
        }
        let time: Time = local.parse().ok()?;
        let nanos = time.duration_since(Time::midnight()).as_nanos() - offset(zone)?;
        Some(Self { nanos: nanos.rem_euclid(DAY), is_zoned: !zone.is_empty(), is_of_day: true })
    }
}

fn epoch() -> DateTime {
    Date::constant(1970, 1, 1).at(0, 0, 0, 0)
}

/// The text that all its spellings share.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = SignedDuration::from_nanos_i128(self.nanos);
        if self.is_of_day {
            write!(f, "{}", Time::midnight().wrapping_add(since))?;
        } else {
            match epoch().checked_add(since) {
                Ok(at) => write!(f, "{at}")?,
                // On the last day of all, and it is later in UTC.
                Err(_) => write!(f, "{} ns since 1970", self.nanos)?,
            }
        }
        f.write_str(if self.is_zoned { "Z" } else { "" })
    }
}

/// What is before the zone, and the zone: it follows what a time of day consists of.
fn split(text: &str) -> Option<(&str, &str)> {
    let hours = text.find(':')?;
    let is_zone = |c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | ',');
    let zone = text[hours..].find(is_zone).map_or(text.len(), |at| hours + at);
    let (local, zone) = text.split_at(zone);
    Some((local, zone.trim_start()))
}

/// How long a zone is before UTC, in nanoseconds: `Z`, `UTC`, `+05:30`, `+0530`, `+05`; none is as
/// UTC. Go adds the zone's name, `+0100 CET`, and Java `+01:00[Europe/Paris]`.
fn offset(zone: &str) -> Option<i128> {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphabetic());
    let named = zone.split_once(' ').filter(|(_, name)| is_name(name));
    let named = named.or_else(|| zone.strip_suffix(']').and_then(|zone| zone.split_once('[')));
    let zone = named.map_or(zone, |(zone, _)| zone);
    if ["", "z", "utc", "gmt"].iter().any(|utc| zone.eq_ignore_ascii_case(utc)) {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, rest) = digits.split_at_checked(2)?;
    let (minutes, seconds) = rest.split_at_checked(2).unwrap_or((rest, ""));
    let read = |part: &str| if part.is_empty() { Some(0) } else { part.parse::<u8>().ok() };
    let [hours, minutes, seconds] =
        [hours, minutes, seconds].map(|part| read(part).map(i128::from));
    Some(sign * (hours? * 3600 + minutes? * 60 + seconds?) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_text_in_all_its_spellings() {
        for (text, wanted) in [
            ("2026-01-15T09:30:00+01:00", "2026-01-15T08:30:00Z"),
            ("2026-01-15 08:30:00 +00:00", "2026-01-15T08:30:00Z"),
            ("2026-01-15 08:30:00 UTC", "2026-01-15T08:30:00Z"),
            ("2026-01-15 08:30:00.000 Z", "2026-01-15T08:30:00Z"),
            ("2026-01-15 09:30:00 +0100 CET", "2026-01-15T08:30:00Z"),
            ("2026-01-15 08:30:00.5 +0000 UTC", "2026-01-15T08:30:00.5Z"),
            ("2026-01-15T09:30+01:00[Europe/Paris]", "2026-01-15T08:30:00Z"),
            ("2026-01-15T08:30:00.1230", "2026-01-15T08:30:00.123"),
            ("9999-12-31T23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
            ("0044-03-15 12:00:00+00 BC", "-000043-03-15T12:00:00Z"),
        ] {
            let moment = Moment::read(text).unwrap();
            assert_eq!(moment.to_string(), wanted);
            assert_eq!(Moment::read(wanted), Some(moment));
        }
        assert!(Moment::read("9999-12-31T23:59:59-14:00").unwrap().to_string().ends_with("1970Z"));
        for text in [
            "",
            "12:30",
            "noon",
            "2026-01-15",
            "2026-01-15T08:30:00 Europe/Paris",
            "2026-01-15T08:30:00 CET",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_has_one_text_in_all_its_spellings() {
        for (text, wanted) in [
            ("12:30:00.000Z", "12:30:00Z"),
            ("12:30:00+00:00", "12:30:00Z"),
            ("00:30:00 +01", "23:30:00Z"),
            ("12:30:00.100", "12:30:00.1"),
        ] {
            assert_eq!(Moment::of_day(text).unwrap().to_string(), wanted);
        }
        for text in ["noon", "2026-01-15T12:30:00", "2026-01-15", "1:30:00"] {
            assert_eq!(Moment::of_day(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_a_day() {
        for text in ["2026-01-15", "0001-01-01", "9999-12-31", "0044-03-15 BC", "-000043-03-15"] {
            assert!(Moment::of_date(text).is_some(), "{text}");
        }
        for text in ["", "yesterday", "2026-02-30", "2026-01-15T08:30:00Z", "08:30:00"] {
            assert_eq!(Moment::of_date(text), None, "{text}");
        }
    }
}
