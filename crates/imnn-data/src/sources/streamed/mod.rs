//! Streaming: simulations are read from disk again in every pass.

mod options;
mod prefetch;
mod reader;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use imnn_sim::{Key, Real};

pub use self::options::{Prefetch, Streaming};
use self::prefetch::Ahead;
use self::reader::Reader;
use crate::rows::RowArray;
use crate::spec::{DatasetSpec, Labels};
use crate::{ArraySet, Arrays, DataError, FilesKind, Identity, Microbatch, ParameterSteps, Source, check_rows};

/// Simulations that stay in their files and are read a few rows at a time, so that there may be more than fit in memory.
///
/// They are the same bits as those of [`Arrays`](crate::Arrays) of the same files. Shapes are checked when the source is
/// made; values are checked whenever they are read, and one that is not finite is an error then.
///
/// ```
/// use imnn_data::{ArrayPath, Microbatch, RowOptions, Source, Streamed, arrays, open_rows};
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
/// source.read(0..32, Key::new(0), &mut Microbatch::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Streamed<E: Real> {
    spec: DatasetSpec,
    identity: Identity,
    reader: Arc<Reader<E>>,
    /// Reads in advance, where that is wanted; dropped, and its threads with it, before the arrays are closed.
    ahead: Option<Ahead<E>>,
}

impl<E: Real> Streamed<E> {
    /// Simulations with exact derivatives.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, *input, n_params)`, row i belonging to row i of `fiducial`; `n_d <= n_s`
    ///
    /// Where both have seeds, rows are matched by these, and those with derivatives come first.
    ///
    /// # Errors
    /// If the shapes do not fit, or a seed of the derivatives is not among the simulations.
    pub fn exact(fiducial: Box<dyn RowArray<E>>, derivative: Box<dyn RowArray<E>>) -> Result<Self, DataError> {
        ArraySet::matched(fiducial, derivative, &FilesKind::Exact, (None, None)).map(Self::of)
    }

    /// Simulations with others below and above the fiducial in each parameter, of the same random seed.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, 2, n_params, *input)`, 0 = below, 1 = above, row i belonging to row i of `fiducial`;
    ///   `n_d <= n_s`
    ///
    /// Where both have seeds, rows are matched by these, and those with derivatives come first.
    ///
    /// # Errors
    /// If the shapes do not fit, or a seed of the derivatives is not among the simulations.
    pub fn numerical(
        fiducial: Box<dyn RowArray<E>>,
        derivative: Box<dyn RowArray<E>>,
        steps: &ParameterSteps,
    ) -> Result<Self, DataError> {
        let kind = FilesKind::Numerical(steps.clone());
        ArraySet::matched(fiducial, derivative, &kind, (None, None)).map(Self::of)
    }

    /// Data without derivatives, `(n_s, *input)`: what is only to be summarised. There are no parameters.
    ///
    /// # Errors
    /// If the shape is not that of simulations.
    pub fn data(data: Box<dyn RowArray<E>>) -> Result<Self, DataError> {
        let labels = Labels { fiducial: data.label().to_owned(), ..Labels::default() };
        let spec = DatasetSpec::data(labels, data.shape())?;
        Ok(Self::new(spec, data, None))
    }

    pub(crate) fn of(set: ArraySet<E>) -> Self {
        Self::new(set.spec, set.fiducial, Some(set.derivative))
    }

    fn new(spec: DatasetSpec, fiducial: Box<dyn RowArray<E>>, derivative: Option<Box<dyn RowArray<E>>>) -> Self {
        let reader = Arc::new(Reader::new(&spec, fiducial, derivative));
        Self { spec, identity: Identity::constant(), reader, ahead: None }
    }

    /// Keeps the first rows of its part that fit so many bytes in memory, in place of those kept before, and reads others in
    /// advance as the settings say.
    ///
    /// A fixed part of the rows is the best that a cache can keep here: passes go through all rows and back or round
    /// again, and of those used last, which other caches keep, none is needed for as long as possible.
    ///
    /// # Errors
    /// Whatever reading the rows can fail with.
    pub fn with(mut self, streaming: &Streaming) -> Result<Self, DataError> {
        self.ahead = None;
        // The threads that shared it are gone.
        if let Some(reader) = Arc::get_mut(&mut self.reader) {
            let from = reader.start_of(&self.spec, streaming.part);
            reader.keep(&self.spec, streaming.cache, from)?;
        }
        self.ahead = Ahead::new(self.reader.clone(), streaming.prefetch, streaming.ahead);
        Ok(self)
    }

    /// The bytes of simulations in memory: those kept, and of arrays that cannot be read by rows. What is read in advance
    /// comes on top.
    pub fn memory(&self) -> usize {
        self.reader.memory()
    }

    /// The bytes read from files so far, as numbers in memory.
    pub fn bytes_read(&self) -> u64 {
        self.reader.bytes_read.load(Ordering::Relaxed)
    }

    /// The bytes that all simulations and derivatives would take in memory.
    pub fn size(&self) -> u64 {
        let with = self.reader.batch_bytes(self.spec.n_d, true);
        (with + self.reader.batch_bytes(self.spec.n_s - self.spec.n_d, false)) as u64
    }

    /// All simulations, in memory.
    ///
    /// # Errors
    /// Whatever reading them can fail with.
    pub(crate) fn load(&self) -> Result<Arrays<E>, DataError> {
        let spec = self.spec.clone();
        let all = self.reader.rows(0..spec.n_s, spec.n_d)?;
        Ok(Arrays::of_spec(spec, all.values, all.derivatives))
    }

    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// If there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        self.spec.take(n_s, n_d)?;
        self.identity = Identity::constant();
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// If the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        self.spec.reshape_input(shape)?;
        Ok(self)
    }
}

impl<E: Real> Source<E> for Streamed<E> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    /// Files are what they were when they were opened, or reading them is an error.
    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, _: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.spec.n_s, self.spec.n_d)?;
        match &self.ahead {
            Some(ahead) => ahead.read(rows, with_derivatives, batch),
            None => self.reader.read(rows, with_derivatives, batch),
        }
    }
}
