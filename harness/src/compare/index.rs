//! Indices of rows by what they are known by, to find the one that another row was.
//!
//! What a value may be spelled as is told loosely in a row's traits: who finds a row here looks at
//! it again.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::traits::{Need, Needs, Traits};

/// A trait that more rows share than this is no trace, unless it is the only one.
const FEW: usize = 64;

/// Rows by their traits.
pub struct Index<'r> {
    rows: Vec<&'r Traits>,
    by_trait: HashMap<u64, Vec<usize>>,
    by_name: HashMap<u64, usize>,
    by_all: HashMap<&'r Traits, Vec<usize>>,
}

impl<'r> Index<'r> {
    /// Of rows, each given by its traits.
    #[must_use]
    pub fn of(rows: impl Iterator<Item = &'r Traits>) -> Self {
        let rows: Vec<_> = rows.collect();
        let (mut by_trait, mut by_all): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) =
            (HashMap::new(), HashMap::new());
        let mut by_name = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            for one in row.fields() {
                by_trait.entry(*one).or_default().push(at);
            }
            for name in row.names() {
                *by_name.entry(*name).or_default() += 1;
            }
            by_all.entry(*row).or_default().push(at);
        }
        Self { rows, by_trait, by_name, by_all }
    }

    /// The rows with just these traits.
    #[must_use]
    pub fn alike(&self, traits: &Traits) -> &[usize] {
        self.by_all.get(traits).map_or(&[], Vec::as_slice)
    }

    /// The rows with a trait.
    #[must_use]
    pub fn with(&self, one: u64) -> &[usize] {
        self.by_trait.get(&one).map_or(&[], Vec::as_slice)
    }

    /// Of what a row needs, what fewest rows meet; `None` where it needs nothing.
    #[must_use]
    pub fn rarest<'s>(&self, needs: &'s Needs) -> Option<&'s Need> {
        let lacking = |name: &u64| self.rows.len() - self.by_name.get(name).unwrap_or(&0);
        let count = |need: &&Need| {
            let forms = need.forms.iter().map(|one| self.with(*one).len()).sum::<usize>();
            forms + need.or_absent.iter().map(lacking).sum::<usize>()
        };
        needs.all.iter().min_by_key(count)
    }

    /// The rows that may be one that was sent: those that are alike first.
    pub fn may_be<'s>(&'s self, needs: &'s Needs) -> impl Iterator<Item = usize> + 's {
        let rarest = self.rarest(needs);
        let with = rarest.into_iter().flat_map(|need| &need.forms);
        let with = with.flat_map(|one| self.with(*one)).copied();
        let lacks = move |row: &Traits| match rarest {
            Some(need) => need.or_absent.is_some_and(|name| !row.has_name(name)),
            None => true,
        };
        // Mostly there is nothing to look through.
        let looks = rarest.is_none_or(|need| need.or_absent.is_some());
        let all = looks.then(|| self.rows.iter().enumerate()).into_iter().flatten();
        let lacking = all.filter(move |(_, row)| lacks(row)).map(|(at, _)| at);
        let others = with.chain(lacking).filter(|at| *self.rows[*at] != needs.traits);
        let alike = self.alike(&needs.traits);
        alike.iter().copied().chain(others).filter(|at| needs.are_met_by(self.rows[*at]))
    }

    /// A row that shares some of these traits, the likeliest that is free: one with a trait that few
    /// have, or else one with the rarest.
    #[must_use]
    pub fn nearest(&self, traits: &Traits, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        let mut shared: Vec<&Vec<usize>> =
            traits.fields().iter().filter_map(|one| self.by_trait.get(one)).collect();
        shared.sort_by_key(|rows| rows.len());
        if shared.first()?.len() > FEW {
            return shared.first()?.iter().copied().find(|at| is_free(*at));
        }
        let mut points: HashMap<usize, usize> = HashMap::new();
        for rows in shared.iter().filter(|rows| rows.len() <= FEW) {
            for at in rows.iter().filter(|at| is_free(**at)) {
                *points.entry(*at).or_default() += (1 << 32) / rows.len();
            }
        }
        // What many share tells among those that were found by something else.
        for rows in shared.iter().filter(|rows| rows.len() > FEW) {
            for (at, points) in &mut points {
                if rows.binary_search(at).is_ok() {
                    *points += (1 << 32) / rows.len();
                }
            }
        }
        points.into_iter().max_by_key(|(at, points)| (*points, Reverse(*at))).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(v: u32, w: &str) -> String {
        format!(r#"{{"a":"x","v":{v},"w":"{w}"}}"#)
    }

    #[test]
    fn what_few_rows_share_tells_most() {
        // All share `a`; two share `w`; each has a `v` of its own.
        let rows: Vec<_> =
            (0..100).map(|at| Traits::of(&row(at, if at < 2 { "two" } else { "many" }))).collect();
        let index = Index::of(rows.iter());
        let nearest = |row: &str, from: usize| index.nearest(&Traits::of(row), |at| at >= from);
        assert_eq!(nearest(r#"{"a":"x","v":50}"#, 0), Some(50));
        assert_eq!(nearest(r#"{"a":"x","v":50}"#, 51), None);
        assert_eq!(nearest(r#"{"a":"x","w":"two"}"#, 0), Some(0));
        assert_eq!(nearest(r#"{"a":"x","w":"two"}"#, 1), Some(1));
        assert_eq!(nearest(&row(50, "two"), 0), Some(50));
        assert_eq!(nearest(r#"{"a":"x"}"#, 98), Some(98));
        assert_eq!(nearest(r#"{"b":9}"#, 0), None);
        assert_eq!(index.alike(&Traits::of(&row(50, "many"))), [50]);
        assert!(index.alike(&Traits::of(r#"{"a":"x"}"#)).is_empty());
    }

    #[test]
    fn a_row_is_found_by_what_has_one_form_only() {
        let rows = [r#"{"v":1,"w":"x"}"#, r#"{"v":1}"#, r#"{"v":2}"#, r#"{"v":1,"w":"y"}"#];
        let rows = rows.map(Traits::of);
        let index = Index::of(rows.iter());
        let schema = json!({"properties": {"v": {"type": "integer"}}});
        let found = |sent: &str| index.may_be(&Needs::of(sent, sent, &schema)).collect::<Vec<_>>();
        // What the schema does not declare may be gone.
        assert_eq!(found(r#"{"v":1,"w":"y"}"#), [3, 1]);
        assert_eq!(found(r#"{"v":2,"w":"y"}"#), [2]);
        assert_eq!(found(r#"{"v":1}"#), [1]);
        assert!(found(r#"{"v":3}"#).is_empty());
        assert!(found(r#"{"w":"x"}"#).is_empty());
        assert!(found(r#"{"v":"odd","w":"x"}"#).is_empty());
        let lacking = [r#"{"w":"x"}"#, r#"{"v":1}"#, r#"{"v":"odd"}"#].map(Traits::of);
        let lacking = Index::of(lacking.iter());
        let needs = Needs::of(r#"{"v":"odd","w":"x"}"#, r#"{"v":"odd","w":"x"}"#, &schema);
        assert_eq!(lacking.may_be(&needs).collect::<Vec<_>>(), [2, 0]);
    }
}
