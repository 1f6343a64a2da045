//! A fixed set of simulations drawn from a simulator.

use imnn_sim::{Key, Real, Simulator};

use crate::on_the_fly::{Place, check_theta};
use crate::steps::check_widths;
use crate::{Arrays, DataError, Derivatives, Leaf, OnTheFly, Source};

/// Draws simulations with exact derivatives: what [`OnTheFly`] makes at `key`, to the last bit.
///
/// # Errors
/// As [`OnTheFly::new`] and its `read`.
pub fn simulate_exact<E: Real, S: Simulator>(
    simulator: &S,
    theta_fid: &[f64],
    n_s: usize,
    n_d: usize,
    key: Key,
) -> Result<Arrays<E>, DataError> {
    let mut with_derivatives = Leaf::new();
    let mut without = Leaf::new();
    let source = OnTheFly::new(simulator, theta_fid, n_s, n_d)?;
    source.read(0..n_d, key, &mut with_derivatives)?;
    source.read(n_d..n_s, key, &mut without)?;
    let mut values: Vec<E> = with_derivatives.values;
    values.append(&mut without.values);
    let counts = (n_s, n_d, theta_fid.len());
    let changes = with_derivatives.derivatives;
    Arrays::from_rows(simulator.data_shape(), counts, values, changes, Derivatives::Exact)
}

/// Draws simulations with others below and above the fiducial, of the same random seed.
///
/// Row i is simulated with `key.fold_in(i)` at the fiducial, as by [`OnTheFly`], and for i < n_d also with parameter a at
///
/// ```text
/// theta_fid[a] -/+ widths[a] / 2        widths: the full distance between above and below
/// ```
///
/// # Errors
/// As [`OnTheFly::new`] and its `read`, at the parameter values below and above too, and where a width is not positive
/// and finite or there are not as many as parameters.
pub fn simulate_numerical<E: Real, S: Simulator>(
    simulator: &S,
    theta_fid: &[f64],
    widths: &[f64],
    n_s: usize,
    n_d: usize,
    key: Key,
) -> Result<Arrays<E>, DataError> {
    let n_params = theta_fid.len();
    check_widths(widths)?;
    if widths.len() != n_params {
        return Err(DataError::NParams {
            label: "delta_theta".to_owned(),
            found: widths.len(),
            other: "theta_fid".to_owned(),
            expected: n_params,
        });
    }
    if n_d > n_s {
        let (derivative, fiducial) = ("derivative".to_owned(), "fiducial".to_owned());
        return Err(DataError::MoreDerivatives { derivative, fiducial, n_d, n_s });
    }
    let mut fiducial = Leaf::new();
    OnTheFly::new(simulator, theta_fid, n_s, 0)?.read(0..n_s, key, &mut fiducial)?;
    let points = points(theta_fid, widths);
    for (_, theta) in &points {
        check_theta(simulator, theta)?;
    }
    let shape = simulator.data_shape();
    let mut data = vec![0.0; shape.iter().product()];
    let mut changes: Vec<E> = Vec::with_capacity(n_d * points.len() * data.len());
    for row in 0..n_d {
        for (name, theta) in &points {
            simulator.simulate(key.fold_in(row as u64), theta, &mut data);
            let at = Place { row, theta, shape: &shape };
            at.append(&data, &mut changes, || format!("the data with {name}"))?;
        }
    }
    let derivatives = Derivatives::Numerical { widths: widths.to_vec() };
    Arrays::from_rows(shape, (n_s, n_d, n_params), fiducial.values, changes, derivatives)
}

/// The parameter values below, then above, for each parameter, with a name.
fn points(theta_fid: &[f64], widths: &[f64]) -> Vec<(String, Vec<f64>)> {
    let mut points = Vec::new();
    for (side, sign) in [("below", -0.5), ("above", 0.5)] {
        for (a, width) in widths.iter().enumerate() {
            let mut theta = theta_fid.to_vec();
            theta[a] += sign * width;
            points.push((format!("parameter {a} {side}"), theta));
        }
    }
    points
}
