//! `[simulations]`: what a network is trained on.

use std::path::Path;

use imnn::data::{Augmentation, Files, FilesKind, Kept, LeftOut, ParameterSteps, read_steps};
use imnn::io::text::bytes;
use imnn::io::{ConfigError, Section};
use imnn::sim::{BuiltIn, Simulator};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::augment;
use super::files::{self, FilePaths};
use super::noise::{self, Noise, ValidationNoise};

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
    /// Whether files are looked at before training: `"off"` trains on whatever is in them.
    #[serde(skip_serializing_if = "Check::is_on")]
    pub check: Check,
    /// Symmetries drawn anew in each iteration, for training only; none by default.
    pub augment: Augmentation,
    /// Noise added to each simulation, drawn anew in each iteration; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Simulations kept apart to decide when to stop and which weights are best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// In their place the share of the files for training that is kept apart, from the end: `validation = 0.2`.
    #[serde(rename = "validation", skip_serializing_if = "Option::is_none")]
    pub kept_apart: Option<f64>,
}

/// Whether simulations in files are looked at before training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A part of them; what cannot be trained on is refused.
    #[default]
    On,
    /// They are taken as they are.
    Off,
}

impl Check {
    pub(super) const WORDS: [(&'static str, Check); 2] = [("on", Check::On), ("off", Check::Off)];

    fn is_on(&self) -> bool {
        *self == Check::On
    }
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
        /// The parameters below and above.
        #[serde(flatten, serialize_with = "as_keys")]
        steps: ParameterSteps,
    },
    /// Files of simulations and of their exact derivatives.
    Exact {
        /// The files.
        #[serde(flatten)]
        files: FilePaths,
    },
    /// A built-in simulator, run anew in each iteration.
    Simulator {
        /// Which one.
        #[serde(flatten)]
        simulator: BuiltIn,
        /// How its simulations change with the parameters; its exact derivatives by default.
        derivative: SimulatorDerivative,
    },
}

/// How the simulations of a simulator change with the parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SimulatorDerivative {
    /// By the exact derivatives of the simulator.
    #[default]
    Exact,
    /// By seed-matched differences of simulations, over these full widths, used as exact derivatives are.
    Finite(Vec<f64>),
    /// By simulations of the same seed below and above, these full widths apart, as from files of numerical derivatives.
    Numerical(Vec<f64>),
}

/// Simulations for validation, of the same kind as those for training.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Validation {
    /// The files; steps of the parameters are those of the training files. None for a simulator, which is that of training
    /// with a key of its own.
    #[serde(flatten)]
    pub files: Option<FilePaths>,
    /// The rows to use, all by default; for a simulator the number to make, that of training by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_s: Option<usize>,
    /// How many of them with derivatives; as many as there are by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_d: Option<usize>,
    /// That of training by default.
    #[serde(skip_serializing_if = "ValidationNoise::is_as_training")]
    pub noise: ValidationNoise,
}

impl Simulations {
    /// Files of simulations, with what this table says of them.
    pub(crate) fn files(&self, paths: &FilePaths, n_s: Option<usize>, n_d: Option<usize>) -> Files {
        let kind = match &self.kind {
            Kind::Numerical { steps, .. } => FilesKind::Numerical(steps.clone()),
            _ => FilesKind::Exact,
        };
        let (fiducial, derivative) = (paths.fiducial.clone(), paths.derivative.clone());
        let (input_shape, invalid) = (self.input_shape.clone(), paths.invalid.clone());
        Files { fiducial, derivative, kind, n_s, n_d, input_shape, invalid, kept: Kept::All }
    }

    /// Whether there are simulations for validation.
    pub(crate) fn validates(&self) -> bool {
        self.validation.is_some() || self.kept_apart.is_some()
    }

    /// The files for training, and those for validation if there are any; nothing of a simulator.
    pub(crate) fn all_files(&self) -> Option<(Files, Option<Files>)> {
        let (Kind::Numerical { files, .. } | Kind::Exact { files }) = &self.kind else { return None };
        let training = self.files(files, self.n_s, self.n_d);
        let kept = |kept| Files { kept, ..training.clone() };
        Some(match (&self.validation, self.kept_apart) {
            (Some(Validation { files: Some(files), n_s, n_d, .. }), _) => {
                (training, Some(self.files(files, *n_s, *n_d)))
            }
            (_, Some(share)) => (kept(Kept::Rest(share)), Some(kept(Kept::Last(share)))),
            _ => (training, None),
        })
    }

    /// What was left out of the files that were opened, for training and for validation, with their names.
    pub(crate) fn left_out(&self) -> Vec<(&'static str, LeftOut)> {
        let of = |name, files: &FilePaths| files.invalid.left_out().map(|left_out| (name, left_out));
        let training = match &self.kind {
            Kind::Numerical { files, .. } | Kind::Exact { files } => of("training", files),
            Kind::Simulator { .. } => None,
        };
        let validation = self.validation.as_ref().and_then(|validation| of("validation", validation.files.as_ref()?));
        training.into_iter().chain(validation).collect()
    }

