//! Simulations that failed: what becomes of them, and which they are.

mod dependence;
mod find;

use std::sync::{Arc, Mutex, PoisonError};

use imnn_io::text::plural;
use serde::{Serialize, Serializer};

use crate::DataError;

use find::Found;
pub(crate) use find::{Missing, Question, Rows, drop_failed};

/// What becomes of simulations that failed.
///
/// ```
/// use imnn_data::{Files, FilesKind, Invalid, Source, arrays};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// let fiducial = array![[1.0], [f64::NAN], [3.0], [4.0]];
/// arrays::write_npy(path("f.npy"), fiducial.into_dyn().view())?;
/// arrays::write_npy(path("d.npy"), array![[[0.5]], [[0.6]], [[0.7]]].into_dyn().view())?;
///
/// let files = Files { invalid: Invalid::drop(), ..Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact) };
/// let left = files.load::<f64>()?;
/// assert_eq!((left.n_s(), left.n_d()), (3, 2));
/// assert_eq!(files.invalid.left_out().unwrap().fiducial.failed, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Invalid {
    /// They are an error.
    #[default]
    Refuse,
    /// They are left out, with their partners: see [`LeftOut`].
    Drop(Memo),
}

/// Which simulations failed, once that has been found out; the same for all copies, so that files are gone through once.
#[derive(Clone, Debug, Default)]
pub struct Memo(Arc<Mutex<Option<Arc<Found>>>>);

/// What is known already is no difference.
impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Memo {
    fn get(&self) -> Option<Arc<Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, found: Arc<Found>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }
}

impl Invalid {
    /// Leaves out what failed.
    pub fn drop() -> Self {
        Self::Drop(Memo::default())
    }

    /// Whether simulations that failed are an error.
    pub fn refuses(&self) -> bool {
        *self == Self::Refuse
    }

    /// The same for other files.
    #[must_use]
    pub fn anew(&self) -> Self {
        if self.refuses() { Self::Refuse } else { Self::drop() }
    }

    /// What was left out; nothing where that is not done, or before the files were opened.
    pub fn left_out(&self) -> Option<LeftOut> {
        match self {
            Self::Refuse => None,
            Self::Drop(memo) => memo.get().map(|found| found.left_out.clone()),
        }
    }
}

/// As run files write it.
impl Serialize for Invalid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.refuses() { "refuse" } else { "drop" })
    }
}

/// Simulations that were left out, as they failed: a value of them is not finite, or there is no file of their seed where
/// partners have one.
///
/// A simulation at the fiducial that failed is left out with all its partners. Where one of its partners failed, the others
/// have no part in the derivatives; the simulation itself stays, behind those with derivatives, as one without: it is as
/// good a draw at the fiducial as any other, and a covariance of only those whose partners did not fail would be of a
/// selected sample.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// At the fiducial.
    pub fiducial: Tally,
    /// Of those with derivatives, with all of whom a partner or they themselves failed.
    pub derivative: Tally,
    /// Those below and above for each parameter, or the exact derivatives.
    pub partners: Vec<Partner>,
    /// Whether simulations are called by their seeds, or else by their rows.
    pub by_seed: bool,
}

/// Simulations that failed, of so many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many were looked at.
    pub of: usize,
    /// The rows or seeds of those that failed, ascending.
    pub failed: Vec<u64>,
}

/// Partners of the simulations at the fiducial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partner {
    /// Of which parameter.
    pub parameter: usize,
    /// `"below"`, `"above"`, or `"derivative"`.
    pub side: &'static str,
    /// The rows or seeds of those that failed, ascending, of as many as have derivatives.
    pub failed: Vec<u64>,
    /// How many failed without the one at the fiducial, and how many at the fiducial without this.
    pub alone: [usize; 2],
}

/// As many are named.
const NAMED: usize = 12;

impl Tally {
    /// `3 of 200 simulations left out: rows 3, 17, 37`
    fn text(&self, what: &str, by_seed: bool) -> String {
        let (n, name) = (self.failed.len(), if by_seed { "seed" } else { "row" });
        let all = plural(self.of, &format!("simulation{what}"));
        // "200 simulations with derivatives": the plural is that of the simulations.
        let all = if self.of == 1 { all } else { format!("{} simulations{what}", self.of) };
        if n == 0 {
            return format!("none of {all} left out");
        }
        let named: Vec<String> = self.failed.iter().take(NAMED).map(u64::to_string).collect();
        let more = if n > NAMED { format!(" and {} more", n - NAMED) } else { String::new() };
        let name = if n == 1 { name.to_owned() } else { format!("{name}s") };
        format!("{n} of {all} left out: {name} {}{more}", named.join(", "))
    }
}

impl LeftOut {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.fiducial.failed.is_empty() && self.derivative.failed.is_empty()
    }

    /// Refuses to use more than are left.
    pub(crate) fn check_asked(
        &self,
        name: &'static str,
        asked: Option<usize>,
        (label, left): (&str, usize),
        tally: &Tally,
    ) -> Result<(), DataError> {
        let Some(asked) = asked.filter(|&asked| asked > left && !tally.failed.is_empty()) else { return Ok(()) };
        let what = if name == "n_d" { " with derivatives" } else { "" };
        Err(DataError::Refused(format!(
            "{name} = {asked}, but {left} simulations of {label} are left: {} (invalid = \"drop\"); lower {name} to {left}, or \
             leave it out",
            tally.text(what, self.by_seed)
        )))
    }

    /// How many were left out, and which; `name` is what a parameter is called.
    pub fn text(&self, name: impl Fn(usize) -> String) -> String {
        let mut text = self.fiducial.text("", self.by_seed);
        if !self.derivative.failed.is_empty() {
            text.push_str(&format!("; {}", self.derivative.text(" with derivatives", self.by_seed)));
        }
        let failed = |partner: &&Partner| !partner.failed.is_empty();
        let of =
            |partner: &Partner| format!("{} {} of {}", partner.failed.len(), partner.side, name(partner.parameter));
        let partners: Vec<String> = self.partners.iter().filter(failed).map(of).collect();
        if !partners.is_empty() {
            text.push_str(&format!(" (failed: {})", partners.join(", ")));
        }
        text
    }
}
