//! `[simulations]`: what a network is trained on.

use std::path::Path;

use imnn::data::Augmentation;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::RunFileError;
use super::files::{self, FilePaths};
use super::reader::Section;

/// What a network is trained on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Simulations {
    /// Where the simulations and their derivatives come from.
    #[serde(flatten)]
    pub kind: Kind,
    /// The rows of the file to use, from the first, all by default; for a simulator the number to make, 1000 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_s: Option<usize>,
    /// How many of them with derivatives; as many as there are by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_d: Option<usize>,
    /// The shape in which the network sees one simulation, if not that of the file: `[64, 64, 1]` adds an axis of
    /// channels to maps of 64 x 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_shape: Option<Vec<usize>>,
    /// Symmetries drawn anew in each iteration, for training only; none by default.
    #[serde(serialize_with = "as_table")]
    pub augment: Augmentation,
    /// Simulations kept apart to decide when to stop and which weights are best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// Where simulations come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Files of simulations at the fiducial, and below and above it in each parameter.
    Numerical {
        /// The files.
        #[serde(flatten)]
        files: FilePaths,
        /// Full distances between below and above.
        #[serde(skip_serializing_if = "Option::is_none")]
        delta_theta: Option<Vec<f64>>,
        /// In place of these: the parameters below, one value each.
        #[serde(skip_serializing_if = "Option::is_none")]
        theta_below: Option<Vec<f64>>,
        /// The parameters above.
        #[serde(skip_serializing_if = "Option::is_none")]
        theta_above: Option<Vec<f64>>,
    },
    /// Files of simulations and of their exact derivatives.
    Exact {
        /// The files.
        #[serde(flatten)]
        files: FilePaths,
    },
    /// A built-in simulator, run anew in each iteration.
    Simulator(Simulator),
}

/// A built-in simulator.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "simulator", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Simulator {
    /// Gaussian draws; the parameters are their mean and variance.
    MeanVariance(MeanVariance),
    /// A straight line with unit noise; the parameter is its slope.
    Line(Line),
    /// A Gaussian random field on a square; the parameters are A and B of its power spectrum `A k^-B`.
    PowerLawField(PowerLawField),
}

/// Options of `simulator = "mean_variance"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeanVariance {
    /// Draws in a simulation; 10 by default.
    pub n_data: usize,
}

/// Options of `simulator = "line"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Points, at equal distances; 100 by default.
    pub n_data: usize,
    /// The first point; 0 by default.
    pub x_min: f64,
    /// The last point; 10 by default.
    pub x_max: f64,
    /// Variance with which the slope scatters from simulation to simulation; without it the slope is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope_variance: Option<f64>,
}

/// Options of `simulator = "power_law_field"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PowerLawField {
    /// Pixels along a side; 32 by default.
    pub n: usize,
    /// Length of a side; n by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<f64>,
}

/// Simulations for validation, of the same kind as those for training.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Validation {
    /// From files; steps of the parameters are those of the training files.
    Files {
        /// As for training.
        #[serde(flatten)]
        files: FilePaths,
        /// As for training.
        #[serde(skip_serializing_if = "Option::is_none")]
        n_s: Option<usize>,
        /// As for training.
        #[serde(skip_serializing_if = "Option::is_none")]
        n_d: Option<usize>,
    },
    /// From the same simulator, with a key of their own.
    Simulated {
        /// The number to make; that of training by default.
        #[serde(skip_serializing_if = "Option::is_none")]
        n_s: Option<usize>,
        /// How many of them with derivatives.
        #[serde(skip_serializing_if = "Option::is_none")]
        n_d: Option<usize>,
    },
}

impl Simulations {
    /// Sees the paths of the arrays from the folder `base`.
    pub(super) fn resolve(&mut self, base: &Path) {
        if let Kind::Numerical { files, .. } | Kind::Exact { files } = &mut self.kind {
            files.resolve(base);
        }
        if let Some(Validation::Files { files, .. }) = &mut self.validation {
            files.resolve(base);
        }
    }
}

const COMMON: [&str; 6] = ["kind", "n_s", "n_d", "input_shape", "augment", "validation"];
const KINDS: [&str; 3] = ["numerical", "exact", "simulator"];
const SIMULATORS: [&str; 3] = ["mean_variance", "line", "power_law_field"];

