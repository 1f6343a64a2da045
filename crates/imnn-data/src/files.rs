//! Simulations in files of any format.

use imnn_sim::Real;
use ndarray::ArrayD;
use serde::Serialize;

use crate::formats::{RowShape, has_seeds, open_shaped, read};
use crate::rows::{Lacking, lacking_seeds};
use crate::spec::{Labels, check_asked};
use crate::{
    ArrayPath, ArraySet, Arrays, DataError, FilesKind, Invalid, Kept, ParameterSteps, RowArray, RowOptions,
    StackedRows, Streamed, Streaming,
};

/// Where the simulations are, before they are read.
///
/// A path may be a pattern such as `fiducial/{seed}.npy`, for files with one simulation each, or `fiducial/{seeds}.npy`
/// where files hold the simulations of consecutive seeds. Then simulations and
/// derivatives are matched by seed, those with derivatives first, and a seed of the derivatives that is missing somewhere
/// is an error, unless `n_d` asks for no more than there are.
///
/// # Shapes
/// * fiducial: `(n_s, *input)`
/// * derivative: exact `(n_d, *input, n_params)`; numerical `(n_d, 2, n_params, *input)` with 0 = below, 1 = above, or
///   `(n_d, n_params, *input)` below and above, or for each parameter `(n_d, *input)` below and above
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// The simulations.
    pub fiducial: ArrayPath,
    /// How they change with the parameters.
    pub derivative: DerivativeFiles,
    /// What the derivatives are.
    pub kind: FilesKind,
    /// How many simulations of the file to use, from the first; by default all.
    pub n_s: Option<usize>,
    /// How many derivatives of the file to use, from the first; by default all, or `n_s` where that is given.
    pub n_d: Option<usize>,
    /// The shape of one simulation where it is to differ from the file's, for instance for an axis of channels.
    pub input_shape: Option<Vec<usize>>,
    /// What becomes of simulations that failed: those with values that are not finite, and where simulations are matched by
    /// seed those of which a file is missing. They are refused by default.
    pub invalid: Invalid,
    /// Which part of what is left; all by default.
    pub kept: Kept,
}

/// Where the derivatives are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum DerivativeFiles {
    /// In one array.
    #[serde(rename = "derivative")]
    Array(ArrayPath),
    /// Numerical ones in arrays of simulations below and above the fiducial, one of each for each parameter, or one of each
    /// for all.
    #[serde(untagged)]
    Sides {
        /// Below, `(n_d, *input)` each, or one `(n_d, n_params, *input)`.
        below: Vec<ArrayPath>,
        /// Above, as below.
        above: Vec<ArrayPath>,
    },
}

impl Files {
    /// All the rows of two arrays, as they are.
    pub fn new(fiducial: impl Into<ArrayPath>, derivative: impl Into<ArrayPath>, kind: FilesKind) -> Self {
        Self::of(fiducial.into(), DerivativeFiles::Array(derivative.into()), kind)
    }

    /// All the rows of arrays of simulations at the fiducial, and below and above it in each parameter.
    pub fn sides(
        fiducial: impl Into<ArrayPath>,
        below: Vec<ArrayPath>,
        above: Vec<ArrayPath>,
        steps: ParameterSteps,
    ) -> Self {
        Self::of(fiducial.into(), DerivativeFiles::Sides { below, above }, FilesKind::Numerical(steps))
    }

    /// All the rows of arrays, wherever the derivatives are.
    pub fn of(fiducial: ArrayPath, derivative: DerivativeFiles, kind: FilesKind) -> Self {
        Self {
            fiducial,
            derivative,
            kind,
            n_s: None,
            n_d: None,
            input_shape: None,
            invalid: Invalid::Refuse,
            kept: Kept::All,
        }
    }

    /// Reads and checks the simulations.
    ///
    /// # Errors
    /// Whatever is wrong with the files, the shapes or the values; the array is named by file and key.
    pub fn load<E: Real>(&self) -> Result<Arrays<E>, DataError> {
        let derivative = match &self.derivative {
            DerivativeFiles::Array(path)
                if self.invalid.refuses()
                    && self.kept == Kept::All
                    && !has_seeds(path)?
                    && !has_seeds(&self.fiducial)? =>
            {
                path
            }
            _ => {
                let options = RowOptions { memory: usize::MAX, ..RowOptions::default() };
                return Streamed::of(ArraySet::open(self, &options)?).load();
            }
        };
        let labels = Labels { fiducial: self.fiducial.to_string(), derivative: derivative.to_string() };
        let fiducial = rows("n_s", self.n_s, self.n_s, &self.fiducial)?;
        let derivative = rows("n_d", self.n_d, self.n_d.or(self.n_s), derivative)?;
        let arrays = Arrays::labelled(fiducial, derivative, &self.kind, labels).map_err(DataError::or_drop)?;
        let arrays = arrays.take(self.n_s, self.n_d)?;
        match &self.input_shape {
            Some(shape) => arrays.reshape_input(shape),
            None => Ok(arrays),
        }
    }

