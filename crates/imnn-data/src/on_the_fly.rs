//! Simulations made when they are read.

use std::ops::Range;

use imnn_sim::{Key, Real, Simulator};

use crate::text::unravel;
use crate::{DataError, Derivatives, Leaf, Source, check_rows};

/// Simulations made anew for each key: row i is simulated at the fiducial with `key.fold_in(i)`.
///
/// Nothing is stored, and every iteration of a training sees other simulations. The derivatives are those of the
/// simulator, exact or by seed-matched differences.
///
/// ```
/// use imnn_data::{Leaf, OnTheFly, Source};
/// use imnn_sim::{GaussianMeanVariance, Key};
///
/// let source = OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 1000, 100)?;
/// let mut leaf = Leaf::<f32>::new();
/// source.read(64..96, Key::new(0), &mut leaf)?;
/// assert_eq!((leaf.n, leaf.values.len(), leaf.derivatives.len()), (32, 32 * 10, 32 * 2 * 10));
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnTheFly<S> {
    simulator: S,
    theta_fid: Vec<f64>,
    input_shape: Vec<usize>,
    n_s: usize,
    n_d: usize,
}

impl<S: Simulator> OnTheFly<S> {
    /// `n_s` simulations at `theta_fid`, the first `n_d` with derivatives; `n_d` may be 0 for data alone.
    ///
    /// # Errors
    /// Where the simulator refuses `theta_fid` or makes data without values, `n_s` is 0, or `n_d > n_s`.
    pub fn new(simulator: S, theta_fid: &[f64], n_s: usize, n_d: usize) -> Result<Self, DataError> {
        check_theta(&simulator, theta_fid)?;
        let input_shape = simulator.data_shape();
        if n_s == 0 {
            return Err(DataError::NoRows { name: "n_s" });
        }
        if n_d > n_s {
            let (derivative, fiducial) = ("derivative".to_owned(), "fiducial".to_owned());
            return Err(DataError::MoreDerivatives { derivative, fiducial, n_d, n_s });
        }
        if input_shape.is_empty() || input_shape.contains(&0) {
            return Err(DataError::Shape {
                label: "the data of the simulator".to_owned(),
                found: input_shape,
                expected: "at least one axis and one value".to_owned(),
                advice: "return [1] from Simulator::data_shape where a simulation is one number".to_owned(),
            });
        }
        Ok(Self { simulator, theta_fid: theta_fid.to_vec(), input_shape, n_s, n_d })
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
    fn n_s(&self) -> usize {
        self.n_s
    }

    fn n_d(&self) -> usize {
        self.n_d
    }

    fn n_params(&self) -> usize {
        self.theta_fid.len()
    }

    fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    fn derivatives(&self) -> &Derivatives {
        &Derivatives::Exact
    }

    fn read(&self, rows: Range<usize>, key: Key, leaf: &mut Leaf<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.n_s, self.n_d)?;
        let (simulator, theta, shape) = (&self.simulator, &self.theta_fid[..], &self.input_shape);
        let row_len: usize = shape.iter().product();
        let mut data = vec![0.0; row_len];
        let mut derivative = vec![0.0; if with_derivatives { theta.len() * row_len } else { 0 }];
        leaf.n = rows.len();
        leaf.values.clear();
        leaf.derivatives.clear();
        for row in rows {
            let key = key.fold_in(row as u64);
            if with_derivatives {
                simulator.simulate_with_derivative(key, theta, &mut data, &mut derivative);
            } else {
                simulator.simulate(key, theta, &mut data);
            }
            let at = Place { row, theta, shape };
            at.append(&data, &mut leaf.values, || "the data".to_owned())?;
            for (a, derivative) in derivative.chunks_exact(row_len).enumerate() {
                let what = || format!("the derivative with respect to parameter {a}");
                at.append(derivative, &mut leaf.derivatives, what)?;
            }
        }
        Ok(())
    }
}

/// Which simulation values belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) row: usize,
    pub(crate) theta: &'a [f64],
    pub(crate) shape: &'a [usize],
}

impl Place<'_> {
    /// Appends values in the precision of `to`, all of them finite.
    pub(crate) fn append<E: Real>(
        self,
        values: &[f64],
        to: &mut Vec<E>,
        what: impl Fn() -> String,
    ) -> Result<(), DataError> {
        let start = to.len();
        to.extend(values.iter().map(|&value| E::of(value)));
        let finite = |value: &E| value.is_finite();
        let Some(first) = to[start..].iter().position(|value| !finite(value)) else {
            return Ok(());
        };
        Err(DataError::Simulation {
            row: self.row,
            theta: self.theta.to_vec(),
            what: what(),
            index: unravel(first, self.shape, false),
            value: to[start + first].f64(),
            count: to[start..].iter().filter(|value| !finite(value)).count(),
            len: values.len(),
            precision: E::NAME,
        })
    }
}

/// Asks the simulator whether it is defined at `theta`.
pub(crate) fn check_theta(simulator: &impl Simulator, theta: &[f64]) -> Result<(), DataError> {
    // A check of the simulator's own may look at some parameters only.
    imnn_sim::check_parameters(simulator.n_params(), theta)
        .and_then(|()| simulator.check(theta))
        .map_err(|source| DataError::Simulator { theta: theta.to_vec(), source })
}