    /// Sees the paths of the arrays from the folder `base`.
    pub(super) fn resolve(&mut self, base: &Path) {
        if let Kind::Numerical { files, .. } | Kind::Exact { files } = &mut self.kind {
            files.resolve(base);
        }
        if let Some(noise) = &mut self.noise {
            noise.resolve(base);
        }
        if let Some(Validation { files, noise, .. }) = &mut self.validation {
            files.iter_mut().for_each(|files| files.resolve(base));
            noise.resolve(base);
        }
    }
}

const COMMON: [&str; 8] = ["kind", "n_s", "n_d", "input_shape", "check", "augment", "noise", "validation"];
const KINDS: [&str; 3] = ["numerical", "exact", "simulator"];
const STEPS: [&str; 3] = ["delta_theta", "theta_below", "theta_above"];

pub(super) fn read(section: &Section<'_>, theta_fid: &[f64], base: &Path) -> Result<Simulations, ConfigError> {
    let n_params = theta_fid.len();
    let name: String = section.required("kind", "write kind = \"exact\", \"numerical\" or \"simulator\"")?;
    let kind = match name.as_str() {
        "numerical" => {
            only(section, &[&files::KEYS[..], &files::SIDES, &STEPS].concat())?;
            let shape = "(n_d, 2, n_params, *input), 0 = below, 1 = above";
            let files = files::read(section, base, shape, n_params, true)?;
            Kind::Numerical { files, steps: read_steps(section, theta_fid)? }
        }
        "exact" => {
            if let Some(key) = STEPS.into_iter().find(|key| section.has(key)) {
                return Err(section.invalid(key, "belongs to kind = \"numerical\"; exact derivatives need no widths"));
            }
            only(section, &files::KEYS)?;
            Kind::Exact { files: files::read(section, base, "(n_d, *input, n_params)", n_params, false)? }
        }
        "simulator" => Kind::Simulator {
            simulator: read_simulator(section, n_params)?,
            derivative: read_simulator_derivative(section, n_params)?,
        },
        _ => return Err(section.unknown_name("kind", &name, &KINDS)),
    };
    let (n_s, n_d) = read_rows(section, n_params)?;
    let input_shape: Option<Vec<usize>> = section.optional("input_shape")?;
    if input_shape.as_ref().is_some_and(|shape| shape.is_empty() || shape.contains(&0)) {
        return Err(section.invalid("input_shape", "every axis must have at least one entry, as in [64, 64, 1]"));
    }
    let check = section.choice("check", &Check::WORDS)?.unwrap_or_default();
    let augment = match section.section("augment")? {
        Some(section) => {
            section.only(&augment::KEYS)?;
            augment::read(&section)?
        }
        None => Augmentation::default(),
    };
    let noise = noise::read(section, base)?;
    let simulated = matches!(kind, Kind::Simulator { .. });
    if simulated && input_shape.is_some() {
        let reason = "a simulator has the shape it has; to change it, begin the network with { reshape = [...] }";
        return Err(section.invalid("input_shape", reason));
    }
    let kept_apart = read_share(section, &kind)?;
    let validation = match kept_apart {
        Some(_) => None,
        None => {
            let own = section.section("validation")?;
            own.map(|section| read_validation(&section, &kind, n_params, base)).transpose()?
        }
    };
    Ok(Simulations { kind, n_s, n_d, input_shape, check, augment, noise, validation, kept_apart })
}

/// The share that is kept apart, where `validation` is a number.
fn read_share(section: &Section<'_>, kind: &Kind) -> Result<Option<f64>, ConfigError> {
    let item = section.item("validation");
    if item.is_none_or(|item| item.as_section().is_some()) {
        return Ok(None);
    }
    let share: f64 = section.required("validation", "write a share such as 0.2, or a table")?;
    if !(0.0 < share && share < 1.0) {
        let reason =
            format!("{share}: write the share of the simulations to keep apart, between 0 and 1, as 0.2, or a table");
        return Err(section.invalid("validation", reason));
    }
    match kind {
        Kind::Simulator { .. } => Err(section.invalid(
            "validation",
            "a share is of simulations in files; a simulator makes others: write [simulations.validation] with n_s",
        )),
        _ => Ok(Some(share)),
    }
}

/// A built-in simulator of so many parameters.
fn read_simulator(section: &Section<'_>, n_params: usize) -> Result<BuiltIn, ConfigError> {
    let advice = format!("write simulator = \"{}\"", BuiltIn::NAMES.join("\" or \""));
    let name: String = section.required("simulator", &advice)?;
    let keys = BuiltIn::keys(&name).ok_or_else(|| section.unknown_name("simulator", &name, &BuiltIn::NAMES))?;
    only(section, &[&["simulator", "derivative"], keys].concat())?;
    let settings = section.settings_of(keys, |settings| BuiltIn::read(&name, settings).transpose())?;
    let settings = settings.ok_or_else(|| section.unknown_name("simulator", &name, &BuiltIn::NAMES))?;
    let simulator = settings.simulator().map_err(|error| section.refused(error))?;
    match simulator.n_params() {
        n if n == n_params => Ok(settings),
        n => {
            let values = if n == 1 { "value" } else { "values" };
            Err(section.invalid("simulator", format!("\"{name}\" takes {n} {values} in theta_fid, not {n_params}")))
        }
    }
}

