//! `[summaries]`: summaries that one has already, to which a network adds.

use std::path::Path;

use imnn::data::PowerSpectrum;
use imnn::io::{ConfigError, Section};
use serde::Serialize;

use super::files::{self, FilePaths};
use super::simulations::{Kind, Simulations};

/// Summaries that one has already.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summaries {
    /// Where they come from.
    pub given: GivenBy,
    /// Those of the simulations for validation, where they come from files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<FilePaths>,
}

/// Where summaries that are given come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum GivenBy {
    /// A function of the data.
    Function(Function),
    /// Files, row by row as those of the simulations: `(n_s, n_given)`, and derivatives of the same kind.
    Files(FilePaths),
}

/// A function of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Function {
    /// [`PowerSpectrum`].
    PowerSpectrum,
}

const FUNCTIONS: [(&str, Function); 1] = [(PowerSpectrum::NAME, Function::PowerSpectrum)];

impl Summaries {
    /// The files for training, if they come from files.
    pub(super) fn files(&self) -> Option<&FilePaths> {
        match &self.given {
            GivenBy::Files(files) => Some(files),
            GivenBy::Function(_) => None,
        }
    }

    /// Sees the paths of the arrays from the folder `base`.
    pub(super) fn resolve(&mut self, base: &Path) {
        if let GivenBy::Files(files) = &mut self.given {
            files.resolve(base);
        }
        self.validation.iter_mut().for_each(|files| files.resolve(base));
    }
}

/// Reads the table, for these simulations of so many parameters.
pub(super) fn read(
    section: &Section<'_>,
    simulations: &Simulations,
    n_params: usize,
    base: &Path,
) -> Result<Summaries, ConfigError> {
    section.only(&["given", "validation"])?;
    let known = "write given = \"power_spectrum\", or given = { fiducial = \"t.npy\", derivative = \"dt.npy\" }";
    let Some(item) = section.item("given") else { return Err(section.missing("given", known)) };
    let Some(table) = item.as_section() else {
        if section.has("validation") {
            let reason = "a function makes the summaries of all simulations: take [summaries.validation] away";
            return Err(section.invalid("validation", reason));
        }
        return Ok(Summaries { given: GivenBy::Function(item.choice(&FUNCTIONS)?), validation: None });
    };
    let numerical = match &simulations.kind {
        Kind::Numerical { .. } => true,
        Kind::Exact { .. } => false,
        Kind::Simulator { .. } => {
            let reason = "a simulator makes other data in each iteration, of which no file has the summaries: give a function, as \
                          given = \"power_spectrum\"";
            return Err(section.invalid("given", reason));
        }
    };
    let shape =
        if numerical { "(n_d, 2, n_params, n_given), 0 = below, 1 = above" } else { "(n_d, n_given, n_params)" };
    let read = |table: &Section<'_>| {
        table.only(&[&files::KEYS[..], if numerical { &files::SIDES } else { &[] }].concat())?;
        if table.has("invalid") {
            let reason =
                "rows are those of the simulations: of what failed take the rows away in both, and give files without";
            return Err(table.invalid("invalid", reason));
        }
        files::read(table, base, shape, n_params, numerical)
    };
    let given = read(&table)?;
    let own = section.section("validation")?.map(|table| read(&table)).transpose()?;
    match (simulations.validation.is_some(), own.is_some()) {
        (true, false) => Err(section.missing(
            "validation",
            "the simulations for validation have summaries too: write [summaries.validation] with fiducial and derivative",
        )),
        (false, true) => {
            let reason = "there are no files of simulations for validation; of a share the rows are taken by themselves";
            Err(section.invalid("validation", reason))
        }
        _ => Ok(Summaries { given: GivenBy::Files(given), validation: own }),
    }
}