pub(super) fn read(section: &Section<'_>, n_params: usize, base: &Path) -> Result<Simulations, RunFileError> {
    let name: String = section.required("kind", "write kind = \"exact\", \"numerical\" or \"simulator\"")?;
    let kind = match name.as_str() {
        "numerical" => read_numerical(section, n_params, base)?,
        "exact" => {
            only(section, &files::KEYS)?;
            Kind::Exact { files: files::read(section, base, "(n_d, *input, n_params)", n_params, false)? }
        }
        "simulator" => Kind::Simulator(read_simulator(section, n_params)?),
        _ => return Err(section.unknown_name("kind", &name, &KINDS)),
    };
    let (n_s, n_d) = read_rows(section)?;
    let input_shape: Option<Vec<usize>> = section.optional("input_shape")?;
    if input_shape.as_ref().is_some_and(|shape| shape.is_empty() || shape.contains(&0)) {
        return Err(section.invalid("input_shape", "every axis must have at least one entry, as in [64, 64, 1]"));
    }
    let augment = section.section("augment")?.map(|section| read_augment(&section)).transpose()?.unwrap_or_default();
    let simulated = matches!(kind, Kind::Simulator(_));
    if simulated && input_shape.is_some() {
        let reason = "a simulator has the shape it has; to change it, begin the network with { reshape = [...] }";
        return Err(section.invalid("input_shape", reason));
    }
    let validation =
        section.section("validation")?.map(|section| read_validation(&section, &kind, n_params, base)).transpose()?;
    Ok(Simulations { kind, n_s, n_d, input_shape, augment, validation })
}

fn read_numerical(section: &Section<'_>, n_params: usize, base: &Path) -> Result<Kind, RunFileError> {
    let steps = ["delta_theta", "theta_below", "theta_above"];
    only(section, &[&files::KEYS[..], &files::SIDES, &steps].concat())?;
    let files = files::read(section, base, "(n_d, 2, n_params, *input), 0 = below, 1 = above", n_params, true)?;
    let vector = |key: &str| {
        let values: Option<Vec<f64>> = section.optional(key)?;
        match values.as_ref().map(Vec::len).filter(|&len| len != n_params) {
            Some(len) => Err(section.invalid(key, format!("{len} values for the {n_params} of theta_fid"))),
            None => Ok(values),
        }
    };
    let (delta_theta, below, above) = (vector("delta_theta")?, vector("theta_below")?, vector("theta_above")?);
    match (&delta_theta, &below, &above) {
        (None, None, None) => {
            return Err(section.missing(
                "delta_theta",
                "write the full distance between above and below for each parameter, or theta_below and theta_above",
            ));
        }
        (_, Some(_), None) => return Err(section.missing("theta_above", "theta_below needs it")),
        (_, None, Some(_)) => return Err(section.missing("theta_below", "theta_above needs it")),
        _ => {}
    }
    if let Some((i, width)) = delta_theta.iter().flatten().enumerate().find(|(_, width)| **width <= 0.0) {
        let reason = format!("entry {i} is {width}: it is the full distance theta_above - theta_below, and positive");
        return Err(section.invalid("delta_theta", reason));
    }
    let pairs = below.iter().flatten().zip(above.iter().flatten());
    if let Some((i, (low, high))) = pairs.enumerate().find(|(_, (low, high))| low >= high) {
        return Err(section.invalid("theta_above", format!("entry {i} is {high}, not above the {low} of theta_below")));
    }
    Ok(Kind::Numerical { files, delta_theta, theta_below: below, theta_above: above })
}

