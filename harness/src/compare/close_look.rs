//! The close look: rows that differ, one by one, each difference sorted into the one kind that it
//! is of.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::first::First;
use super::groups::Groups;
use super::index::Index;
use super::matching::{Found, Sent, matching};
use super::names::Names;
use super::sorter::Sorter;
use super::tally::Tally;
use super::traits::{Needs, Traits};
use super::types::Types;
use super::{Bucket, Comparison, Place, canonical, fields, hash};
use crate::evidence::Rows;
use crate::model::{self, Expected, Version};
use crate::protocol::json;

/// A row under the close look.
pub struct Row<'a> {
    /// As it was sent, or read back.
    pub text: String,
    /// The text that it is compared by; that of the row which it spells in another way, if it is
    /// found to.
    pub canonical: String,
    /// Its primary key. A key within an object is found in the object's JSON as well.
    pub key: String,
    /// What it is known by in any spelling.
    pub traits: Traits,
    /// Its primary key in any spelling, where there is a key.
    pub key_trait: Option<u64>,
    /// Of a row that has to be there.
    pub version: Option<Version<'a>>,
}

impl<'a> Row<'a> {
    fn new(
        text: String,
        canonical: String,
        primary_key: &[Vec<String>],
        version: Option<Version<'a>>,
    ) -> Self {
        let key = key_of(&canonical, primary_key);
        let (traits, key_trait) = Traits::with_key(&canonical, primary_key);
        Self { text, canonical, key, traits, key_trait, version }
    }

    fn needs(&self, schema: &Value) -> Needs {
        Needs::of(&self.text, &self.canonical, schema)
    }

    /// Keeps it among the first, as long as there is room.
    fn keep_in(self, rows: &mut First<Self>) {
        let bytes = self.text.len() + self.canonical.len();
        rows.push(self, bytes);
    }
}

/// Looks at the rows of the buckets that do not cancel out: first at their hashes, to know which
/// differ, then at the first of those one by one.
pub fn close_look(
    expected: &Expected,
    landed: &Rows,
    place: &Place,
    buckets: &[Bucket],
    comparison: &mut Comparison,
) -> Result<(), String> {
    let types = &Types::of(&place.configured.stream.json_schema);
    let primary_key = &place.configured.primary_key;
    let suspect = |canonical: &str| {
        let (bucket, hash) = hash(canonical);
        (buckets[bucket] != Bucket::default()).then_some(hash)
    };
    let each_landed = |each: &mut dyn FnMut(&str, String, u64)| {
        let read = landed.for_each(|row| {
            // A row that cannot be read was told when all were counted.
            if let Ok(canonical) = canonical(row, types)
                && let Some(hash) = suspect(&canonical)
            {
                each(row, canonical, hash);
            }
        });
        read.map_err(|error| error.to_string())
    };
    let mut tally = Tally::new();
    for (row, _) in expected.rows() {
        if let Some(hash) = suspect(&canonical(&row, types)?) {
            tally.add(hash, 1);
        }
    }
    each_landed(&mut |_, _, hash| tally.add(hash, -1))?;

    let mut missing = First::default();
    for (row, version) in expected.rows() {
        if missing.is_cut {
            break;
        }
        let canonical = canonical(&row, types)?;
        if suspect(&canonical).is_some_and(|hash| tally.take_missing(hash)) {
            let row = Row::new(row.into_owned(), canonical, primary_key, Some(version));
            row.keep_in(&mut missing);
        }
    }
    let missing_keys: HashSet<&str> = missing.rows.iter().map(|row| row.key.as_str()).collect();
    // Among equal rows, those that tell of changes may be others, changed. And a row of a missing
    // one's key has precedence: it tells what became of that one.
    let (mut extra, mut others) = (First::default(), First::default());
    for tells in [true, false] {
        each_landed(&mut |row, canonical, hash| {
            if extra.is_cut && others.is_cut
                || !tally.is_extra(hash)
                || fields::tells_of_changes(row) != tells
            {
                return;
            }
            tally.take_extra(hash);
            let row = Row::new(row.to_owned(), canonical, primary_key, None);
            let side =
                if missing_keys.contains(row.key.as_str()) { &mut extra } else { &mut others };
            row.keep_in(side);
        })?;
    }
    let is_cut = tally.is_sample() || missing.is_cut || extra.is_cut || others.is_cut;
    let mut extra = extra.rows;
    extra.append(&mut others.rows);
    let mut missing = missing.rows;
    missing.sort_by(|a, b| a.text.cmp(&b.text));
    // Where rows differ on one side alone, none has a twin that could have been passed over.
    let has_both = !missing.is_empty() && !extra.is_empty();
    let mut same = Same::of(&missing, &extra, place);
    if has_both && !is_cut && same.is_settled {
        let back = bring_back(expected, landed, place, (&missing, &extra), &same)?;
        if let Some((sent, found)) = back {
            missing.extend(sent);
            extra.extend(found);
            same = Same::of(&missing, &extra, place);
        }
    }
    drop_these(&mut missing, &same.sent);
    drop_these(&mut extra, &same.found);
    let sorter = sorter(expected, place, types, &mut extra)?;
    comparison.is_cut = (is_cut || !same.is_settled) && has_both;
    comparison.differences = if comparison.is_cut {
        sorter.certain(missing, extra, comparison)
    } else {
        sorter.sort(missing, extra)
    };
    Ok(())
}

