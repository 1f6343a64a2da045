//! Whether numbers of single precision hold what there is, in the units that it is in.

use ndarray::{ArrayView1, Axis};

use imnn_data::ArraySet;

use super::sample::Sample;
use super::{Report, SetReport};

/// The squares of larger values are beyond single precision, and those of smaller ones lose digits.
const LARGE: f64 = 1e18;
const SMALL: f64 = 1e-18;

/// Simulations that differ by less of their values differ in the last two digits of single precision.
const DIGITS: f64 = 1e-5;

/// Says that differences of simulations in half precision have few digits, or none.
pub(super) fn halves(set: &ArraySet<f64>, report: &mut Report) {
    let is_half = |dtype: &&String| dtype.ends_with("f2") || dtype.contains("float16");
    if set.spec.derivatives.sides() == 2 && set.dtypes.iter().any(|dtype| is_half(&dtype)) {
        report.warn(format!(
            "{}: simulations are in half precision (float16), which keeps three digits, and derivatives are differences of them: save \
             them as float32",
            set.derivative.label()
        ));
    }
}

/// Says what single precision does not hold.
pub(super) fn units(of: &SetReport, sample: &Sample, report: &mut Report) {
    for array in [&of.fiducial, &of.derivative] {
        let largest = array.statistics.min.abs().max(array.statistics.max.abs());
        let label = &array.label;
        if largest > f64::from(f32::MAX) && largest.is_finite() {
            report.error(format!(
                "{label}: there are values of {largest:.1e}, beyond the range of single precision; scale the data, or write \
                 precision = \"f64\" in [network]"
            ));
        } else if largest > LARGE && largest.is_finite() {
            report.warn(format!(
                "{label}: there are values of {largest:.1e}, whose squares are beyond single precision: scale the data to values \
                 about 1, fill in what is not observed, or write precision = \"f64\" in [network]"
            ));
        }
    }
    let scatter = |column: ArrayView1<'_, f64>| column.std(0.0);
    let columns = || sample.fiducial.axis_iter(Axis(1)).filter(|column| column.len() > 1 && scatter(*column) > 0.0);
    let label = &of.fiducial.label;
    let Some(spread) = median(columns().map(scatter).collect()) else { return };
    if spread < SMALL {
        report.warn(format!(
            "{label}: simulations scatter by {spread:.1e}, whose square is too small for single precision: scale the data to values \
             about 1, or write precision = \"f64\" in [network]"
        ));
    }
    let relative = |column: ArrayView1<'_, f64>| scatter(column) / column.iter().fold(0.0, |most, x| x.abs().max(most));
    if let Some(relative) = median(columns().map(relative).collect()).filter(|relative| *relative < DIGITS) {
        report.warn(format!(
            "{label}: simulations differ by {relative:.1e} of their values, in the last digits of single precision: take away their \
             mean, or write precision = \"f64\" in [network]"
        ));
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().filter(|value| value.is_finite())
}
