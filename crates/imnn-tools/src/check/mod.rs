//! Whether simulations can be trained with, found out before hours of training.
//!
//! Shapes and values are checked, rows that are there twice are found, and statistics say whether simulations below, above
//! and at the fiducial are of the same random seeds. What the data cannot tell is not guessed: neither whether
//! `delta_theta` is the full width, nor whether below and above are exchanged throughout, can be seen in them.
//!
//! ```
//! use imnn_tools::check::{CheckOptions, Severity, check};
//! use imnn_data::{Files, FilesKind, ParameterSteps, arrays, simulate_numerical};
//! use imnn_sim::{GaussianMeanVariance, Key};
//!
//! let folder = tempfile::tempdir()?;
//! let path = |name: &str| folder.path().join(name);
//! let simulator = GaussianMeanVariance { n_data: 10 };
//! let set = simulate_numerical::<f64, _>(&simulator, &[0.0, 1.0], &[0.1, 0.1], 100, 100, Key::new(0))?;
//! arrays::write_npy(path("f.npy"), set.fiducial())?;
//! arrays::write_npy(path("d.npy"), set.derivative().view())?;
//!
//! let kind = FilesKind::Numerical(ParameterSteps::of_widths([0.1, 0.1])?);
//! let report = check(&Files::new(path("f.npy"), path("d.npy"), kind), None, &CheckOptions::default());
//! assert_eq!(report.count(Severity::Error), 0);
//! assert!(report.sets[0].parameters[0].below_above.as_ref().unwrap().correlation > 0.99);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod between;
mod bytes;
mod derivative;
mod pairs;
mod sample;
mod scan;
mod seeds;
mod units;

use imnn_io::text::plural;
use imnn_sim::Key;

pub use pairs::Pairing;
pub use scan::Scanned;

use imnn_data::{ArraySet, DatasetSpec, Files, LeftOut, RowOptions};

/// How much is looked at.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The bytes of values, in double precision, that are looked at; of larger arrays some rows, drawn by the key. 4 GiB by
    /// default.
    pub bytes: u64,
    /// The rows whose seeds are compared; 256 by default.
    pub rows: usize,
    /// Draws the rows.
    pub key: Key,
    /// Whether values are to be used in single precision; they are by default.
    pub single: bool,
    /// How the files are opened.
    pub options: RowOptions,
}

impl CheckOptions {
    /// What can be looked at before every training: within a second, whatever the size of the files.
    pub fn quick() -> Self {
        Self { bytes: 64 << 20, ..Self::default() }
    }
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { bytes: 4 << 30, rows: 256, key: Key::new(0), single: true, options: RowOptions::default() }
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Perhaps not what is meant.
    Warning,
    /// Training would fail or be of no use.
    Error,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is and what to do.
    pub message: String,
}

/// What was found in one or two sets.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The training set, then that for validation; those that could be opened.
    pub sets: Vec<SetReport>,
    /// Everything there is to say.
    pub findings: Vec<Finding>,
}

/// What was measured in a set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SetReport {
    /// `"training"` or `"validation"`.
    pub name: &'static str,
    /// The shapes and counts.
    pub spec: DatasetSpec,
    /// What was seen of the simulations.
    pub fiducial: Scanned,
    /// What was seen of the derivatives.
    pub derivative: Scanned,
    /// The rows whose seeds were compared.
    pub compared: usize,
    /// The simulations that failed and were left out, where that was asked for.
    pub left_out: Option<LeftOut>,
    /// For each parameter.
    pub parameters: Vec<ParameterReport>,
}

/// What was measured of the derivatives with respect to one parameter.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ParameterReport {
    /// Of simulations below and above; nothing where derivatives are exact or do not vary.
    pub below_above: Option<Pairing>,
    /// Of the fiducial simulations and the mean of those below and above, or the exact derivatives.
    pub with_fiducial: Option<Pairing>,
    /// Where the fiducial lies between below (-1) and above (1), from the simulations.
    pub place: Option<f64>,
    /// The derivative of the mean in standard errors: that of the mean of all values, and of the mean of their squares.
    pub signal: Option<[f64; 2]>,
}

impl Report {
    /// How many findings are that bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn add(&mut self, severity: Severity, message: String) {
        self.findings.push(Finding { severity, message });
    }

    fn error(&mut self, message: String) {
        self.add(Severity::Error, message);
    }

    fn warn(&mut self, message: String) {
        self.add(Severity::Warning, message);
    }

    fn note(&mut self, message: String) {
        self.add(Severity::Note, message);
    }
}