fn read_simulator(section: &Section<'_>, n_params: usize) -> Result<Simulator, RunFileError> {
    let name: String =
        section.required("simulator", "write simulator = \"mean_variance\", \"line\" or \"power_law_field\"")?;
    let (simulator, needed) = match name.as_str() {
        "mean_variance" => {
            only(section, &["simulator", "n_data"])?;
            let n_data = section.or("n_data", 10)?;
            (Simulator::MeanVariance(MeanVariance { n_data: at_least(section, "n_data", n_data, 1)? }), 2)
        }
        "line" => {
            only(section, &["simulator", "n_data", "x_min", "x_max", "slope_variance"])?;
            let n_data = section.or("n_data", 100)?;
            let (x_min, x_max) = (section.or("x_min", 0.0)?, section.or("x_max", 10.0)?);
            if x_min >= x_max {
                return Err(section.invalid("x_max", format!("{x_max} is not above the {x_min} of x_min")));
            }
            let slope_variance: Option<f64> = section.optional("slope_variance")?;
            if let Some(found) = slope_variance.filter(|&variance| variance <= 0.0) {
                return Err(
                    section.invalid("slope_variance", format!("{found} is not positive; leave it out for none"))
                );
            }
            (Simulator::Line(Line { n_data: at_least(section, "n_data", n_data, 2)?, x_min, x_max, slope_variance }), 1)
        }
        "power_law_field" => {
            only(section, &["simulator", "n", "length"])?;
            let length: Option<f64> = section.optional("length")?;
            if let Some(found) = length.filter(|&length| length <= 0.0) {
                return Err(section.invalid("length", format!("{found} is not positive")));
            }
            let n = section.or("n", 32)?;
            (Simulator::PowerLawField(PowerLawField { n: at_least(section, "n", n, 2)?, length }), 2)
        }
        _ => return Err(section.unknown_name("simulator", &name, &SIMULATORS)),
    };
    if needed != n_params {
        let values = if needed == 1 { "value" } else { "values" };
        return Err(
            section.invalid("simulator", format!("\"{name}\" takes {needed} {values} in theta_fid, not {n_params}"))
        );
    }
    Ok(simulator)
}

fn read_augment(section: &Section<'_>) -> Result<Augmentation, RunFileError> {
    section.only(&["shift", "flip", "transpose"])?;
    Ok(Augmentation {
        shift: section.or("shift", false)?,
        flip: section.or("flip", false)?,
        transpose: section.or("transpose", false)?,
    })
}

fn read_validation(
    section: &Section<'_>,
    kind: &Kind,
    n_params: usize,
    base: &Path,
) -> Result<Validation, RunFileError> {
    let numerical = matches!(kind, Kind::Numerical { .. });
    let rows: &[&str] = &["n_s", "n_d"];
    section.only(&match kind {
        Kind::Simulator(_) => rows.to_vec(),
        Kind::Exact { .. } => [&files::KEYS[..], rows].concat(),
        Kind::Numerical { .. } => [&files::KEYS[..], &files::SIDES, rows].concat(),
    })?;
    let (n_s, n_d) = read_rows(section)?;
    if matches!(kind, Kind::Simulator(_)) {
        return Ok(Validation::Simulated { n_s, n_d });
    }
    let files = files::read(section, base, "as that for training", n_params, numerical)?;
    Ok(Validation::Files { files, n_s, n_d })
}

fn read_rows(section: &Section<'_>) -> Result<(Option<usize>, Option<usize>), RunFileError> {
    let (n_s, n_d): (Option<usize>, Option<usize>) = (section.optional("n_s")?, section.optional("n_d")?);
    for (key, value, least) in [("n_s", n_s, 2), ("n_d", n_d, 1)] {
        if let Some(value) = value {
            at_least(section, key, value, least)?;
        }
    }
    if let (Some(n_s), Some(n_d)) = (n_s, n_d)
        && n_d > n_s
    {
        let reason = format!("{n_d} simulations with derivatives of only n_s = {n_s}; n_d <= n_s");
        return Err(section.invalid("n_d", reason));
    }
    Ok((n_s, n_d))
}

fn at_least(section: &Section<'_>, key: &str, value: usize, least: usize) -> Result<usize, RunFileError> {
    if value < least {
        return Err(section.invalid(key, format!("{value} is too few, at least {least}")));
    }
    Ok(value)
}

fn only(section: &Section<'_>, keys: &[&str]) -> Result<(), RunFileError> {
    let known: Vec<&str> = COMMON.iter().chain(keys).copied().collect();
    section.only(&known)
}

fn as_table<S: Serializer>(augment: &Augmentation, serializer: S) -> Result<S::Ok, S::Error> {
    let mut table = serializer.serialize_struct("augment", 3)?;
    table.serialize_field("shift", &augment.shift)?;
    table.serialize_field("flip", &augment.flip)?;
    table.serialize_field("transpose", &augment.transpose)?;
    table.end()
}
