//! Trained networks as `imnn fit` saved them, at work on arrays in files.

use std::path::Path;

use imnn::data::{ArrayPath, DataError, Given, arrays};
use imnn::device::Cpu;
use imnn::fit::{Compressor, Description, FitError};
use imnn::io::text::{plural, unravel};
use imnn::models::Element;
use ndarray::{Array2, ArrayD};
use serde_json::{Value, json};

use crate::CliError;
use crate::run_file::Precision;

/// The numbers in which the network of a saved run works.
pub(super) fn precision(run: &Path, data: &ArrayPath) -> Result<Precision, CliError> {
    if run.is_file() && data.file().join("model.toml").is_file() {
        let (data, run) = (run.display(), data.file().display());
        return Err(CliError::Refused(format!("the folder of the run comes first, then the data: {run} {data}")));
    }
    imnn::io::atomic::restore(run);
    let Description { precision, .. } = Description::load(run)?;
    match precision.as_str() {
        "f32" => Ok(Precision::F32),
        "f64" => Ok(Precision::F64),
        _ => Err(CliError::Refused(format!(
            "{}: precision is \"{precision}\", expected \"f32\" or \"f64\"",
            run.join("model.toml").display()
        ))),
    }
}

/// The trained network of a saved run.
pub(super) fn compressor<E: Element>(run: &Path) -> Result<Compressor<E>, CliError> {
    let weights = run.join("weights.safetensors");
    if !weights.exists() {
        return Err(CliError::Refused(format!(
            "{}: no such file; give the folder that `imnn fit` wrote (a run that broke off has no statistics to estimate \
             with)",
            weights.display()
        )));
    }
    Ok(Compressor::load(run, Cpu::<E>::all().map_err(FitError::from)?)?)
}

/// Data sets that are not to be trusted, each with the reason.
pub(super) type Cautions = Vec<(usize, String)>;

/// So many of them are shown to people.
const SHOWN: usize = 5;

/// Data sets in one array, of which those that cannot be used do not stop the others.
pub(super) struct DataSets<E> {
    /// With zeros in the place of those that cannot be used.
    pub(super) array: ArrayD<E>,
    /// Those that cannot be used.
    pub(super) unusable: Cautions,
    per_set: usize,
}

impl<E: Element> DataSets<E> {
    /// Those in an array, for the network of `compressor`. If none can be used, or the shape is not one for it, the array is
    /// left to the compressor, which has the words for it.
    pub(super) fn new(array: ArrayD<E>, compressor: &Compressor<E>) -> Self {
        let per_set = compressor.model().input_shape().iter().product::<usize>().max(1);
        let mut array = array.as_standard_layout().into_owned();
        let (n, shape) = (array.len() / per_set, array.shape().to_vec());
        let values = array.as_slice_mut().unwrap_or_default();
        let mut unusable = vec![];
        for (set, row) in values.chunks_exact(per_set).enumerate() {
            let Some(first) = row.iter().position(|value| !value.is_finite()) else { continue };
            let bad = row.iter().filter(|value| !value.is_finite()).count();
            let index = unravel(set * per_set + first, &shape, false);
            unusable.push((
                set,
                format!(
                    "{} at {index:?}, and {bad} of its {per_set} values are not finite: nothing is made of it",
                    row[first].f64()
                ),
            ));
        }
        if values.len() != n * per_set || unusable.len() == n {
            unusable.clear();
        }
        for &(set, _) in &unusable {
            values[set * per_set..(set + 1) * per_set].fill(E::zero());
        }
        DataSets { array, unusable, per_set }
    }

    /// Sets the rows of what came of those that cannot be used to NaN.
    pub(super) fn forget(&self, rows: &mut Array2<f64>) {
        for &(set, _) in &self.unusable {
            if set < rows.nrows() {
                rows.row_mut(set).fill(f64::NAN);
            }
        }
    }

