//! `imnn summarise`: data compressed with a trained network.

use std::path::Path;

use imnn::data::{ArrayPath, arrays};
use imnn::fit::{Compressor, FitError, Summaries};
use imnn::io::text::unravel;
use imnn::models::Element;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use serde_json::json;

use super::saved::{Cautions, DataSets};
use super::{saved, target};
use crate::output::{self, Table, number};
use crate::run_file::Precision;
use crate::{CliError, SummariseArguments};

pub(crate) fn summarise(arguments: &SummariseArguments) -> Result<String, CliError> {
    let check = |path: &Path| {
        let also = [&arguments.derivative, &arguments.given].into_iter().flatten().map(ArrayPath::file);
        let read: Vec<&Path> = also.chain([arguments.data.file()]).collect();
        target::check(path, arguments.force, &read)
    };
    // Before the work, and again after it.
    arguments.out.as_deref().map_or(Ok(()), check)?;
    let compressed = match saved::precision(&arguments.run, &arguments.data)? {
        Precision::F32 => summarise_in::<f32>(arguments)?,
        Precision::F64 => summarise_in::<f64>(arguments)?,
    };
    if let Some(path) = &arguments.out {
        check(path)?;
        compressed.write(path)?;
    }
    Ok(if arguments.json { compressed.json() } else { compressed.text(arguments.out.as_deref()) })
}

struct Compressed {
    /// `(..., n_summaries)`
    x: ArrayD<f64>,
    /// `(n_d, n_summaries, n_params)`
    dx: Option<ArrayD<f64>>,
    /// Of the parameters.
    names: Vec<String>,
    cautions: Cautions,
}

fn summarise_in<E: Element>(arguments: &SummariseArguments) -> Result<Compressed, CliError> {
    let compressor: Compressor<E> = saved::compressor(&arguments.run)?;
    let names = compressor.names().to_vec();
    let Some(path) = &arguments.derivative else {
        let (x, cautions) = saved::of_file(&arguments.data, |data| {
            summaries(&compressor, saved::with_given(data, arguments.given.as_ref(), &compressor)?)
        })?;
        return Ok(Compressed { x, dx: None, names, cautions });
    };
    if let Some(given) = compressor.given() {
        let (rows, n) = (given.data_len() + given.n_given, given.n_given);
        return Err(CliError::Refused(format!(
            "--derivative: this network sees {} behind the data; give data as rows (n, {rows}), of which the last {n} are the given \
             summaries, to imnn::fit::Compressor::summaries_with_derivatives in a program",
            given.count()
        )));
    }
    let derivative = arrays::read::<E>(path)?;
    let found = derivative.shape().last().copied().unwrap_or(0);
    let data = arrays::read::<E>(&arguments.data)?;
    let made = compressor.summaries_with_derivatives(&data, &derivative);
    let Summaries { x, dx } = made.map_err(CliError::at(format!("{}, {path}", arguments.data)))?;
    if found != names.len() {
        return Err(CliError::Refused(format!(
            "{path} has derivatives with respect to {found} parameters (its last axis), the run is about {}",
            names.join(", ")
        )));
    }
    Ok(Compressed { x: x.into_dyn(), dx: Some(dx.into_dyn()), names, cautions: vec![] })
}

/// The summaries of data with any axes in front of those of the network's input.
fn summaries<E: Element>(
    compressor: &Compressor<E>,
    data: ArrayD<E>,
) -> Result<(ArrayD<f64>, Cautions), Box<FitError>> {
    let input = compressor.model().input_shape();
    let shape = data.shape().to_vec();
    let mut inputs = vec![input];
    if let [head @ .., 1] = input
        && !head.is_empty()
    {
        inputs.push(head);
    }
    let Some(input) = inputs.into_iter().find(|input| shape.ends_with(input)) else {
        // Not data for this network: the compressor has the words for it.
        return Ok((compressor.summaries(&data)?.into_dyn(), vec![]));
    };
    let front = &shape[..shape.len() - input.len()];
    let flat = [&[front.iter().product()], input].concat();
    // Both shapes have the same number of values, and the array is made row-major first.
    let data = ArrayD::from_shape_vec(IxDyn(&flat), data.iter().copied().collect()).unwrap_or(data);
    let sets = DataSets::new(data, compressor);
    let mut x = compressor.summaries(&sets.array)?;
    sets.forget(&mut x);
    let shape = [front, &[x.ncols()]].concat();
    let x = x.into_dyn();
    Ok((x.to_shape(IxDyn(&shape)).map(|x| x.to_owned()).unwrap_or(x), sets.cautions(compressor)))
}

impl Compressed {
    fn write(&self, path: &Path) -> Result<(), CliError> {
        let mut arrays = vec![("x", self.x.view().into())];
        if let Some(dx) = &self.dx {
            arrays.push(("dx", dx.view().into()));
        }
        Ok(arrays::write_npz(path, &arrays)?)
    }

    fn json(&self) -> String {
        let cautions = saved::caution_values(&self.cautions);
        let mut value = json!({ "parameters": self.names, "x": output::array(&self.x), "cautions": cautions });
        if let Some(dx) = &self.dx {
            value["dx"] = output::array(dx);
        }
        output::json_line(&value)
    }

    fn text(&self, out: Option<&Path>) -> String {
        if let Some(out) = out {
            let dx = self.dx.as_ref().map(|dx| format!(", dx {:?}", dx.shape())).unwrap_or_default();
            return format!("{}: x {:?}{dx}\n{}", out.display(), self.x.shape(), saved::caution_lines(&self.cautions));
        }
        let head = |last: &[String]| std::iter::once("row".to_owned()).chain(last.to_vec()).collect::<Vec<_>>();
        let n_summaries = self.x.shape().last().copied().unwrap_or(0);
        let names: Vec<_> = (0..n_summaries).map(|k| format!("x_{k}")).collect();
        let mut text = rows(head(&names), self.x.view());
        if let Some(dx) = &self.dx {
            let derivative = |k: usize, name: &String| format!("dx_{k}/d {name}");
            let names: Vec<_> =
                (0..n_summaries).flat_map(|k| self.names.iter().map(move |n| derivative(k, n))).collect();
            let flat = IxDyn(&[dx.shape()[0], names.len()]);
            if let Ok(flat) = dx.to_shape(flat) {
                text.push_str(&format!("\n{}", rows(head(&names), flat.view())));
            }
        }
        text + &saved::caution_lines(&self.cautions)
    }
}

/// A table of the vectors along the last axis, each with the index that leads to it.
fn rows(head: Vec<String>, values: ArrayViewD<'_, f64>) -> String {
    let front = &values.shape()[..values.ndim().saturating_sub(1)];
    let mut table = Table::default().row(head);
    for (i, row) in values.lanes(Axis(values.ndim().saturating_sub(1))).into_iter().enumerate() {
        let index: Vec<String> = unravel(i, front, false).iter().map(usize::to_string).collect();
        table = table.row(std::iter::once(index.join(" ")).chain(row.iter().map(|&value| number(value))));
    }
    table.to_string()
}
