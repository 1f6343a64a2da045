//! What was found under a path.

use imnn::data::ArrayPath;
use imnn::data::inspect::{ArrayInfo, Numbered};
use imnn::fit::Description;

/// What there is under a path.
pub(super) enum Found {
    /// A run of `imnn fit`.
    Run(Box<Description>),
    Array(ArrayInfo),
    Numbered(Box<Numbered>),
    /// What cannot be used, and why.
    Other(ArrayPath, String),
}

/// Which numbers are missing, if some are.
pub(super) fn gaps(numbered: &Numbered) -> Option<String> {
    let named = numbered.missing.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let more = if numbered.n_missing > numbered.missing.len() as u64 { ", ..." } else { "" };
    // Of seeds that were drawn nearly all are missing.
    let few = numbered.n_missing > 0 && numbered.n_missing <= numbered.seeds.len() as u64;
    few.then(|| format!("{} missing: {named}{more}", numbered.n_missing))
}