fn read_simulator_derivative(section: &Section<'_>, n_params: usize) -> Result<SimulatorDerivative, ConfigError> {
    const KNOWN: &str = "\"exact\" or a table { finite = [...] } or { numerical = [...] } of full widths";
    let Some(item) = section.item("derivative") else { return Ok(SimulatorDerivative::Exact) };
    if item.as_str() == Some("exact") {
        return Ok(SimulatorDerivative::Exact);
    }
    let Some(table) = item.as_section() else { return Err(item.wrong_type(KNOWN)) };
    table.only(&["finite", "numerical"])?;
    let (key, make): (_, fn(_) -> _) = match (table.has("finite"), table.has("numerical")) {
        (true, false) => ("finite", SimulatorDerivative::Finite),
        (false, true) => ("numerical", SimulatorDerivative::Numerical),
        _ => return Err(item.invalid(format!("expected {KNOWN}, one of these"))),
    };
    let widths: Vec<f64> = table.or(key, Vec::new())?;
    if widths.len() != n_params {
        return Err(table.invalid(key, format!("{} values for the {n_params} of theta_fid", widths.len())));
    }
    ParameterSteps::of_widths(&widths[..]).map_err(|error| table.invalid(key, error.to_string()))?;
    Ok(make(widths))
}

fn read_validation(
    section: &Section<'_>,
    kind: &Kind,
    n_params: usize,
    base: &Path,
) -> Result<Validation, ConfigError> {
    let rows: &[&str] = &["n_s", "n_d", "noise"];
    section.only(&match kind {
        Kind::Simulator { .. } => rows.to_vec(),
        Kind::Exact { .. } => [&files::KEYS[..], rows].concat(),
        Kind::Numerical { .. } => [&files::KEYS[..], &files::SIDES, rows].concat(),
    })?;
    let (n_s, n_d) = read_rows(section, n_params)?;
    let noise = noise::read_validation(section, base)?;
    let mut files = match kind {
        Kind::Simulator { .. } => None,
        Kind::Exact { .. } => Some(files::read(section, base, "as that for training", n_params, false)?),
        Kind::Numerical { .. } => Some(files::read(section, base, "as that for training", n_params, true)?),
    };
    if let (Some(files), Kind::Exact { files: training } | Kind::Numerical { files: training, .. }) = (&mut files, kind)
        && !section.has("invalid")
    {
        files.invalid = training.invalid.anew();
    }
    Ok(Validation { files, n_s, n_d, noise })
}

/// Bytes of a simulation that stay in memory wherever it comes from: its summaries, at least as many as parameters, and
/// the gradient with respect to them, in double precision.
const BYTES_PER_PARAMETER: usize = 2 * size_of::<f64>();

fn read_rows(section: &Section<'_>, n_params: usize) -> Result<(Option<usize>, Option<usize>), ConfigError> {
    let (n_s, n_d): (Option<usize>, Option<usize>) = (section.optional("n_s")?, section.optional("n_d")?);
    for (key, value, least) in [("n_s", n_s, 2), ("n_d", n_d, 1)] {
        if let Some(value) = value.filter(|&value| value < least) {
            return Err(section.invalid(key, format!("{value} is too few, at least {least}")));
        }
    }
    let of_one = BYTES_PER_PARAMETER.saturating_mul(n_params.max(1));
    let memory =
        imnn::io::limits::machine_memory().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(isize::MAX as usize);
    for (key, value) in [("n_s", n_s), ("n_d", n_d)] {
        if let Some(value) = value.filter(|&value| value.saturating_mul(of_one) > memory) {
            let (needed, there) = (bytes(value.saturating_mul(of_one) as u64), bytes(memory as u64));
            let reason = format!(
                "{value} is too many, at most {}: their summaries alone would take {needed} of the {there} of this machine",
                memory / of_one
            );
            return Err(section.invalid(key, reason));
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

fn only(section: &Section<'_>, keys: &[&str]) -> Result<(), ConfigError> {
    let known: Vec<&str> = COMMON.iter().chain(keys).copied().collect();
    section.only(&known)
}

/// As the keys of a run file.
fn as_keys<S: Serializer>(steps: &ParameterSteps, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    match steps.theta() {
        None => map.serialize_entry("delta_theta", steps.widths())?,
        Some((below, above)) => {
            map.serialize_entry("theta_below", below)?;
            map.serialize_entry("theta_above", above)?;
        }
    }
    map.end()
}
