//! Passes over any number of rows, in batches of one size.

use crate::error::{FlowError, Result};
use crate::flow::{Draws, Flow, Gradients};
use crate::transforms::Workspace;
use imnn_compute::Number;
use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};
use std::ops::Range;

/// A flow with the memory of its passes, for one thread.
///
/// Rows are computed in batches of a fixed size, so that the bits of a row depend on its place alone.
#[derive(Debug)]
pub struct Evaluator<'a, E> {
    flow: &'a Flow<E>,
    work: Workspace<E>,
    y: Vec<f64>,
    c: Vec<f64>,
    standardised: [Vec<E>; 2],
}

/// Rows in a batch: what its passes keep fits the second-level cache.
const BATCH: usize = 256;

impl<'a, E: Number> Evaluator<'a, E> {
    pub(crate) fn new(flow: &'a Flow<E>) -> Self {
        Evaluator { flow, work: Workspace::default(), y: vec![], c: vec![], standardised: Default::default() }
    }

    /// See [`Flow::log_density`].
    ///
    /// # Errors
    /// As there.
    pub fn log_density(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        let mut densities = Array1::zeros(rows(y.nrows(), c.nrows())?);
        let volume = self.flow.y().log_volume();
        for batch in self.batches(y, c)? {
            self.load(y, c, &batch)?;
            self.flow.transforms().forward(&mut self.work);
            for row in batch.clone() {
                densities[row] = number::<E>(self.work.log_density(row - batch.start), row)? - volume;
            }
        }
        Ok(densities)
    }

