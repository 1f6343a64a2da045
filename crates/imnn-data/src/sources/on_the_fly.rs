//! Simulations made when they are read.

use std::ops::Range;

use imnn_io::text::unravel;
use imnn_sim::{Key, ParameterSteps, Real, SimError, Simulator};

use crate::scratch::{NUMBERS, first, lend};
use crate::values::check_finite;
use crate::{DataError, DatasetSpec, Derivatives, Identity, Microbatch, Source, check_rows};

/// Simulations made anew for each key: row i is simulated at the fiducial with `key.fold_in(i)`.
///
/// Nothing is stored, and every iteration of a training sees other simulations. The derivatives are those of the
/// simulator, exact or by seed-matched differences; or, with [`numerical`](Self::numerical), simulations below and above.
/// For rows from `n_d` on no derivatives are made.
///
/// ```
/// use imnn_data::{Microbatch, OnTheFly, Source};
/// use imnn_sim::{GaussianMeanVariance, Key};
///
/// let source = OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 1000, 100)?;
/// let mut batch = Microbatch::<f32>::new();
/// source.read(64..96, Key::new(0), &mut batch)?;
/// assert_eq!((batch.n, batch.values.len(), batch.derivatives.len()), (32, 32 * 10, 32 * 2 * 10));
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnTheFly<S> {
    simulator: S,
    theta_fid: Vec<f64>,
    spec: DatasetSpec,
    /// Where there are simulations below, then above: for each parameter the values and what messages call them.
    points: Vec<(String, Vec<f64>)>,
    identity: Identity,
}

/// How many simulations of data of this shape an iteration of training makes, and how many of them with derivatives, where
/// nobody says: 1000 and 500; of fields, each of which holds as much information as many vectors, 200 and 40. Where one simulation
/// holds little information the mean derivative is as noisy as the covariance.
pub fn suggested_counts(data_shape: &[usize]) -> (usize, usize) {
    if data_shape.len() > 1 { (200, 40) } else { (1000, 500) }
}

impl<S: Simulator> OnTheFly<S> {
    /// `n_s` simulations at `theta_fid`, the first `n_d` with derivatives; `n_d` may be 0 for data alone.
    ///
    /// # Errors
    /// If the simulator refuses `theta_fid` or makes data without values, `n_s` is 0, or `n_d > n_s`.
    pub fn new(simulator: S, theta_fid: &[f64], n_s: usize, n_d: usize) -> Result<Self, DataError> {
        check_theta(&simulator, theta_fid)?;
        let input_shape = simulator.data_shape();
        let spec = DatasetSpec::new(&input_shape, n_s, n_d, theta_fid.len(), Derivatives::Exact)?;
        if input_shape.is_empty() || input_shape.contains(&0) {
            let expected = "at least one axis and one value";
            let advice = "return [1] from Simulator::data_shape where a simulation is one number";
            return Err(DataError::shape("the data of the simulator", &input_shape, expected, advice));
        }
        let (points, identity) = (Vec::new(), Identity::keyed());
        Ok(Self { simulator, theta_fid: theta_fid.to_vec(), spec, points, identity })
    }

    /// As [`new`](Self::new), with simulations below and above the fiducial in place of the simulator's derivatives.
    ///
    /// Row i is simulated with the same key at the fiducial and, for i < n_d, with parameter a at
    ///
    /// ```text
    /// theta_fid[a] -/+ widths[a] / 2        widths: the full distance between above and below
    /// ```
    ///
    /// ```
    /// use imnn_data::{Microbatch, OnTheFly, Source};
    /// use imnn_sim::{GaussianMeanVariance, Key};
    ///
    /// let simulator = GaussianMeanVariance { n_data: 10 };
    /// let source = OnTheFly::numerical(simulator, &[0.0, 1.0], &[0.1, 0.1], 1000, 100)?;
    /// let mut batch = Microbatch::<f32>::new();
    /// source.read(64..96, Key::new(0), &mut batch)?;
    /// assert_eq!((batch.n, batch.values.len(), batch.derivatives.len()), (32, 32 * 10, 32 * 2 * 2 * 10));
    /// # Ok::<(), imnn_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new), at the parameter values below and above too, and if a width is not positive and finite, is
    /// lost in the rounding of its parameter, or there are not as many as parameters.
    pub fn numerical(
        simulator: S,
        theta_fid: &[f64],
        widths: &[f64],
        n_s: usize,
        n_d: usize,
    ) -> Result<Self, DataError> {
        let steps = ParameterSteps::of_widths(widths)?;
        if widths.len() != theta_fid.len() {
            return Err(DataError::n_params("delta_theta", widths.len(), "theta_fid", theta_fid.len()));
        }
        let mut source = Self::new(simulator, theta_fid, n_s, n_d)?;
        source.points = points(theta_fid, widths)?;
        for (_, theta) in &source.points {
            check_theta(&source.simulator, theta)?;
        }
        source.spec.derivatives = Derivatives::Numerical { widths: steps.widths().to_vec() };
        Ok(source)
    }

    /// The simulator.
    pub fn simulator(&self) -> &S {
        &self.simulator
    }

    /// The fiducial parameter values.
    pub fn theta_fid(&self) -> &[f64] {
        &self.theta_fid
    }
}

