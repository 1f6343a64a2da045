//! Simulations below and above the fiducial, in arrays of their own.

use std::collections::{BTreeMap, HashMap, HashSet};

use imnn_data::DerivativeFiles;
use imnn_io::text::plural;

use super::words::{SIDES, is_fiducial, parts, places, replaced, spellings, without};
use super::{Found, Proposal, common};

/// What the names of all arrays of a set have in common: which part tells them apart, the rest, and the shape of a row.
type Context = (usize, String, Vec<usize>);

/// A parameter, with the arrays below and above in it.
struct Pair<'a> {
    name: String,
    below: &'a Found,
    above: &'a Found,
    note: Option<String>,
}

struct Arrays<'a> {
    all: &'a [&'a Found],
    by_name: HashMap<String, &'a Found>,
}

pub(super) fn sets(all: &[&Found]) -> Vec<Proposal> {
    let arrays = Arrays { all, by_name: all.iter().map(|of| (of.text(), *of)).collect() };
    let mut contexts: BTreeMap<Context, Vec<Pair<'_>>> = BTreeMap::new();
    let mut sides: HashSet<String> = HashSet::new();
    for below in all {
        for (context, pair) in arrays.partners(below) {
            let pairs = contexts.entry(context).or_default();
            if pairs.iter().all(|known| known.name != pair.name) {
                sides.extend([pair.below.text(), pair.above.text()]);
                pairs.push(pair);
            }
        }
    }
    let mut sets = vec![];
    for (context, mut pairs) in contexts {
        let fiducials = arrays.fiducials(&context, &sides);
        if let Some(main) = fiducials.first() {
            pairs.extend(arrays.one_sided(&context, &pairs, &fiducials));
            pairs.sort_by(|a, b| a.name.cmp(&b.name));
            sets.extend(proposal(main, &pairs, main.row() != context.2));
        }
    }
    sets
}

/// A name for a parameter that has a number or nothing.
fn named(name: String) -> String {
    if name.chars().any(char::is_alphabetic) {
        name
    } else {
        format!("parameter_{name}").trim_end_matches('_').to_owned()
    }
}

impl<'a> Arrays<'a> {
    /// The arrays above that an array below may belong to.
    fn partners(&self, below: &'a Found) -> Vec<(Context, Pair<'a>)> {
        let text = below.text();
        let mut found = vec![];
        for (number, part) in parts(&text).iter().enumerate() {
            for (low, high) in SIDES {
                for (low, high) in spellings(low).iter().zip(spellings(high)) {
                    for at in places(&text[part.clone()], low) {
                        let word = part.start + at..part.start + at + low.len();
                        let Some(above) = self.by_name.get(&replaced(&text, &word, &high)) else { continue };
                        if above.row() == below.row() {
                            let context = (number, replaced(&text, part, "\0"), below.row().to_vec());
                            let name = named(without(&text[part.clone()], at, low));
                            found.push((context, Pair { name, below, above, note: None }));
                        }
                    }
                }
            }
        }
        found
    }

