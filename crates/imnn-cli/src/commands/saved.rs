//! Trained networks as `imnn fit` saved them, at work on arrays in files.

use std::path::Path;

use imnn::data::{ArrayPath, arrays};
use imnn::device::Cpu;
use imnn::fit::{Compressor, Description, FitError};
use imnn::models::Element;
use ndarray::ArrayD;

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

/// Reads data and has it compressed; whatever is wrong is said to be wrong with the file.
pub(super) fn of_file<E: Element, T>(
    path: &ArrayPath,
    compress: impl FnOnce(ArrayD<E>) -> Result<T, Box<FitError>>,
) -> Result<T, CliError> {
    compress(arrays::read(path)?).map_err(CliError::at(path))
}

/// A line above the plot of a run: its name and what it is about.
pub(super) fn title(run: &Path, names: &[String]) -> String {
    let about = names.join(", ");
    match run.file_name() {
        Some(name) => format!("{}: {about}", name.to_string_lossy()),
        None => about,
    }
}