impl<E: Real, S: Simulator> Source<E> for OnTheFly<S> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn simulates_anew(&self) -> bool {
        true
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.spec.n_s, self.spec.n_d)?;
        let row_len = self.spec.row_len();
        let change_len = if with_derivatives { self.spec.change_len() } else { 0 };
        batch.n = rows.len();
        batch.values.resize(batch.n * row_len, E::zero());
        batch.derivatives.resize(batch.n * change_len, E::zero());
        let at_a_time = (AT_A_TIME / (row_len + change_len)).max(1);
        let mut keys = key.fold_in_each(rows.start as u64..rows.end as u64);
        lend(&NUMBERS, |numbers| {
            for first_row in rows.clone().step_by(at_a_time) {
                let n = at_a_time.min(rows.end - first_row);
                let (data, changes) = first(numbers, n * (row_len + change_len)).split_at_mut(n * row_len);
                for (i, key) in keys.by_ref().take(n).enumerate() {
                    let data = &mut data[i * row_len..(i + 1) * row_len];
                    let changes = &mut changes[i * change_len..(i + 1) * change_len];
                    if with_derivatives && self.points.is_empty() {
                        self.simulator.simulate_with_derivative(key, &self.theta_fid, data, changes);
                        continue;
                    }
                    self.simulator.simulate(key, &self.theta_fid, data);
                    for ((_, theta), side) in self.points.iter().zip(changes.chunks_exact_mut(row_len)) {
                        self.simulator.simulate(key, theta, side);
                    }
                }
                let start = first_row - rows.start;
                let finite = round(data, &mut batch.values[start * row_len..]);
                if !(round(changes, &mut batch.derivatives[start * change_len..]) && finite) {
                    for i in 0..n {
                        let row =
                            (&data[i * row_len..(i + 1) * row_len], &changes[i * change_len..(i + 1) * change_len]);
                        self.check_row::<E>(first_row + i, row)?;
                    }
                }
            }
            Ok(())
        })
    }
}

impl<S> OnTheFly<S> {
    /// Refuses a simulation and its derivatives that are not finite in the precision `E`.
    fn check_row<E: Real>(&self, row: usize, (data, changes): (&[f64], &[f64])) -> Result<(), DataError> {
        let at = Place { row, theta: &self.theta_fid, shape: &self.spec.input_shape };
        at.check::<E>(data, || "the data".to_owned())?;
        for (a, block) in changes.chunks_exact(data.len()).enumerate() {
            match self.points.get(a) {
                Some((name, theta)) => Place { theta, ..at }.check::<E>(block, || format!("the data with {name}"))?,
                None => at.check::<E>(block, || format!("the derivative with respect to parameter {a}"))?,
            }
        }
        Ok(())
    }
}

/// Numbers simulated before they are rounded to the precision of the microbatch: what the first-level cache holds.
const AT_A_TIME: usize = 1 << 11;

/// Rounds `from` into the beginning of `to`, and says whether all is finite there.
fn round<E: Real>(from: &[f64], to: &mut [E]) -> bool {
    // Without leaving early, so that several numbers are looked at together.
    to.iter_mut().zip(from).fold(true, |finite, (to, &from)| {
        *to = E::of(from);
        finite & to.is_finite()
    })
}

/// Which simulation values belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) row: usize,
    pub(crate) theta: &'a [f64],
    pub(crate) shape: &'a [usize],
}

impl Place<'_> {
    /// Refuses values of which one is not finite in the precision `E`.
    pub(crate) fn check<E: Real>(self, values: &[f64], what: impl Fn() -> String) -> Result<(), DataError> {
        if values.iter().all(|value| E::of(*value).is_finite()) {
            return Ok(());
        }
        let values: Vec<E> = values.iter().map(|value| E::of(*value)).collect();
        let Place { row, theta, shape } = self;
        let place =
            |first| format!("simulation {row} at theta = {theta:?}: {} at {:?}", what(), unravel(first, shape, false));
        check_finite(&values, place, |_| format!(" in {}", E::NAME))
    }
}

/// Asks the simulator whether it is defined at `theta`.
pub(crate) fn check_theta(simulator: &impl Simulator, theta: &[f64]) -> Result<(), DataError> {
    // A check of the simulator's own may look at some parameters only.
    imnn_sim::check_parameters(simulator.n_params(), theta)
        .and_then(|()| simulator.check(theta))
        .map_err(|source| DataError::Simulator { theta: theta.to_vec(), source })
}

/// The parameter values below, then above, for each parameter, with a name.
fn points(theta_fid: &[f64], widths: &[f64]) -> Result<Vec<(String, Vec<f64>)>, DataError> {
    let mut points = Vec::new();
    for (side, sign) in [("below", -0.5), ("above", 0.5)] {
        for (a, &width) in widths.iter().enumerate() {
            let mut theta = theta_fid.to_vec();
            theta[a] += sign * width;
            if theta[a] == theta_fid[a] {
                let advice = format!("it is lost in the rounding of theta_fid[{a}] = {}; widen it", theta_fid[a]);
                return Err(SimError::Step { name: "delta_theta", parameter: a, value: width, advice }.into());
            }
            points.push((format!("parameter {a} {side}"), theta));
        }
    }
    Ok(points)
}
