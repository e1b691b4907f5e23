//! The close look: rows that differ, one by one, each difference sorted into the one kind that it
//! is of.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::first::First;
use super::groups::Groups;
use super::matching::{Found, Sent, matching};
use super::names::Names;
use super::sorter::Sorter;
use super::tally::Tally;
use super::traits::{self, Needs, Traits};
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
        let (traits, key_trait) = (Traits::of(&canonical), traits::key(&canonical, primary_key));
        Self { text, canonical, key, traits, key_trait, version }
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.canonical.len()
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
            let bytes = row.bytes();
            missing.push(row, bytes);
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
            let bytes = row.bytes();
            side.push(row, bytes);
        })?;
    }
    let is_cut = tally.is_sample() || missing.is_cut || extra.is_cut || others.is_cut;
    let mut extra = extra.rows;
    extra.append(&mut others.rows);
    let mut missing = missing.rows;
    missing.sort_by(|a, b| a.text.cmp(&b.text));
    // Where rows differ on one side alone, none has a twin that could have been passed over.
    let has_both = !missing.is_empty() && !extra.is_empty();
    let mut is_settled = drop_same(&mut missing, &mut extra, place);
    if has_both && is_settled && !is_cut {
        is_settled = bring_back(expected, landed, place, &mut missing, &mut extra)?
            && drop_same(&mut missing, &mut extra, place);
    }
    let (sorter, are_named) = sorter(expected, place, types, &mut extra)?;
    comparison.is_cut = (is_cut || !is_settled) && has_both || !are_named;
    comparison.differences = if comparison.is_cut {
        sorter.certain(missing, extra, comparison)
    } else {
        sorter.sort(missing, extra)
    };
    Ok(())
}

/// Drops the rows that are there as they were sent, but for what a destination may do to values. The
/// answer says whether there were not too many to compare.
fn drop_same(missing: &mut Vec<Row>, extra: &mut Vec<Row>, place: &Place) -> bool {
    let schema = &place.configured.stream.json_schema;
    let mut wanted = Groups::of(missing.iter().map(|row| row.text.as_str()));
    // Of equal rows, one may tell that it is another, changed.
    let of_extra = |row: &Row| (row.canonical.clone(), fields::meta(&row.text));
    let mut there = Groups::of(extra.iter().map(of_extra));
    let (firsts, founds): (Vec<_>, Vec<_>) = (wanted.firsts().collect(), there.firsts().collect());
    let needs = |row: &Row| Needs::of(&row.text, &row.canonical, schema);
    let needs: Vec<_> = firsts.iter().map(|(at, _)| needs(&missing[*at])).collect();
    let sent = firsts.iter().zip(&needs).map(|((_, count), needs)| Sent {
        needs,
        count: *count,
        first: 0,
    });
    let found =
        founds.iter().map(|(at, count)| Found { traits: &extra[*at].traits, count: *count });
    let is_same = |sent: usize, found: usize| {
        let (sent, landed) = (&missing[firsts[sent].0].text, &extra[founds[found].0].text);
        fields::same_enough(sent, landed, schema, place.declared)
    };
    let matching = matching(&sent.collect::<Vec<_>>(), &found.collect::<Vec<_>>(), is_same);
    let (mut same, mut same_there) = (HashSet::new(), HashSet::new());
    for (sent, found, count) in matching.pairs {
        same.extend(wanted.take(sent, count));
        same_there.extend(there.take(found, count));
    }
    drop_these(missing, &same);
    drop_these(extra, &same_there);
    !matching.is_cut
}

/// Brings back the rows that are known by the same as one that is missing and one that is there. A
/// row's other spelling may be how another was sent, and the two were taken for one. The answer says
/// whether they are not too many.
fn bring_back<'a>(
    expected: &'a Expected,
    landed: &Rows,
    place: &Place,
    missing: &mut Vec<Row<'a>>,
    extra: &mut Vec<Row<'a>>,
) -> Result<bool, String> {
    let there: HashSet<&Traits> = extra.iter().map(|row| &row.traits).collect();
    let both = missing.iter().map(|row| &row.traits).filter(|traits| there.contains(traits));
    let both: HashSet<Traits> = both.cloned().collect();
    if both.is_empty() {
        return Ok(true);
    }
    let types = &Types::of(&place.configured.stream.json_schema);
    let back = |text: &str, version, rows: &mut First<Row<'a>>| {
        let canonical = canonical(text, types)?;
        if !rows.is_cut && both.contains(&Traits::of(&canonical)) {
            let row = Row::new(text.to_owned(), canonical, &place.configured.primary_key, version);
            let bytes = row.bytes();
            rows.push(row, bytes);
        }
        Ok(())
    };
    let (mut sent, mut found) = (First::default(), First::default());
    for (row, version) in expected.rows() {
        back(&row, Some(version), &mut sent)?;
    }
    let mut read: Result<(), String> = Ok(());
    let all = landed.for_each(|row| {
        if read.is_ok() {
            read = back(row, None, &mut found);
        }
    });
    all.map_err(|error| error.to_string()).and(read)?;
    if sent.is_cut || found.is_cut {
        return Ok(false);
    }
    for (rows, back) in [(missing, sent.rows), (extra, found.rows)] {
        rows.retain(|row| !both.contains(&row.traits));
        rows.extend(back);
    }
    Ok(true)
}

fn drop_these(rows: &mut Vec<Row>, these: &HashSet<usize>) {
    let mut nth = 0..;
    rows.retain(|_| !nth.next().is_some_and(|nth| these.contains(&nth)));
}

/// What sorts the rows that are left, and whether all could be named. A row that spells one that was
/// sent in another way goes by that one's text and key from here on.
fn sorter<'a>(
    expected: &'a Expected,
    place: &'a Place<'a>,
    types: &Types,
    extra: &mut [Row],
) -> Result<(Sorter<'a>, bool), String> {
    let (mut known, mut gone) = (HashMap::new(), HashMap::new());
    if extra.is_empty() {
        return Ok((Sorter::new(place, known, gone), true));
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
    let (names, are_all) = names.found();
    for (at, canonical) in names {
        let row = &mut extra[at];
        if !known.contains_key(&row.canonical) && !gone.contains_key(&row.canonical) {
            row.key = key_of(&canonical, &place.configured.primary_key);
            row.canonical = canonical;
        }
    }
    Ok((Sorter::new(place, known, gone), are_all))
}

fn key_of(canonical: &str, primary_key: &[Vec<String>]) -> String {
    model::key(&json::read(canonical).unwrap_or(Value::Null), primary_key)
}
