//! Names that differ by a number, put together.
//!
//! ```
//! use imnn_io::series::{Named, put_together};
//!
//! let names: Vec<String> = (0..60).map(|seed| format!("fid/{seed}/map_z=0.npy")).collect();
//! let found = put_together(&names);
//! assert_eq!(found[0].name, "fid/{seed}/map_z=0.npy");
//! assert_eq!(found[0].numbers, (0..60).collect::<Vec<u64>>());
//! ```

use std::collections::{BTreeMap, BTreeSet};

/// One name, or several that differ by one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name, with `{seed}` in place of the number that differs.
    pub name: String,
    /// The numbers, ascending; none where it is one name.
    pub numbers: Vec<u64>,
    /// How many names it is.
    pub n: usize,
    /// The first of them.
    pub first: String,
}

/// So few names are no series: they may be parameters, redshifts or files of another kind.
const LEAST: usize = 4;

/// Puts names together that differ by one number, and leaves the others as they are, in alphabetical order.
///
/// Where several numbers differ, the one that takes the most values is the seed, and the others tell series apart. Names in
/// which numbers differ together are one entry with `{seed}` in all of these places; it has numbers where these are the same
/// in each name, and once in each part between `/`.
pub fn put_together(names: &[String]) -> Vec<Named> {
    let mut alike: BTreeMap<String, Vec<(&String, Vec<&str>)>> = BTreeMap::new();
    for name in names {
        let (around, numbers) = divided(name);
        alike.entry(around).or_default().push((name, numbers));
    }
    let mut found: Vec<Named> = alike.into_values().flat_map(|names| of_alike(&names)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// A name with its numbers taken out, and these.
fn divided(name: &str) -> (String, Vec<&str>) {
    let (mut around, mut numbers, mut rest) = (String::new(), vec![], name);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let len = rest[at..].bytes().take_while(u8::is_ascii_digit).count();
        around.push_str(&rest[..at]);
        around.push('\0');
        numbers.push(&rest[at..at + len]);
        rest = &rest[at + len..];
    }
    around.push_str(rest);
    (around, numbers)
}

/// Names that differ by numbers alone.
fn of_alike(names: &[(&String, Vec<&str>)]) -> Vec<Named> {
    let single = |name: &String| Named { name: name.clone(), numbers: vec![], n: 1, first: name.clone() };
    let values = |at: usize| names.iter().map(|(_, numbers)| numbers[at]).collect::<BTreeSet<&str>>().len();
    let n_places = names.first().map_or(0, |(_, numbers)| numbers.len());
    let Some(seed) = (0..n_places).max_by_key(|&at| values(at)).filter(|&at| values(at) >= LEAST) else {
        return names.iter().map(|(name, _)| single(name)).collect();
    };
    let mut apart: BTreeMap<Vec<&str>, Vec<(&String, &str)>> = BTreeMap::new();
    for (name, numbers) in names {
        let others = numbers.iter().enumerate().filter(|(at, _)| *at != seed).map(|(_, number)| *number);
        apart.entry(others.collect()).or_default().push((name, numbers[seed]));
    }
    if apart.values().all(|series| series.len() == 1) && n_places > 1 {
        // Several numbers go along: no one of them tells the names apart, unless they are the same.
        let places: Vec<usize> = (0..n_places).filter(|&at| values(at) > 1).collect();
        let first = names[0].0;
        let name = with_seed(first, &places);
        let one = |numbers: &[&str]| places.iter().all(|&at| numbers[at] == numbers[places[0]]);
        let alike = names.iter().all(|(_, numbers)| one(numbers))
            && name.split('/').all(|part| part.matches("{seed}").count() < 2);
        let parsed = |(_, numbers): &(&String, Vec<&str>)| numbers[places[0]].parse().ok();
        let mut numbers: Vec<u64> = names.iter().filter_map(parsed).collect();
        numbers.sort_unstable();
        let numbers = if alike && numbers.len() == names.len() { numbers } else { vec![] };
        return vec![Named { name, numbers, n: names.len(), first: first.clone() }];
    }
    let series = apart.into_values().flat_map(|series| {
        let numbers: Option<Vec<u64>> = series.iter().map(|(_, digits)| digits.parse().ok()).collect();
        match numbers {
            Some(mut numbers) if numbers.len() >= LEAST => {
                numbers.sort_unstable();
                let first = series[0].0;
                vec![Named { name: with_seed(first, &[seed]), n: series.len(), numbers, first: first.clone() }]
            }
            _ => series.into_iter().map(|(name, _)| single(name)).collect(),
        }
    });
    series.collect()
}

/// A name with `{seed}` in place of some of its numbers.
fn with_seed(name: &str, places: &[usize]) -> String {
    let (around, numbers) = divided(name);
    let mut parts = around.split('\0');
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for (at, (number, part)) in numbers.iter().zip(parts).enumerate() {
        pattern.push_str(if places.contains(&at) { "{seed}" } else { number });
        pattern.push_str(part);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[String], expected: &[(&str, usize)]) {
        let found = put_together(names);
        let found: Vec<(&str, usize)> = found.iter().map(|named| (named.name.as_str(), named.n)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_number_with_most_values_is_the_seed() {
        let mut names = vec!["README".to_owned(), "x1.npy".to_owned(), "x2.npy".to_owned()];
        for seed in 0..12 {
            for field in ["df_m_4_PCS_z=0", "df_m_4_PCS_z=1", "df_m_8_PCS_z=0"] {
                names.push(format!("fiducial/{seed}/{field}.npy"));
            }
            names.push(format!("p{}_m/{}", seed % 2, seed / 2));
        }
        check(
            &names,
            &[
                ("README", 1),
                ("fiducial/{seed}/df_m_4_PCS_z=0.npy", 12),
                ("fiducial/{seed}/df_m_4_PCS_z=1.npy", 12),
                ("fiducial/{seed}/df_m_8_PCS_z=0.npy", 12),
                ("p0_m/{seed}", 6),
                ("p1_m/{seed}", 6),
                ("x1.npy", 1),
                ("x2.npy", 1),
            ],
        );
    }

    #[test]
    fn numbers_that_go_along_are_one_entry_without_a_seed() {
        let names: Vec<String> = (0..9).map(|seed| format!("{seed}/map_{}.npy", seed + 1)).collect();
        let found = put_together(&names);
        assert_eq!((found.len(), found[0].name.as_str(), found[0].n), (1, "{seed}/map_{seed}.npy", 9));
        assert!(found[0].numbers.is_empty() && found[0].first == "0/map_1.npy");
        let names: Vec<String> = (0..9).map(|seed| format!("{seed}/map_{seed}.npy")).collect();
        assert_eq!(put_together(&names)[0].numbers, (0..9).collect::<Vec<u64>>());
        let names: Vec<String> = (0..9).map(|seed| format!("{seed}_{seed}.npy")).collect();
        assert!(put_together(&names)[0].numbers.is_empty());
    }

    #[test]
    fn odd_names_are_left_alone() {
        check(&["".to_owned(), "é7é".to_owned()], &[("", 1), ("é7é", 1)]);
        let names: Vec<String> = (0..5).map(|seed| format!("{seed}9999999999999999999999")).collect();
        assert_eq!(put_together(&names).len(), 5);
        let names: Vec<String> = ["08", "9", "10", "7"].map(str::to_owned).to_vec();
        assert_eq!(put_together(&names)[0].numbers, [7, 8, 9, 10]);
    }
}