/// The rows that are there as they were sent, but for what a destination may do to values: their
/// numbers on both sides.
struct Same {
    sent: HashSet<usize>,
    found: HashSet<usize>,
    /// Whether there were not too many to compare.
    is_settled: bool,
}

impl Same {
    fn of(missing: &[Row], extra: &[Row], place: &Place) -> Self {
        let schema = &place.configured.stream.json_schema;
        let mut wanted = Groups::of(missing.iter().map(|row| row.text.as_str()));
        // Of equal rows, one may tell that it is another, changed.
        let of_extra = |row: &Row| (row.canonical.clone(), fields::meta(&row.text));
        let mut there = Groups::of(extra.iter().map(of_extra));
        let (firsts, founds): (Vec<_>, Vec<_>) =
            (wanted.firsts().collect(), there.firsts().collect());
        let needs: Vec<_> = firsts.iter().map(|(at, _)| missing[*at].needs(schema)).collect();
        let sent = firsts.iter().zip(&needs);
        let sent = sent.map(|((_, count), needs)| Sent { needs, count: *count, first: 0 });
        let found = founds.iter();
        let found = found.map(|(at, count)| Found { traits: &extra[*at].traits, count: *count });
        let is_same = |sent: usize, found: usize| {
            let (sent, landed) = (&missing[firsts[sent].0].text, &extra[founds[found].0].text);
            fields::same_enough(sent, landed, schema, place.declared)
        };
        let matching = matching(&sent.collect::<Vec<_>>(), &found.collect::<Vec<_>>(), is_same);
        let (mut sent, mut found) = (HashSet::new(), HashSet::new());
        for (of_sent, of_found, count) in matching.pairs {
            sent.extend(wanted.take(of_sent, count));
            found.extend(there.take(of_found, count));
        }
        Self { sent, found, is_settled: !matching.is_cut }
    }
}

/// Rows that come back: that were sent, and that are there.
type Back<'a> = (Vec<Row<'a>>, Vec<Row<'a>>);

/// Rows are brought back for so many that are left on each side, at most.
const BACK: usize = 64;

