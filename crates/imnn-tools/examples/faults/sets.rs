//! Sets of simulations, sound or with faults, written to files and checked.

use std::path::Path;

use imnn_data::arrays::write_npy;
use imnn_data::{Files, FilesKind, ParameterSteps};
use imnn_tools::check::{CheckOptions, Severity, check};
use ndarray::{ArrayD, Axis, stack};

use super::problems::{FIDUCIAL, Problem};

/// Simulations in memory, as they are written.
#[derive(Clone)]
pub struct Set {
    pub problem: Problem,
    /// `(n_s, *input)`
    pub fiducial: ArrayD<f64>,
    /// `(n_d, 2, n_params, *input)`, or `(n_d, *input, n_params)`
    pub derivative: ArrayD<f64>,
    /// Without widths where derivatives are exact.
    pub widths: Option<[f64; 2]>,
    /// Simulations for validation with derivatives.
    pub validation: Option<(ArrayD<f64>, ArrayD<f64>)>,
    pub single: bool,
    /// What arrays are written as, where not as numbers of `single` or double precision.
    pub bytes: Option<Bytes>,
}

/// Bytes that are taken for what they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    SingleFromDouble,
    DoubleFromSingle,
    Order,
}

/// How much there is of a set.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub n_s: usize,
    pub n_d: usize,
    pub width: f64,
    pub exact: bool,
}

impl Set {
    /// Sound simulations of consecutive seeds.
    pub fn new(problem: Problem, first_seed: u64, size: Size) -> Self {
        let seeds: Vec<u64> = (first_seed..first_seed + size.n_s as u64).collect();
        let (fiducial, derivative) = arrays(problem, &seeds, size);
        let widths = (!size.exact).then_some([size.width; 2]);
        Self { problem, fiducial, derivative, widths, validation: None, single: false, bytes: None }
    }

    /// With others for validation.
    pub fn validated(mut self, first_seed: u64, size: Size) -> Self {
        let other = Self::new(self.problem, first_seed, size);
        self.validation = Some((other.fiducial, other.derivative));
        self
    }

    /// Simulations of these seeds on one side of the fiducial, for both parameters: `(n_d, n_params, *input)`.
    pub fn side(problem: Problem, seeds: &[u64], distance: f64) -> ArrayD<f64> {
        let of = |a: usize| {
            let mut theta = FIDUCIAL;
            theta[a] += distance;
            problem.rows(seeds, theta)
        };
        stack(Axis(1), &[of(0).view(), of(1).view()]).expect("shapes fit")
    }

    /// The worst that is said of it, with all that is.
    pub fn checked(&self, folder: &Path) -> (Severity, Vec<String>) {
        let write = |name: &str, array: &ArrayD<f64>| {
            let path = folder.join(name);
            match self.bytes {
                Some(bytes) => write_as(&path, array, bytes),
                None if self.single => write_npy(&path, array.mapv(|x| x as f32).view()).expect("written"),
                None => write_npy(&path, array.view()).expect("written"),
            }
            path
        };
        let files = |name: &str, fiducial, derivative| {
            let kind = match &self.widths {
                Some(widths) => FilesKind::Numerical(ParameterSteps::of_widths(widths.to_vec()).expect("positive")),
                None => FilesKind::Exact,
            };
            Files::new(write(&format!("{name}_f.npy"), fiducial), write(&format!("{name}_d.npy"), derivative), kind)
        };
        let training = files("training", &self.fiducial, &self.derivative);
        let validation = self.validation.as_ref().map(|(f, d)| files("validation", f, d));
        let report = check(&training, validation.as_ref(), &CheckOptions::quick());
        let said = report.findings.iter().filter(|finding| finding.severity > Severity::Note);
        let worst = said.clone().map(|finding| finding.severity).max().unwrap_or(Severity::Note);
        (worst, said.map(|finding| finding.message.clone()).collect())
    }
}

fn arrays(problem: Problem, seeds: &[u64], size: Size) -> (ArrayD<f64>, ArrayD<f64>) {
    let fiducial = problem.rows(seeds, FIDUCIAL);
    let with = &seeds[..size.n_d];
    let half = if size.exact { 5e-5 } else { size.width / 2.0 };
    let sides = [-half, half].map(|distance| Set::side(problem, with, distance));
    let [below, above] = &sides;
    if !size.exact {
        return (fiducial, stack(Axis(1), &[below.view(), above.view()]).expect("shapes fit"));
    }
    // As exact as differences are, (n_d, n_params, *input), with the parameters last.
    let mut change = (above - below) / (2.0 * half);
    let last = change.ndim() - 1;
    for axis in 1..last {
        change.swap_axes(axis, axis + 1);
    }
    (fiducial, change.as_standard_layout().to_owned())
}

/// Writes the bytes of an array with a header that says they are something else.
fn write_as(path: &Path, array: &ArrayD<f64>, bytes: Bytes) {
    let mut shape = array.shape().to_vec();
    let last = shape.len() - 1;
    let (dtype, data): (&str, Vec<u8>) = match bytes {
        Bytes::SingleFromDouble => {
            shape[last] *= 2;
            ("<f4", array.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        Bytes::DoubleFromSingle => {
            let even = shape.iter().rposition(|axis| axis % 2 == 0).unwrap_or(last);
            shape[even] /= 2;
            ("<f8", array.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect())
        }
        Bytes::Order => ("<f8", array.iter().flat_map(|x| x.to_be_bytes()).collect()),
    };
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({},), }}", shape.join(", "));
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(data);
    std::fs::write(path, file).expect("written");
}
