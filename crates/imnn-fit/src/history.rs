//! The record of a training run, and the file `history.npz`.

use crate::error::{Result, refuse};
use crate::held_out::Estimate;
use imnn_data::ArrayPath;
use imnn_data::arrays::{AnyArray, keys, read_vector, write_npz};
use imnn_stats::{Record, Trace};
use ndarray::{ArrayD, ArrayView1};
use std::path::Path;

/// The columns of the validation trace have the names of the others with this before them.
const VALIDATION: &str = "val_";
const BEST: &str = "best_iteration";
/// The column that runs of format 1 do not have.
const LOG_DET_F: &str = "lndetF";
/// The columns of the rounds.
const ROUNDS: [&str; 5] = ["round_iteration", "round_lndetF", "round_lndetF_error", "round_gain", "round_gain_error"];

/// The record of a training run, over all its calls of `fit`.
///
/// Entry `i` of the training trace belongs to the weights before update `i`, that of the validation trace to those after
/// it, as in the original package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// On the training simulations.
    pub training: Trace,
    /// On the validation simulations, if there are any.
    pub validation: Option<Trace>,
    /// The iteration (0-based, over all calls) whose ln det F is the largest, if any was a number; where training was in rounds,
    /// the last one of the best round.
    pub best_iteration: Option<usize>,
    /// The rounds of training, if it was in rounds and there were held-out simulations: first the start.
    pub rounds: Vec<Round>,
}

/// A round of training, measured on simulations that had no part in it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Round {
    /// Iterations, over all calls of fit, at its end; 0 before the first.
    pub iteration: usize,
    /// `ln det F` of the weights at its end.
    pub log_det_f: Estimate,
    /// How much larger it is than that of the best weights before it, on the same simulations; 0 before the first.
    pub gain: Estimate,
}

impl History {
    /// Number of iterations done.
    pub fn len(&self) -> usize {
        self.training.len()
    }

    /// Whether no iteration is done yet.
    pub fn is_empty(&self) -> bool {
        self.training.is_empty()
    }

    /// The trace that decides about the best weights: validation where there is one.
    pub fn deciding(&self) -> &Trace {
        self.validation.as_ref().unwrap_or(&self.training)
    }

    /// The largest det F, if any iteration had one above 0.
    pub fn max_det_f(&self) -> Option<f64> {
        self.best_iteration.map(|i| self.deciding().det_f[i])
    }

    /// Reads the record of a saved run, or any `history.npz`.
    ///
    /// # Errors
    /// If the file is missing or broken.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let present = keys(path)?;
        let has = |name: &str| present.iter().any(|key| key == name);
        let validates = has(&format!("{VALIDATION}{}", Record::NAMES[0]));
        let mut history = History {
            training: read_trace(path, &present, "")?,
            validation: if validates { Some(read_trace(path, &present, VALIDATION)?) } else { None },
            best_iteration: None,
            rounds: if has(ROUNDS[0]) { read_rounds(path)? } else { vec![] },
        };
        if has(BEST) {
            let best = read_vector::<f64>(&ArrayPath::with_key(path, BEST))?;
            let within = |i: &f64| *i >= 0.0 && *i < history.deciding().len() as f64;
            history.best_iteration = best.first().copied().filter(within).map(|i| i as usize);
        }
        Ok(history)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let traces = [("", Some(&self.training)), (VALIDATION, self.validation.as_ref())];
        let named =
            traces.iter().filter_map(|(prefix, trace)| Some((prefix, (*trace)?))).flat_map(|(prefix, trace)| {
                Record::NAMES.iter().zip(trace.columns()).map(move |(name, column)| (format!("{prefix}{name}"), column))
            });
        let columns: Vec<(String, &[f64])> = named.collect();
        let best: ArrayD<i64> = ArrayD::from_elem(vec![1], self.best_iteration.map_or(-1, |i| i as i64));
        let mut arrays: Vec<(&str, AnyArray<'_>)> =
            columns.iter().map(|(name, column)| (name.as_str(), ArrayView1::from(*column).into_dyn().into())).collect();
        arrays.push((BEST, best.view().into()));
        let numbers = |round: &Round| {
            let Round { iteration, log_det_f, gain } = round;
            [*iteration as f64, log_det_f.value, log_det_f.error, gain.value, gain.error]
        };
        let rounds: Vec<[f64; 5]> = self.rounds.iter().map(numbers).collect();
        let columns = std::array::from_fn::<Vec<f64>, 5, _>(|k| rounds.iter().map(|round| round[k]).collect());
        if !rounds.is_empty() {
            let views = columns.iter().map(|column| ArrayView1::from(column).into_dyn().into());
            arrays.extend(ROUNDS.into_iter().zip(views));
        }
        Ok(write_npz(path, &arrays)?)
    }
}

fn read_rounds(path: &Path) -> Result<Vec<Round>> {
    let mut columns: [Vec<f64>; 5] = Default::default();
    for (name, column) in ROUNDS.iter().zip(&mut columns) {
        *column = read_vector::<f64>(&ArrayPath::with_key(path, *name))?;
    }
    let [iterations, values, errors, gains, gain_errors] = columns;
    if [&values, &errors, &gains, &gain_errors].iter().any(|column| column.len() != iterations.len()) {
        return Err(refuse(path, format!("the columns {} differ in length", ROUNDS.join(", "))));
    }
    let round = |k: usize| Round {
        iteration: iterations[k] as usize,
        log_det_f: Estimate { value: values[k], error: errors[k] },
        gain: Estimate { value: gains[k], error: gain_errors[k] },
    };
    Ok((0..iterations.len()).map(round).collect())
}

fn read_trace(path: &Path, present: &[String], prefix: &str) -> Result<Trace> {
    let mut columns: [Vec<f64>; Record::NAMES.len()] = Default::default();
    for (name, column) in Record::NAMES.iter().zip(&mut columns) {
        let key = format!("{prefix}{name}");
        if present.contains(&key) || *name != LOG_DET_F {
            *column = read_vector::<f64>(&ArrayPath::with_key(path, key))?;
        }
    }
    if let Some(at) = Record::NAMES.iter().position(|name| *name == LOG_DET_F).filter(|&at| columns[at].is_empty()) {
        // Histories of format 1 have det F alone.
        columns[at] = columns[0].iter().map(|det_f| det_f.ln()).collect();
    }
    if columns.iter().any(|column| column.len() != columns[0].len()) {
        let names: Vec<String> = Record::NAMES.iter().map(|name| format!("{prefix}{name}")).collect();
        return Err(refuse(path, format!("the columns {} differ in length", names.join(", "))));
    }
    Ok(Trace::from_columns(columns))
}
