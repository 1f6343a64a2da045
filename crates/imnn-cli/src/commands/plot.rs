//! `imnn plot`: the training history of a saved run.

use std::path::Path;

use imnn::fit::{Description, History};
use imnn::plot::{HistoryPlot, plot_history};
use serde_json::json;

use super::saved::{cautions_of, notes, title};
use super::target;
use crate::output;
use crate::{CliError, PlotArguments};

pub(crate) fn plot(arguments: &PlotArguments) -> Result<String, CliError> {
    imnn::io::atomic::restore(&arguments.run);
    let file = if arguments.run.is_dir() { arguments.run.join("history.npz") } else { arguments.run.clone() };
    if !file.is_file() {
        let advice = "no training history; give the folder that `imnn fit` wrote, or its history.npz";
        return Err(CliError::Refused(format!("{}: {advice}", file.display())));
    }
    let history = read_history(&file)?;
    let out = arguments.out.clone().unwrap_or_else(|| file.with_file_name("plot.png"));
    // The plot of a run is drawn anew; another file is not replaced unasked.
    let is_own = arguments.out.is_none() && out.with_file_name("model.toml").is_file();
    target::check(&out, arguments.force || is_own, &[&file])?;
    let title = arguments.title.clone().or_else(|| title_of(&file));
    let notes = file.parent().map_or(vec![], |run| notes(cautions_of(run)));
    let settings = HistoryPlot { expected_det_f: arguments.expected, title, notes, ..HistoryPlot::default() };
    plot_history(&history, &settings, &out)?;
    let (iterations, shown) = (history.training.len(), out.display().to_string());
    if !arguments.json {
        return Ok(format!("{shown}: {iterations} iterations\n"));
    }
    Ok(output::json_line(&json!({
        "plot": shown,
        "iterations": iterations,
        "best_iteration": history.best_iteration,
        "detF": history.training.det_f.last(),
    })))
}

/// The history of a run; where the file does not say which iteration was the best, that is worked out.
fn read_history(file: &Path) -> Result<History, CliError> {
    let mut history = History::load(file)?;
    history.best_iteration = history.best_iteration.or_else(|| best(&history.deciding().log_det_f));
    Ok(history)
}

/// The name of the run that the history belongs to, and of its parameters, if it is one.
fn title_of(file: &Path) -> Option<String> {
    let run = file.parent()?;
    let description = Description::load(run).ok()?;
    let run = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
    Some(title(&run, &description.parameters))
}

/// The first iteration with the largest ln det F, as the trainer chooses it.
fn best(log_det_f: &[f64]) -> Option<usize> {
    let above = log_det_f.iter().enumerate().filter(|(_, log_det_f)| **log_det_f > f64::NEG_INFINITY);
    above.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(iteration, _)| iteration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_iteration_is_the_first_of_the_largest() {
        assert_eq!(best(&[1.0, 3.0, f64::NAN, 3.0, 2.0]), Some(1));
        assert_eq!(best(&[f64::NEG_INFINITY, f64::NAN]), None);
        assert_eq!(best(&[]), None);
    }
}
