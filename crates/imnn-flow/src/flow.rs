//! A flow with the standardisation of its data: densities, gradients and draws.

use crate::error::{FlowError, Result};
use crate::evaluator::Evaluator;
use crate::standardise::Standardisation;
use crate::transforms::Transforms;
use imnn_compute::Number;
use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, ArrayView2};

/// A conditional density `q(y | c)`: autoregressive transforms of standardised y, given standardised c.
///
/// All numbers that go in and come out are f64; `E` is what the passes compute in.
///
/// ```text
/// ln q(y | c) = ln q'(y' | c') - sum ln sd_y,   y' = (y - mean_y) / sd_y,   c' = (c - mean_c) / sd_c
/// ```
///
/// Constant columns of y have no density: they are left out of it, and draws hold their constant.
///
/// ```
/// use imnn_flow::{Architecture, Flow};
/// use imnn_sim::Key;
/// use ndarray::array;
/// // Before training: N(0, I), whatever c.
/// let flow = Flow::<f64>::new(&Architecture::default(), 2, 3, Key::new(0))?;
/// let density = flow.log_density(array![[0.0, 1.0]].view(), array![[5.0, 6.0, 7.0]].view())?;
/// assert!((density[0] - (-0.5 - (2.0 * std::f64::consts::PI).ln())).abs() < 1e-12);
/// # Ok::<(), imnn_flow::FlowError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Flow<E> {
    y: Standardisation,
    c: Standardisation,
    transforms: Transforms<E>,
}

/// Log densities with their gradients.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// `ln q(y | c)`, `(n)`.
    pub log_density: Array1<f64>,
    /// `d ln q / dy`, `(n, D)`.
    pub y: Array2<f64>,
    /// `d ln q / dc`, `(n, q)`.
    pub c: Array2<f64>,
}

/// Draws with their log densities.
#[derive(Clone, Debug)]
pub struct Draws {
    /// `(contexts, n, D)`.
    pub y: Array3<f64>,
    /// `ln q(y | c)`, `(contexts, n)`.
    pub log_density: Array2<f64>,
}

impl<E: Number> Flow<E> {
    /// An untrained flow on columns as they are.
    ///
    /// # Errors
    /// [`FlowError::Setting`] for a setting out of range.
    pub fn new(architecture: &crate::Architecture, dims: usize, context: usize, key: Key) -> Result<Self> {
        let transforms = Transforms::new(architecture, dims, context, key)?;
        Self::from_parts(Standardisation::identity(dims), Standardisation::identity(context), transforms)
    }

    /// Puts a flow together.
    ///
    /// # Errors
    /// If the transforms have not as many dimensions and conditions as the standardisations keep columns.
    pub fn from_parts(y: Standardisation, c: Standardisation, transforms: Transforms<E>) -> Result<Self> {
        let (found, kept) = ([transforms.dims(), transforms.context()], [y.kept().len(), c.kept().len()]);
        if found != kept {
            return Err(FlowError::Parts(format!(
                "transforms of {} dimensions and {} conditions, but y has {} columns that vary and c has {}",
                found[0], found[1], kept[0], kept[1]
            )));
        }
        Ok(Flow { y, c, transforms })
    }

    /// Number of columns of y.
    pub fn dims(&self) -> usize {
        self.y.columns()
    }

    /// Number of columns of c.
    pub fn context(&self) -> usize {
        self.c.columns()
    }

    /// The standardisation of y.
    pub fn y(&self) -> &Standardisation {
        &self.y
    }

    /// The standardisation of c.
    pub fn c(&self) -> &Standardisation {
        &self.c
    }

    /// The transforms.
    pub fn transforms(&self) -> &Transforms<E> {
        &self.transforms
    }

    /// The same flow in another precision; `None` where a weight is too large for it.
    pub fn cast<F: Number>(&self) -> Option<Flow<F>> {
        Some(Flow { y: self.y.clone(), c: self.c.clone(), transforms: self.transforms.cast()? })
    }

    /// Evaluates again and again without new memory, as samplers need it.
    pub fn evaluator(&self) -> Evaluator<'_, E> {
        Evaluator::new(self)
    }

    /// `ln q(y | c)` for each row of `y` `(n, D)` and of `c` `(n, q)`; where one of them has a single row, it goes with
    /// all of the other. Returns `(n)`.
    ///
    /// # Errors
    /// If shapes do not fit, or an entry is not finite.
    pub fn log_density(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        self.evaluator().log_density(y, c)
    }

    /// `ln q(y | c)` and its gradients with respect to y and c, rows as in [`Flow::log_density`].
    ///
    /// # Errors
    /// As there.
    pub fn gradients(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Gradients> {
        self.evaluator().gradients(y, c)
    }

    /// The mean of `-ln q(y | c)` over all rows, and its gradient with respect to [`Transforms::weights`].
    ///
    /// # Errors
    /// As [`Flow::log_density`].
    pub fn loss(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<(f64, Vec<E>)> {
        self.evaluator().loss(y, c)
    }

    /// The base numbers z of y given c, which are N(0, I) if y follows q: `(n, D')`, D' without constant columns.
    ///
    /// # Errors
    /// As [`Flow::log_density`].
    pub fn to_base(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.evaluator().to_base(y, c)
    }

    /// The y that [`Flow::to_base`] takes to `z` given c, with `ln q(y | c)`; rows as there.
    ///
    /// # Errors
    /// As [`Flow::log_density`].
    pub fn from_base(&self, z: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array1<f64>)> {
        self.evaluator().from_base(z, c)
    }

    /// `n` draws of y for each row of `c`, with their log densities.
    ///
    /// The draws for row k come from `key.fold_in(k)`: they do not depend on what other rows there are.
    ///
    /// # Errors
    /// If `c` has another number of columns, or an entry is not finite.
    pub fn sample(&self, c: ArrayView2<'_, f64>, n: usize, key: Key) -> Result<Draws> {
        self.evaluator().sample(c, n, key)
    }
}