    /// The arrays that may be the simulations at the fiducial, the likeliest first.
    fn fiducials(&self, (number, around, row): &Context, sides: &HashSet<String>) -> Vec<&'a Found> {
        let mut here = vec![];
        let mut elsewhere = vec![];
        let inner = row.get(1..).unwrap_or_default();
        for of in self.all.iter().filter(|of| !sides.contains(&of.text())) {
            if of.row() != row && (of.row() != inner || inner.is_empty()) {
                continue;
            }
            let text = of.text();
            let parts = parts(&text);
            let same = parts.get(*number).filter(|part| replaced(&text, part, "\0") == *around);
            let of_axis = usize::from(of.row() != row);
            match same {
                Some(part) => {
                    let likely = is_fiducial(&text[part.clone()]);
                    here.push((of_axis, likely.unwrap_or(usize::MAX), text.len(), *of));
                }
                None => {
                    let likely = parts.iter().filter_map(|part| is_fiducial(&text[part.clone()])).min();
                    elsewhere.extend(likely.map(|likely| (of_axis, likely, text.len(), *of)));
                }
            }
        }
        here.sort_by_key(|&(axis, likely, len, _)| (axis, likely, len));
        elsewhere.sort_by_key(|&(axis, likely, len, _)| (axis, likely, len));
        let named: Vec<&Found> = here.iter().filter(|of| of.1 < usize::MAX).map(|of| of.3).collect();
        match (&named[..], &here[..], &elsewhere[..]) {
            ([_, ..], ..) => named,
            (_, [one], _) => vec![one.3],
            (_, _, [one]) => vec![one.3],
            _ => vec![],
        }
    }

    /// Parameters with simulations above alone: below them are those at the fiducial.
    fn one_sided(&self, (number, around, row): &Context, pairs: &[Pair<'a>], fiducials: &[&'a Found]) -> Vec<Pair<'a>> {
        let mut found: Vec<Pair<'a>> = vec![];
        let is_known = |of: &Found| pairs.iter().any(|pair| pair.below.path == of.path || pair.above.path == of.path);
        for above in self.all.iter().filter(|of| of.row() == row && !is_known(of)) {
            let text = above.text();
            let parts = parts(&text);
            let Some(part) = parts.get(*number).filter(|part| replaced(&text, part, "\0") == *around) else { continue };
            let part = &text[part.clone()];
            let name =
                SIDES.iter().find_map(|(_, high)| Some(named(without(part, *places(part, high).first()?, high))));
            let Some(name) = name.filter(|name| pairs.iter().chain(&found).all(|pair| pair.name != *name)) else {
                continue;
            };
            // Those with the same seeds, where there are several.
            let fits = |of: &&&Found| of.row() == row && common(&[**of, *above]).is_some_and(|(n, _)| n > 0);
            let same = |of: &&&Found| fits(of) && of.seeds == above.seeds && of.n() == above.n();
            let Some(below) = fiducials.iter().find(same).or_else(|| fiducials.iter().find(fits)) else { continue };
            let others = fiducials.iter().filter(|of| of.path != below.path && fits(of));
            let others: String = others.map(|of| format!(", or take {}", of.path)).collect();
            let note = format!(
                "{name} has simulations above alone; below them are those of {}: check that they are at the fiducial{others}",
                below.path
            );
            found.push(Pair { name, below, above, note: Some(note) });
        }
        found
    }
}

/// The set of these arrays; with `axis` they have an axis of the parameters themselves.
fn proposal(fiducial: &Found, pairs: &[Pair<'_>], axis: bool) -> Vec<Proposal> {
    let of = |pairs: &[&Pair<'_>], parameters: Vec<String>| {
        let mut arrays: Vec<&Found> = pairs.iter().flat_map(|pair| [pair.below, pair.above]).collect();
        let sides = common(&arrays)?;
        arrays.push(fiducial);
        let (n_d, _) = common(&arrays).filter(|(n, _)| *n > 0)?;
        let mut notes: Vec<String> = pairs.iter().filter_map(|pair| pair.note.clone()).collect();
        if n_d < sides.0 {
            notes.push(format!("{} below and above have no simulation at the fiducial", plural(sides.0 - n_d, "row")));
        }
        notes.extend(arrays.iter().filter_map(|of| of.note()));
        let path = |side: fn(&Pair<'_>) -> imnn_data::ArrayPath| pairs.iter().map(|pair| side(pair)).collect();
        let derivative = DerivativeFiles::Sides {
            below: path(|pair| pair.below.path.clone()),
            above: path(|pair| pair.above.path.clone()),
        };
        Some(Proposal {
            fiducial: fiducial.path.clone(),
            derivative,
            exact: false,
            parameters,
            n_s: fiducial.n(),
            n_d,
            say_n_d: sides.1 || n_d < sides.0,
            input: fiducial.row().to_vec(),
            notes,
            validation: None,
        })
    };
    if !axis {
        let parameters = pairs.iter().map(|pair| pair.name.clone()).collect();
        return of(&pairs.iter().collect::<Vec<_>>(), parameters).into_iter().collect();
    }
    let each = pairs.iter().filter_map(|pair| {
        let names = (0..pair.below.row()[0]).map(|number| format!("parameter_{number}"));
        of(&[pair], names.collect())
    });
    each.collect()
}