    /// Those that cannot be used, and those that are unlike the simulations.
    pub(super) fn cautions(&self, compressor: &Compressor<E>) -> Cautions {
        let mut cautions = self.unusable.clone();
        let values = self.array.as_slice().unwrap_or_default();
        let n_data = compressor.given().map_or(self.per_set, Given::data_len);
        for (set, data) in values.chunks(self.per_set).enumerate() {
            let data = &data[..n_data.min(data.len())];
            let usable = self.unusable.binary_search_by_key(&set, |(unusable, _)| *unusable).is_err();
            if let Some(unlike) = compressor.typical().filter(|_| usable).and_then(|of| of.unlike(data.iter().copied()))
            {
                cautions.push((
                    set,
                    format!(
                        "unlike the simulations, {unlike}; what is made of it means nothing. Are units, noise, mask and transforms those \
                         of the simulations?"
                    ),
                ));
            }
        }
        cautions.sort_by_key(|(set, _)| *set);
        cautions
    }
}

/// Cautions for people: the first, and how many more there are.
pub(super) fn caution_lines(cautions: &Cautions) -> String {
    let shown = cautions.iter().take(SHOWN).map(|(set, what)| format!("caution: data set {set}: {what}\n"));
    let more = cautions.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("caution: and {} (--json has all)\n", plural(more, "more caution")));
    shown.chain(more).collect()
}

/// Cautions for machines.
pub(super) fn caution_values(cautions: &Cautions) -> Value {
    cautions.iter().map(|(set, what)| json!({ "data_set": set, "what": what })).collect()
}

/// Data as the network of a run reads them: with the summaries behind that were given, where it was trained beside such.
pub(super) fn with_given<E: Element>(
    data: ArrayD<E>,
    given: Option<&ArrayPath>,
    compressor: &Compressor<E>,
) -> Result<ArrayD<E>, Box<FitError>> {
    let Some(of_run) = compressor.given() else {
        let Some(path) = given else { return Ok(data) };
        return Err(FitError::from(DataError::Refused(format!(
            "{path}: this network was not trained beside given summaries; take --given away"
        )))
        .into());
    };
    match given {
        Some(path) => Ok(compressor.rows(data, Some(arrays::read::<f64>(path).map_err(FitError::from)?))?),
        None if of_run.are_data(data.shape()) && of_run.function.is_none() => {
            Err(FitError::from(DataError::Refused(format!(
                "the network was trained beside {} of the data: give those of these data too, as --given t.npy",
                of_run.count()
            )))
            .into())
        }
        None if of_run.are_data(data.shape()) => Ok(compressor.rows(data, None)?),
        None => Ok(data),
    }
}

/// Reads data and has it compressed; whatever is wrong is said to be wrong with the file.
pub(super) fn of_file<E: Element, T>(
    path: &ArrayPath,
    compress: impl FnOnce(ArrayD<E>) -> Result<T, Box<FitError>>,
) -> Result<T, CliError> {
    compress(arrays::read(path)?).map_err(CliError::at(path))
}

/// The file beside a run with what `--json` prints.
pub(super) const REPORT: &str = "report.json";

/// What there was to say against the numbers of a saved run, as far as it is still told there.
pub(super) fn cautions_of(run: &Path) -> Vec<String> {
    let report = std::fs::read(run.join(REPORT)).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let cautions = report.as_ref().and_then(|report| report["cautions"].as_array());
    cautions.into_iter().flatten().filter_map(|caution| caution.as_str().map(str::to_owned)).collect()
}

/// Lines below the plot of a run: what there is to say against its numbers, as far as there is room.
pub(super) fn notes(cautions: Vec<String>) -> Vec<String> {
    cautions.into_iter().take(SHOWN).map(|caution| format!("caution: {caution}")).collect()
}

/// A line above the plot of a run: its name and what it is about.
pub(super) fn title(run: &Path, names: &[String]) -> String {
    let about = names.join(", ");
    match run.file_name() {
        Some(name) => format!("{}: {about}", name.to_string_lossy()),
        None => about,
    }
}