    /// Opens the files and checks their shapes; simulations are read and checked when they are needed.
    ///
    /// ```
    /// use imnn_data::{Files, FilesKind, Source, Streaming, arrays};
    /// use ndarray::{ArrayD, IxDyn};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = |name: &str| folder.path().join(name);
    /// for seed in 0..8 {
    ///     arrays::write_npy(path(&format!("f{seed}.npy")), ArrayD::<f32>::zeros(IxDyn(&[4, 4])).view())?;
    /// }
    /// for seed in 0..3 {
    ///     arrays::write_npy(path(&format!("d{seed}.npy")), ArrayD::<f32>::zeros(IxDyn(&[4, 4, 2])).view())?;
    /// }
    /// let files = Files::new(path("f{seed}.npy"), path("d{seed}.npy"), FilesKind::Exact);
    /// let source = files.open::<f32>(&Streaming::default())?;
    /// assert_eq!((source.n_s(), source.n_d(), source.n_params()), (8, 3, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Whatever is wrong with the files or the shapes, and with the values of the rows that are kept in memory.
    pub fn open<E: Real>(&self, streaming: &Streaming) -> Result<Streamed<E>, DataError> {
        Streamed::of(ArraySet::open(self, &streaming.rows)?).with(streaming)
    }
}

impl<E: Real> ArraySet<E> {
    /// Opens files and matches their rows; what they hold is not checked but for shapes, or to leave out what failed, for
    /// which all of it is read.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the shapes.
    pub fn open(files: &Files, options: &RowOptions) -> Result<Self, DataError> {
        let options = &RowOptions { skip_damaged: !files.invalid.refuses(), ..*options };
        let lacking = if files.invalid.refuses() { Lacking::Refused(files.n_d) } else { Lacking::Failed };
        let mut partners = vec![];
        let row = files.input_shape.as_deref().map_or(RowShape::AsStored, RowShape::Input);
        let fiducial = open_shaped::<E>(&files.fiducial, row, options)?;
        // Records do not say what shape they have: that of the simulations they belong to.
        let input = fiducial.shape().get(1..).unwrap_or_default().to_vec();
        let input = &input[..];
        let open = |path: &ArrayPath| open_shaped::<E>(path, RowShape::Input(input), options);
        let derivative: Box<dyn RowArray<E>> = match (&files.derivative, &files.kind) {
            (DerivativeFiles::Array(path), FilesKind::Exact) => open_shaped(path, RowShape::Exact(input), options)?,
            (DerivativeFiles::Array(path), FilesKind::Numerical(_)) => open(path)?,
            (DerivativeFiles::Sides { below, above }, FilesKind::Numerical(steps)) => {
                if let Some(same) = below.iter().zip(above).find_map(|(low, high)| (low == high).then_some(low)) {
                    let reason = format!("{same} is given as both below and above: its derivative would be 0");
                    return Err(DataError::Refused(reason));
                }
                let all = |paths: &[ArrayPath]| paths.iter().map(open).collect::<Result<Vec<_>, _>>();
                let pair = match (&below[..], &above[..]) {
                    ([below], [above]) => pair::<E>(below, above, (input, steps.widths().len()), options)?,
                    _ => None,
                };
                Box::new(match pair {
                    Some([below, above]) => {
                        partners = lacking_seeds(&[&*below, &*above]);
                        StackedRows::for_all(below, above, lacking)?
                    }
                    None => {
                        let (below, above) = (all(below)?, all(above)?);
                        let all: Vec<&dyn RowArray<E>> = below.iter().chain(&above).map(|array| &**array).collect();
                        partners = lacking_seeds(&all);
                        StackedRows::per_parameter(below, above, lacking)?
                    }
                })
            }
            (DerivativeFiles::Sides { .. }, FilesKind::Exact) => {
                let reason = "simulations below and above give numerical derivatives; use kind = \"numerical\"";
                return Err(DataError::Refused(reason.to_owned()));
            }
        };
        let asked = (files.n_s, files.n_d);
        let mut set = match lacking {
            Lacking::Refused(_) => Self::matched(fiducial, derivative, &files.kind, asked)?,
            Lacking::Failed => Self::left(fiducial, derivative, partners, (&files.kind, asked, &files.invalid))?,
        };
        if let Some(shape) = &files.input_shape {
            set.spec.reshape_input(shape)?;
        }
        set.kept(files.kept)
    }
}

type Pair<E> = [Box<dyn RowArray<E>>; 2];

/// Two arrays with an axis of the parameters, as they are told from those of the only parameter without one.
fn pair<E: Real>(
    below: &ArrayPath,
    above: &ArrayPath,
    (input, n_params): (&[usize], usize),
    options: &RowOptions,
) -> Result<Option<Pair<E>>, DataError> {
    let row = [&[n_params], input].concat();
    let open = |path: &ArrayPath| open_shaped::<E>(path, RowShape::Input(&row), options);
    let below = open(below)?;
    let has_axis = n_params > 1 || below.shape().len() == row.len() + 1;
    if has_axis { Ok(Some([below, open(above)?])) } else { Ok(None) }
}

/// Reads at most `n_rows` rows, of long files no others, and checks that as many as were asked for are there.
fn rows<E: Real>(
    name: &'static str,
    asked: Option<usize>,
    n_rows: Option<usize>,
    path: &ArrayPath,
) -> Result<ArrayD<E>, DataError> {
    let array = read(path, n_rows)?;
    if let Some(&available) = array.shape().first() {
        check_asked(name, asked, available, &path.to_string())?;
    }
    Ok(array)
}