/// The rows that were counted as there, and may be, or be there as, one that is left: a row's other
/// spelling may be how another was sent, and the two were taken for one.
fn bring_back<'a>(
    expected: &'a Expected,
    landed: &Rows,
    place: &Place,
    (missing, extra): (&[Row], &[Row]),
    same: &Same,
) -> Result<Option<Back<'a>>, String> {
    let schema = &place.configured.stream.json_schema;
    let left = |at: &usize| !same.sent.contains(at);
    let needs = (0..missing.len()).filter(left).map(|at| missing[at].needs(schema));
    let needs: Vec<Needs> = needs.take(BACK + 1).collect();
    let is_left = |(at, _): &(usize, &Row)| !same.found.contains(at);
    let strange = extra.iter().enumerate().filter(is_left).map(|(_, row)| &row.traits);
    let may_be = |traits: &Traits| needs.iter().any(|needs| needs.are_met_by(traits));
    let strange: Vec<&Traits> = strange.take(BACK + 1).filter(|traits| may_be(traits)).collect();
    if strange.is_empty() || needs.len() > BACK || strange.len() > BACK {
        return Ok(None);
    }
    let types = &Types::of(schema);
    let strange = Index::of(strange.into_iter());
    let mut back: HashSet<String> = HashSet::new();
    for (row, _) in expected.rows() {
        let canonical = canonical(&row, types)?;
        if strange.may_be(&Needs::of(&row, &canonical, schema)).next().is_some() {
            back.insert(canonical);
        }
    }
    let read = landed.for_each(|row| {
        if let Ok(canonical) = canonical(row, types)
            && may_be(&Traits::of(&canonical))
        {
            back.insert(canonical);
        }
    });
    read.map_err(|error| error.to_string())?;
    // Those that were not counted as there are at hand.
    let new = |row: &str, at_hand: &mut HashMap<&str, u32>| {
        let canonical = canonical(row, types).ok().filter(|canonical| back.contains(canonical))?;
        match at_hand.get_mut(canonical.as_str()).filter(|times| **times > 0) {
            Some(times) => *times -= 1,
            None => return Some(canonical),
        }
        None
    };
    let primary_key = &place.configured.primary_key;
    let (mut sent, mut found) = (First::default(), First::default());
    let mut at_hand = counts(missing);
    for (row, version) in expected.rows() {
        if let Some(canonical) = new(&row, &mut at_hand) {
            let row = Row::new(row.into_owned(), canonical, primary_key, Some(version));
            row.keep_in(&mut sent);
        }
    }
    let mut at_hand = counts(extra);
    let read = landed.for_each(|row| {
        if let Some(canonical) = new(row, &mut at_hand) {
            Row::new(row.to_owned(), canonical, primary_key, None).keep_in(&mut found);
        }
    });
    read.map_err(|error| error.to_string())?;
    let is_cut = sent.is_cut || found.is_cut;
    Ok((!is_cut).then_some((sent.rows, found.rows)))
}

/// How many rows there are of each canonical text.
fn counts<'r>(rows: &'r [Row]) -> HashMap<&'r str, u32> {
    let mut counts = HashMap::new();
    for row in rows {
        *counts.entry(row.canonical.as_str()).or_default() += 1;
    }
    counts
}

fn drop_these(rows: &mut Vec<Row>, these: &HashSet<usize>) {
    let mut nth = 0..;
    rows.retain(|_| !nth.next().is_some_and(|nth| these.contains(&nth)));
}

/// What sorts the rows that are left. A row that spells one that was
/// sent in another way goes by that one's text and key from here on.
fn sorter<'a>(
    expected: &'a Expected,
    place: &'a Place<'a>,
    types: &Types,
    extra: &mut [Row],
) -> Result<Sorter<'a>, String> {
    let (mut known, mut gone) = (HashMap::new(), HashMap::new());
    if extra.is_empty() {
        return Ok(Sorter::new(place, known, gone));
    }
    let mut names = Names::of(extra, place);
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, types)?;
        if !known.contains_key(&canonical) && names.look_for(&row, &canonical) {
            known.insert(canonical, version);
        }
    }
    for one in &expected.gone {
        if let Ok(canonical) = canonical(one.data, types)
            && names.look_for(one.data, &canonical)
        {
            gone.insert(canonical, *one);
        }
    }
    for (at, canonical) in names.found() {
        let row = &mut extra[at];
        if !known.contains_key(&row.canonical) && !gone.contains_key(&row.canonical) {
            row.key = key_of(&canonical, &place.configured.primary_key);
            row.canonical = canonical;
        }
    }
    Ok(Sorter::new(place, known, gone))
}

fn key_of(canonical: &str, primary_key: &[Vec<String>]) -> String {
    model::key(&json::read(canonical).unwrap_or(Value::Null), primary_key)
}
