//! Sets of simulations that can be trained with, found among arrays by their names, shapes and seeds.
//!
//! ```
//! use imnn_tools::sets::{Found, proposals};
//!
//! let seeds: Vec<u64> = (0..60).collect();
//! let found = |path: &str| Found { path: path.into(), shape: vec![60, 8], seeds: Some(seeds.clone()), unlike: None };
//! let sets = proposals(&[found("fiducial/{seed}.npy"), found("Om_m/{seed}.npy"), found("Om_p/{seed}.npy")]);
//! assert_eq!(sets[0].fiducial.to_string(), "fiducial/{seed}.npy");
//! assert_eq!(sets[0].parameters, ["Om"]);
//! ```

mod derivatives;
mod sides;
mod validation;
mod words;

use imnn_data::{ArrayPath, DerivativeFiles};

/// An array that a set may be made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its path.
    pub path: ArrayPath,
    /// Its shape, `(n, *row)`.
    pub shape: Vec<usize>,
    /// The seeds of its rows, ascending, where they have seeds.
    pub seeds: Option<Vec<u64>>,
    /// A file of it that is not like the others, with what is wrong.
    pub unlike: Option<String>,
}

/// Simulations and their derivatives that belong together, as far as names and shapes tell.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Proposal {
    /// The simulations.
    pub fiducial: ArrayPath,
    /// Their derivatives.
    pub derivative: DerivativeFiles,
    /// Whether these are exact.
    pub exact: bool,
    /// The parameters, by the names in the paths where they have names.
    pub parameters: Vec<String>,
    /// How many simulations there are.
    pub n_s: usize,
    /// How many have derivatives.
    pub n_d: usize,
    /// Whether `n_d` has to be said, as not all arrays have the same rows.
    pub say_n_d: bool,
    /// The shape of one simulation.
    pub input: Vec<usize>,
    /// What was guessed and has to be looked at.
    pub notes: Vec<String>,
    /// The same in files for validation.
    pub validation: Option<Box<Proposal>>,
}

impl Found {
    fn row(&self) -> &[usize] {
        self.shape.get(1..).unwrap_or_default()
    }

    fn n(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// What has to be mended before it can be trained on.
    fn note(&self) -> Option<String> {
        self.unlike.as_ref().map(|unlike| format!("mend or remove what is not like the other files: {unlike}"))
    }

    fn text(&self) -> String {
        self.path.to_string()
    }
}

/// The sets that the arrays make up.
pub fn proposals(found: &[Found]) -> Vec<Proposal> {
    let usable: Vec<&Found> = found.iter().filter(|of| of.shape.len() > 1 && !of.shape.contains(&0)).collect();
    let mut sets = sides::sets(&usable);
    sets.extend(derivatives::sets(&usable));
    validation::joined(sets)
}

/// How many rows all of the arrays have together, by seed where they have seeds, and whether some have others besides;
/// nothing where only some have seeds.
fn common(arrays: &[&Found]) -> Option<(usize, bool)> {
    let seeds: Vec<&Vec<u64>> = arrays.iter().filter_map(|of| of.seeds.as_ref()).collect();
    if seeds.is_empty() {
        let least = arrays.iter().map(|of| of.n()).min()?;
        return Some((least, arrays.iter().any(|of| of.n() != least)));
    }
    if seeds.len() < arrays.len() {
        return None;
    }
    let (first, others) = seeds.split_first()?;
    let in_all = |seed: &&u64| others.iter().all(|other| other.binary_search(seed).is_ok());
    let n = first.iter().filter(in_all).count();
    Some((n, seeds.iter().any(|seeds| seeds.len() != n)))
}

#[cfg(test)]
mod tests;
