//! The close look: rows that differ, one by one, each difference sorted into the one kind that it
//! is of.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::first::First;
use super::index::Index;
use super::matching::matching;
use super::sorter::Sorter;
use super::tally::Tally;
use super::types::Types;
use super::{Bucket, Comparison, Place, canonical, fields, hash, traits};
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
    pub traits: Vec<u64>,
    /// Its primary key's share in that.
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
        let key = model::key(&json::read(&canonical).unwrap_or(Value::Null), primary_key);
        let (traits, key_trait) = traits::with_key(&canonical, primary_key);
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
    let is_settled = drop_same(&mut missing, &mut extra, place);
    comparison.is_cut = (is_cut || !is_settled) && has_both;
    let sorter = sorter(expected, place, types, &mut extra)?;
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
    let index = Index::of(missing.iter().map(|row| row.traits.as_slice()));
    let found: Vec<_> = extra.iter().map(|row| row.traits.as_slice()).collect();
    let is_same = |sent: usize, landed: usize| {
        let schema = &place.configured.stream.json_schema;
        fields::same_enough(&missing[sent].text, &extra[landed].text, schema, place.declared)
    };
    let matching = matching(&index, &found, |_| false, is_same);
    let matched: HashSet<usize> = matching.of_found.iter().flatten().copied().collect();
    let mut nth = 0..;
    missing.retain(|_| !nth.next().is_some_and(|nth| matched.contains(&nth)));
    let mut of_found = matching.of_found.iter();
    extra.retain(|_| of_found.next().is_some_and(Option::is_none));
    !matching.is_cut
}

/// What sorts the rows that are left. A row that spells one that was sent in another way goes by that
/// one's text from here on.
fn sorter<'a>(
    expected: &'a Expected,
    place: &'a Place,
    types: &Types,
    extra: &mut [Row],
) -> Result<Sorter<'a>, String> {
    let (mut known, mut gone) = (HashMap::new(), HashMap::new());
    if extra.is_empty() {
        return Ok(Sorter::new(place, known, gone));
    }
    let exact: HashSet<&str> = extra.iter().map(|row| row.canonical.as_str()).collect();
    let spelled = Index::of(extra.iter().map(|row| row.traits.as_slice()));
    let primary_key = &place.configured.primary_key;
    let schema = &place.configured.stream.json_schema;
    let mut others: HashMap<usize, String> = HashMap::new();
    let mut is_met = |sent: &str, canonical: &str| {
        if exact.contains(canonical) {
            return true;
        }
        let mut is_met = false;
        for at in spelled.alike(&traits::with_key(canonical, primary_key).0) {
            if fields::same_enough(sent, &extra[*at].text, schema, place.declared) {
                others.entry(*at).or_insert_with(|| canonical.to_owned());
                is_met = true;
            }
        }
        is_met
    };
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, types)?;
        if is_met(&row, &canonical) {
            known.entry(canonical).or_insert(version);
        }
    }
    for one in &expected.gone {
        if let Ok(canonical) = canonical(one.data, types)
            && is_met(one.data, &canonical)
        {
            gone.insert(canonical, *one);
        }
    }
    for (at, canonical) in others {
        let is_exact =
            known.contains_key(&extra[at].canonical) || gone.contains_key(&extra[at].canonical);
        if !is_exact {
            extra[at].canonical = canonical;
        }
    }
    Ok(Sorter::new(place, known, gone))
}