/// Checks simulations to train on, and those for validation.
///
/// What is wrong with the files is a finding too.
pub fn check(training: &Files, validation: Option<&Files>, options: &CheckOptions) -> Report {
    let mut report = Report::default();
    let mut opened: Vec<(&'static str, ArraySet<f64>)> = vec![];
    for (name, files) in [("training", Some(training)), ("validation", validation)] {
        let Some(files) = files else { continue };
        match ArraySet::open(files, &options.options) {
            Ok(set) => opened.push((name, set)),
            Err(error) => report.error(error.to_string()),
        }
    }
    let mut hashes = vec![];
    for (name, set) in &opened {
        match one(name, set, options, &mut report) {
            Ok((of_set, mut of_rows)) => {
                report.sets.push(of_set);
                hashes.append(&mut of_rows);
            }
            Err(error) => report.error(error.to_string()),
        }
    }
    scan::duplicates(&opened, hashes, &mut report);
    if let [(_, training), (_, validation)] = &opened[..] {
        alike(training, validation, &mut report);
    }
    // The worst first; the order among equals is that in which they were found.
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report
}

type Checked = (SetReport, Vec<scan::RowHash>);

fn one(
    name: &'static str,
    set: &ArraySet<f64>,
    options: &CheckOptions,
    report: &mut Report,
) -> Result<Checked, imnn_data::DataError> {
    let spec = &set.spec;
    let (n_s, n_d) = (spec.n_s, spec.n_d);
    if n_s < spec.n_params + 2 {
        let least = spec.n_params + 2;
        report.error(format!(
            "{name}: {n_s} simulations give no covariance of {} summaries; at least {least} are needed",
            spec.n_params
        ));
    }
    if n_d < n_s {
        report.note(format!("{name}: the first {n_d} of {n_s} simulations have derivatives"));
    }
    let [of_rows, of_sample] = options.key.split();
    let shared = options.bytes / 8 / 2;
    let rows = sample::rows(n_s, spec.row_len(), shared, of_rows);
    let (fiducial, hashes) = scan::scan(name, &*set.fiducial, &rows, true, report)?;
    let rows = sample::rows(n_d, spec.change_len(), shared, of_rows);
    let (derivative, _) = scan::scan(name, &*set.derivative, &rows, false, report)?;
    let left_out = set.left_out.clone();
    if let Some(left_out) = left_out.as_ref().filter(|left_out| !left_out.is_empty()) {
        let called = |a: usize| format!("parameter {a}");
        report.note(format!("{name}: {}", left_out.text(called)));
        left_out.dependence(called).into_iter().for_each(|said| report.warn(format!("{name}: {said}")));
    }
    let mut of_set =
        SetReport { name, spec: spec.clone(), fiducial, derivative, compared: 0, left_out, parameters: vec![] };
    // Whole rows are read, of which some values are compared.
    let fitting = shared / (spec.row_len() + spec.change_len()).max(1) as u64;
    let most = options.rows.min(usize::try_from(fitting).unwrap_or(usize::MAX).max(sample::LEAST));
    let sample = sample::gather(set, most, of_sample)?;
    of_set.compared = sample.rows.len();
    if of_set.compared < pairs::FEW {
        report.warn(format!(
            "{name}: {} with derivatives can be compared, and of so few the tests of random seeds, of the order of rows and of \
             derivatives that are zero show little or nothing; take {} or more",
            plural(of_set.compared, "simulation"),
            pairs::FEW
        ));
    }
    units::halves(set, report);
    if options.single {
        units::units(&of_set, &sample, report);
    }
    if spec.derivatives.sides() == 2 {
        seeds::numerical(&mut of_set, set, &sample, report);
    } else {
        seeds::exact(&mut of_set, set, &sample, report);
    }
    Ok((of_set, hashes))
}

/// Compares the values of both sets, which are of one distribution.
fn alike(training: &ArraySet<f64>, validation: &ArraySet<f64>, report: &mut Report) {
    let (of, other) = (&training.spec, &validation.spec);
    for (what, found, expected) in [
        ("shape of a simulation", format!("{:?}", other.input_shape), format!("{:?}", of.input_shape)),
        ("number of parameters", other.n_params.to_string(), of.n_params.to_string()),
    ] {
        if found != expected {
            let message = format!("validation: the {what} is {found}, where that of training is {expected}");
            report.error(message);
        }
    }
    let [a, b] = &report.sets[..] else { return };
    let (a, b) = (a.fiducial.statistics, b.fiducial.statistics);
    let apart = (a.mean - b.mean).abs();
    let ratio = b.std() / a.std();
    if a.std() > 0.0 && (!(0.5..=2.0).contains(&ratio) || apart > 3.0 * a.std()) {
        let numbers =
            |of: &crate::inspect::Statistics| format!("mean {:.4e}, standard deviation {:.4e}", of.mean, of.std());
        report.warn(format!(
            "validation has {}, training {}: are they in the same units, and transformed alike?",
            numbers(&b),
            numbers(&a)
        ));
    }
}