    /// See [`Flow::gradients`].
    ///
    /// # Errors
    /// As there.
    pub fn gradients(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Gradients> {
        let n = rows(y.nrows(), c.nrows())?;
        let mut found = Gradients {
            log_density: Array1::zeros(n),
            y: Array2::zeros((n, self.flow.dims())),
            c: Array2::zeros((n, self.flow.context())),
        };
        let volume = self.flow.y().log_volume();
        for batch in self.batches(y, c)? {
            self.load(y, c, &batch)?;
            self.flow.transforms().forward(&mut self.work);
            self.work.log_gradient.fill(E::one());
            self.flow.transforms().backward(&mut self.work, None, true);
            for row in batch.clone() {
                let (at, work) = (row - batch.start, &self.work);
                found.log_density[row] = number::<E>(work.log_density(at), row)? - volume;
                self.y.resize(self.flow.dims(), 0.0);
                self.c.resize(self.flow.context(), 0.0);
                self.flow.y().undo_gradient(work.column(&work.gradient, at), &mut self.y);
                self.flow.c().undo_gradient(work.column(&work.context_gradient, at), &mut self.c);
                found.y.row_mut(row).iter_mut().zip(&self.y).for_each(|(to, from)| *to = *from);
                found.c.row_mut(row).iter_mut().zip(&self.c).for_each(|(to, from)| *to = *from);
            }
        }
        Ok(found)
    }

    /// See [`Flow::loss`].
    ///
    /// # Errors
    /// As there.
    pub fn loss(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<(f64, Vec<E>)> {
        let n = rows(y.nrows(), c.nrows())?;
        let weights = self.flow.transforms().weights().len();
        let (mut sum, mut gradient, mut part) = (0.0, vec![E::zero(); weights], vec![E::zero(); weights]);
        for batch in self.batches(y, c)? {
            self.load(y, c, &batch)?;
            self.flow.transforms().forward(&mut self.work);
            self.work.weigh(-1.0 / n as f64);
            self.flow.transforms().backward(&mut self.work, Some(&mut part), false);
            gradient.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += part);
            sum += (0..batch.len()).map(|at| self.work.log_density(at)).sum::<f64>();
        }
        Ok((self.flow.y().log_volume() - sum / n as f64, gradient))
    }

    /// See [`Flow::to_base`].
    ///
    /// # Errors
    /// As there.
    pub fn to_base(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut base = Array2::zeros((rows(y.nrows(), c.nrows())?, self.flow.transforms().dims()));
        for batch in self.batches(y, c)? {
            self.load(y, c, &batch)?;
            self.flow.transforms().forward(&mut self.work);
            for row in batch.clone() {
                let z = self.work.column(&self.work.values, row - batch.start);
                base.row_mut(row).iter_mut().zip(z).for_each(|(to, z)| *to = z);
            }
        }
        Ok(base)
    }

    /// See [`Flow::from_base`].
    ///
    /// # Errors
    /// As there.
    pub fn from_base(&mut self, z: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array1<f64>)> {
        columns("base draws", z.ncols(), self.flow.transforms().dims())?;
        columns("c", c.ncols(), self.flow.context())?;
        let n = rows(z.nrows(), c.nrows())?;
        let (mut y, mut densities) = (Array2::zeros((n, self.flow.dims())), Array1::zeros(n));
        for batch in batches(n) {
            self.load_base(z, c, &batch)?;
            // The density is that of the base times how much the transforms spread it.
            let base: Vec<f64> =
                (0..batch.len()).map(|at| self.work.column(&self.work.values, at).map(|z| z * z).sum()).collect();
            self.flow.transforms().inverse(&mut self.work);
            for row in batch.clone() {
                let at = row - batch.start;
                self.y.resize(self.flow.dims(), 0.0);
                self.flow.y().undo(self.work.column(&self.work.values, at), &mut self.y);
                y.row_mut(row).iter_mut().zip(&self.y).for_each(|(to, from)| *to = *from);
                // A sum that is a number has terms that are.
                number::<E>(self.y.iter().sum(), row)?;
                densities[row] =
                    number::<E>(self.work.log_density_of_base(at, base[at]), row)? - self.flow.y().log_volume();
            }
        }
        Ok((y, densities))
    }

    /// See [`Flow::sample`].
    ///
    /// # Errors
    /// As there.
    pub fn sample(&mut self, c: ArrayView2<'_, f64>, n: usize, key: Key) -> Result<Draws> {
        let (contexts, dims) = (c.nrows(), self.flow.transforms().dims());
        let mut base = Array2::zeros((contexts * n, dims));
        let mut normal = vec![0.0; n * dims];
        for (k, key) in key.fold_in_each(0..contexts as u64).enumerate() {
            key.fill_normal(&mut normal);
            for (mut row, from) in base.rows_mut().into_iter().skip(k * n).zip(normal.chunks_exact(dims)) {
                row.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        let order: Vec<usize> = (0..contexts * n).map(|row| row / n.max(1)).collect();
        let (y, densities) = self.from_base(base.view(), c.select(Axis(0), &order).view())?;
        // Rows of one context lie together, so only the shape changes.
        let shape = |_| FlowError::Parts("draws of another shape".into());
        Ok(Draws {
            y: Array3::from_shape_vec((contexts, n, self.flow.dims()), y.into_raw_vec_and_offset().0).map_err(shape)?,
            log_density: Array2::from_shape_vec((contexts, n), densities.to_vec()).map_err(shape)?,
        })
    }

    fn batches(
        &self,
        y: ArrayView2<'_, f64>,
        c: ArrayView2<'_, f64>,
    ) -> Result<impl Iterator<Item = Range<usize>> + use<E>> {
        columns("y", y.ncols(), self.flow.dims())?;
        columns("c", c.ncols(), self.flow.context())?;
        Ok(batches(rows(y.nrows(), c.nrows())?))
    }

    /// Some rows of y and c, standardised, into the workspace.
    fn load(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>, batch: &Range<usize>) -> Result<()> {
        self.work.resize(self.flow.transforms(), batch.len());
        for row in batch.clone() {
            copy(&mut self.y, y, row, "y")?;
            let [standardised, conditions] = &mut self.standardised;
            standardised.clear();
            standardised.extend(self.flow.y().apply::<E>(&self.y));
            copy(&mut self.c, c, row, "c")?;
            conditions.clear();
            conditions.extend(self.flow.c().apply::<E>(&self.c));
            self.work.set(row - batch.start, standardised, conditions);
        }
        self.work.fill_up();
        Ok(())
    }

    /// Some rows of base numbers and c into the workspace.
    fn load_base(&mut self, z: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>, batch: &Range<usize>) -> Result<()> {
        self.work.resize(self.flow.transforms(), batch.len());
        for row in batch.clone() {
            copy(&mut self.y, z, row, "base draws")?;
            let [base, conditions] = &mut self.standardised;
            base.clear();
            base.extend(self.y.iter().map(|z| E::of(*z)));
            copy(&mut self.c, c, row, "c")?;
            conditions.clear();
            conditions.extend(self.flow.c().apply::<E>(&self.c));
            self.work.set(row - batch.start, base, conditions);
        }
        self.work.fill_up();
        Ok(())
    }
}

/// A log density that is a number, if only minus infinity.
fn number<E: Number>(value: f64, row: usize) -> Result<f64> {
    if value.is_nan() { Err(FlowError::Overflow { row, precision: E::NAME }) } else { Ok(value) }
}

/// Row `row` of an array, or its only row; all of it finite.
fn copy(to: &mut Vec<f64>, from: ArrayView2<'_, f64>, row: usize, what: &str) -> Result<()> {
    let row = if from.nrows() == 1 { 0 } else { row };
    to.clear();
    to.extend(from.row(row));
    match to.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(FlowError::NotFinite { row, column: format!("column {at} of {what}"), value: to[at] }),
        None => Ok(()),
    }
}

/// The number of rows of both together.
pub(crate) fn rows(y: usize, c: usize) -> Result<usize> {
    match (y, c) {
        _ if y == c => Ok(y),
        (1, n) | (n, 1) => Ok(n),
        _ => Err(FlowError::Rows { y, c }),
    }
}

fn columns(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(FlowError::Columns { what, found, expected }) }
}

fn batches(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(BATCH).map(move |start| start..n.min(start + BATCH))
}
