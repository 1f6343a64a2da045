//! Simulations that are read from their files again whenever they are needed.

// The cache and its sizes are used from the next change on.
#[allow(dead_code)]
mod reader;

use std::ops::Range;
use std::sync::Arc;

use imnn_sim::{Key, Real};

use self::reader::Reader;
use crate::outline::{Labels, Outline};
use crate::rows::RowArray;
use crate::{DataError, Derivatives, Leaf, Source, Steps, check_rows};

/// Simulations that stay in their files and are read a few rows at a time, so that there may be more than fit in memory.
///
/// They are the same bits as those of [`Arrays`](crate::Arrays) of the same files. Shapes are checked when the source is
/// made; values are checked whenever they are read, and one that is not finite is an error then.
///
/// ```
/// use imnn_data::{ArrayPath, Leaf, RowOptions, Source, Streamed, arrays, open_rows};
/// use imnn_sim::Key;
/// use ndarray::{ArrayD, IxDyn};
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// arrays::write_npy(path("fiducial.npy"), ArrayD::<f32>::zeros(IxDyn(&[100, 8])).view())?;
/// arrays::write_npy(path("derivative.npy"), ArrayD::<f32>::zeros(IxDyn(&[50, 8, 2])).view())?;
///
/// let rows = |name| open_rows::<f32>(&ArrayPath::from(path(name)), &RowOptions::default());
/// let source = Streamed::exact(rows("fiducial.npy")?, rows("derivative.npy")?)?;
/// assert_eq!((source.n_s(), source.n_d(), source.n_params()), (100, 50, 2));
/// source.read(0..32, Key::new(0), &mut Leaf::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Streamed<E: Real> {
    outline: Outline,
    reader: Arc<Reader<E>>,
}

impl<E: Real> Streamed<E> {
    /// Simulations with exact derivatives.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, *input, n_params)`, row i belonging to row i of `fiducial`; `n_d <= n_s`
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn exact(fiducial: Box<dyn RowArray<E>>, derivative: Box<dyn RowArray<E>>) -> Result<Self, DataError> {
        let outline = Outline::exact(labels(&fiducial, &derivative), fiducial.shape(), derivative.shape())?;
        Ok(Self::new(outline, fiducial, Some(derivative)))
    }

    /// Simulations with others below and above the fiducial in each parameter, of the same random seed.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, 2, n_params, *input)`, 0 = below, 1 = above, row i belonging to row i of `fiducial`;
    ///   `n_d <= n_s`
    ///
    /// # Errors
    /// Where the shapes do not fit or the steps are of no use.
    pub fn numerical(
        fiducial: Box<dyn RowArray<E>>,
        derivative: Box<dyn RowArray<E>>,
        steps: &Steps,
    ) -> Result<Self, DataError> {
        let labels = labels(&fiducial, &derivative);
        let outline = Outline::numerical(labels, fiducial.shape(), derivative.shape(), steps)?;
        Ok(Self::new(outline, fiducial, Some(derivative)))
    }

    /// Data without derivatives, `(n_s, *input)`: what is only to be summarised. There are no parameters.
    ///
    /// # Errors
    /// Where the shape is not that of simulations.
    pub fn data(data: Box<dyn RowArray<E>>) -> Result<Self, DataError> {
        let labels = Labels { fiducial: data.label().to_owned(), ..Labels::default() };
        let outline = Outline::data(labels, data.shape())?;
        Ok(Self::new(outline, data, None))
    }

    fn new(outline: Outline, fiducial: Box<dyn RowArray<E>>, derivative: Option<Box<dyn RowArray<E>>>) -> Self {
        let reader = Arc::new(Reader::new(&outline, fiducial, derivative));
        Self { outline, reader }
    }

    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// Where there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        self.outline.take(n_s, n_d)?;
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// Where the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        self.outline.reshape_input(shape)?;
        Ok(self)
    }

    /// Checks that there are as many parameters as `other` (for instance `theta_fid`) has.
    ///
    /// # Errors
    /// [`DataError::NParams`] naming both.
    pub fn check_n_params(&self, other: &str, expected: usize) -> Result<(), DataError> {
        self.outline.check_n_params(other, expected)
    }
}

fn labels<E: Real>(fiducial: &dyn RowArray<E>, derivative: &dyn RowArray<E>) -> Labels {
    Labels { fiducial: fiducial.label().to_owned(), derivative: derivative.label().to_owned() }
}

impl<E: Real> Source<E> for Streamed<E> {
    fn n_s(&self) -> usize {
        self.outline.n_s
    }

    fn n_d(&self) -> usize {
        self.outline.n_d
    }

    fn n_params(&self) -> usize {
        self.outline.n_params
    }

    fn input_shape(&self) -> &[usize] {
        &self.outline.input_shape
    }

    fn derivatives(&self) -> &Derivatives {
        &self.outline.derivatives
    }

    fn read(&self, rows: Range<usize>, _: Key, leaf: &mut Leaf<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.outline.n_s, self.outline.n_d)?;
        self.reader.read(rows, with_derivatives, leaf)
    }
}
