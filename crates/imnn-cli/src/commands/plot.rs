//! `imnn plot`: the training history of a saved run.

use std::path::Path;

use imnn::data::{ArrayPath, arrays};
use imnn::fit::{History, Trace};
use imnn::plot::{HistoryPlot, plot_history};
use serde_json::json;

use crate::output::{self, json_number};
use crate::{CliError, PlotArguments};

pub(crate) fn plot(arguments: &PlotArguments) -> Result<String, CliError> {
    let file = if arguments.run.is_dir() { arguments.run.join("history.npz") } else { arguments.run.clone() };
    if !file.is_file() {
        return Err(CliError::NoHistory { path: file });
    }
    let history = read_history(&file)?;
    let out = arguments.out.clone().unwrap_or_else(|| file.with_file_name("plot.png"));
    let settings =
        HistoryPlot { expected_det_f: arguments.expected, title: arguments.title.clone(), ..HistoryPlot::default() };
    plot_history(&history, &settings, &out)?;
    Ok(if arguments.json { as_json(&history, &out) } else { as_text(&history, &out) })
}

/// The history of a run from the file that `imnn fit` writes.
fn read_history(file: &Path) -> Result<History, CliError> {
    let training = read_trace(file, "")?;
    let validation = if arrays::keys(file)?.iter().any(|key| key.starts_with(VALIDATION)) {
        Some(read_trace(file, VALIDATION)?)
    } else {
        None
    };
    let judged = validation.as_ref().unwrap_or(&training);
    let best_iteration = best(&judged.det_f);
    Ok(History { training, validation, best_iteration })
}

const VALIDATION: &str = "val_";

fn read_trace(file: &Path, prefix: &str) -> Result<Trace, CliError> {
    let read = |name: &str| arrays::read_vector::<f64>(&ArrayPath::with_key(file, format!("{prefix}{name}")));
    Ok(Trace {
        det_f: read("detF")?,
        det_c: read("detC")?,
        det_inv_c: read("detinvC")?,
        lambda2: read("lambda2")?,
        r: read("r")?,
    })
}

/// The first iteration with the largest det F above 0, as the trainer chooses it.
fn best(det_f: &[f64]) -> Option<usize> {
    let mut best = None;
    let mut largest = 0.0;
    for (iteration, &value) in det_f.iter().enumerate() {
        if value > largest {
            (best, largest) = (Some(iteration), value);
        }
    }
    best
}

fn as_json(history: &History, out: &Path) -> String {
    output::json_line(&json!({
        "plot": out.display().to_string(),
        "iterations": history.training.len(),
        "best_iteration": history.best_iteration,
        "detF": json_number(history.training.det_f.last().copied().unwrap_or(f64::NAN)),
    }))
}

fn as_text(history: &History, out: &Path) -> String {
    format!("{}: {} iterations\n", out.display(), history.training.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_iteration_is_the_first_of_the_largest() {
        assert_eq!(best(&[1.0, 3.0, f64::NAN, 3.0, 2.0]), Some(1));
        assert_eq!(best(&[-1.0, 0.0]), None);
        assert_eq!(best(&[]), None);
    }
}
