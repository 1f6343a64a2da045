//! Derivatives in one array, told by its shape.

use imnn_data::DerivativeFiles;

use super::words::{is_fiducial, parts};
use super::{Found, Proposal, common};

/// More parameters than this in an axis are rather pixels.
const PARAMETERS: usize = 16;

pub(super) fn sets(all: &[&Found]) -> Vec<Proposal> {
    let mut sets = vec![];
    for derivative in all {
        let exact = match derivative.row() {
            [2, 1..=PARAMETERS, _, ..] => false,
            [_, .., 1..=PARAMETERS] if is_derivative(derivative) => true,
            _ => continue,
        };
        let fits = |of: &&&Found| match derivative.row() {
            [2, _, input @ ..] if !exact => of.row() == input,
            [input @ .., _] if exact => of.row() == input,
            _ => false,
        };
        let fiducials = all.iter().filter(fits).filter(|of| !is_derivative(of));
        // Those whose names are most alike, in the same folder.
        let Some(fiducial) = fiducials.max_by_key(|of| (alike(of, derivative), likely(of))) else { continue };
        let n_params = if exact { derivative.row()[derivative.row().len() - 1] } else { derivative.row()[1] };
        let Some((n_d, _)) = common(&[fiducial, derivative]).filter(|(n, _)| *n > 0) else { continue };
        sets.push(Proposal {
            fiducial: fiducial.path.clone(),
            derivative: DerivativeFiles::Array(derivative.path.clone()),
            exact,
            parameters: (0..n_params).map(|number| format!("parameter_{number}")).collect(),
            n_s: fiducial.n(),
            n_d,
            say_n_d: n_d < derivative.n(),
            input: fiducial.row().to_vec(),
            notes: [fiducial, derivative].into_iter().filter_map(|of| of.note()).collect(),
            validation: None,
        });
    }
    sets
}

/// Whether a name says that it is of derivatives.
fn is_derivative(of: &Found) -> bool {
    let text = of.text();
    let last =
        parts(&text).into_iter().rev().map(|part| text[part].to_lowercase()).find(|part| !part.contains("{seed"));
    let Some(last) = last else { return false };
    let stem = last.split('.').next().unwrap_or_default();
    let words = ["deriv", "der", "grad", "jac", "exact", "numerical"];
    words.iter().any(|word| stem.split(|c: char| !c.is_alphabetic()).any(|part| part.starts_with(word)))
        || stem.split('_').next().is_some_and(|first| ["d", "dx", "dd", "dmu", "dfid"].contains(&first))
}

/// How long the paths are the same.
fn alike(a: &Found, b: &Found) -> usize {
    let (a, b) = (a.text(), b.text());
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    // As far as the folder.
    a[..same].rfind(['/', ':']).unwrap_or(0)
}

fn likely(of: &Found) -> std::cmp::Reverse<usize> {
    let text = of.text();
    let likely = parts(&text).into_iter().filter_map(|part| is_fiducial(&text[part])).min();
    std::cmp::Reverse(likely.unwrap_or(usize::MAX))
}
