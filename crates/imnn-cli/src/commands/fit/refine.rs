//! `imnn fit --refine`: the fiducial moved to the estimate from a target, and the network trained again there.

use std::error::Error;
use std::path::{Path, PathBuf};

use imnn::data::{ArrayPath, DataError};
use imnn::fit::{Compressor, Refined, Refinement};
use imnn::models::Element;
use imnn::plot::{RefinementPlot, plot_refinement};
use serde_json::json;

use super::place::Place;
use super::team::Team;
use super::{lead_at, signals};
use crate::commands::saved::{self, DataSets, title};
use crate::output::{self, Table, measured, number, say};
use crate::run_file::{Kind, Precision, RunFile};
use crate::{CliError, FitArguments};

/// The rounds, for machines, and their plot.
const ROUNDS: &str = "refinement.json";
const PLOT: &str = "refinement.png";

/// Trains round after round, each in a folder of its own, so that every round is a run that survives and is gone on with.
pub(super) fn refine(target: &ArrayPath, arguments: &FitArguments, team: &Team) -> Result<String, CliError> {
    let (Some(file), Some(out)) = (&arguments.run, &arguments.out) else {
        return Err(CliError::Refused("--refine needs a run file and --out".to_owned()));
    };
    if team.ranks().is_some() {
        let message = "--refine trains one network after the other in one process: start it without mpirun";
        return Err(CliError::Refused(message.to_owned()));
    }
    let run = RunFile::read(file)?;
    if !matches!(run.simulations.kind, Kind::Simulator { .. }) {
        return Err(CliError::Refused(format!(
            "{}: --refine moves the fiducial, and files have simulations at one fiducial only. Train with `imnn fit`, and where \
             `imnn estimate` gives the estimate as far from the fiducial, simulate there and train again",
            file.display()
        )));
    }
    if out.join("model.toml").exists() {
        let message = "this folder has one run; --refine makes a folder of runs, choose another name";
        return Err(CliError::Refused(format!("{}: {message}", out.display())));
    }
    let rounds = Rounds { run, file, out, target, arguments, team };
    let (last, walked) = Refinement::default()
        .walk(&rounds.run.theta_fid.clone(), refuses, |theta_fid, before| rounds.train(theta_fid, before))?;
    rounds.report(&last, &walked)
}

/// Whether the simulator cannot simulate at the parameters that it was asked for.
fn refuses(error: &CliError) -> bool {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
        .any(|error| matches!(error.downcast_ref(), Some(DataError::Simulator { .. })))
}

/// What all rounds have.
struct Rounds<'a> {
    run: RunFile,
    file: &'a Path,
    out: &'a Path,
    target: &'a ArrayPath,
    arguments: &'a FitArguments,
    team: &'a Team,
}

/// The last round: its run, and what there is to say against its target.
struct Last {
    run: PathBuf,
    cautions: saved::Cautions,
}

impl Rounds<'_> {
    /// Trains a round, if that has not been done, and estimates the target.
    fn train(&self, theta_fid: &[f64], before: &[Refined]) -> Result<(Last, Refined), CliError> {
        let number_of_round = before.len() + 1;
        let out = self.out.join(format!("round-{number_of_round}"));
        let run = RunFile { theta_fid: theta_fid.to_vec(), ..self.run.clone() };
        let shows = !self.arguments.quiet && !self.arguments.json;
        if shows {
            let there: Vec<_> = theta_fid.iter().map(|&value| number(value)).collect();
            say(&format!("\nround {number_of_round}, at {} = {}", self.run.parameters.join(", "), there.join(", ")));
        }
        if self.is_trained(&out, theta_fid)? {
            if shows {
                say(&format!("it is in {} already", out.display()));
            }
        } else {
            let text =
                lead_at(Place::changed(run, self.file, out.clone(), self.arguments.force)?, self.arguments, self.team)?;
            if shows {
                say(&text);
            }
            if signals::ended() {
                return Err(CliError::Refused(format!(
                    "interrupted in round {number_of_round}, which ended there; the same command goes on with the next one"
                )));
            }
        }
        let (round, cautions) = match self.run.network.precision {
            Precision::F32 => self.estimate::<f32>(&out)?,
            Precision::F64 => self.estimate::<f64>(&out)?,
        };
        if shows {
            let distances: Vec<_> = round.away().iter().map(|distance| format!("{distance:+.2}")).collect();
            say(&format!("the estimate is {} errors from the fiducial", distances.join(", ")));
        }
        Ok((Last { run: out, cautions }, round))
    }

    /// Whether this round is there, from this fiducial.
    fn is_trained(&self, out: &Path, theta_fid: &[f64]) -> Result<bool, CliError> {
        imnn::io::atomic::restore(out);
        if !out.join("model.toml").exists() {
            return Ok(false);
        }
        let there = RunFile::read(out.join("run.toml"))?;
        if there.theta_fid == theta_fid || self.arguments.force {
            return Ok(there.theta_fid == theta_fid);
        }
        Err(CliError::Refused(format!(
            "{} was trained at {:?}, and this refinement comes to {theta_fid:?}: it is of another run file, seed or target. \
             Replace it (--force), or choose another folder",
            out.display(),
            there.theta_fid
        )))
    }

    fn estimate<E: Element>(&self, run: &Path) -> Result<(Refined, saved::Cautions), CliError> {
        let compressor: Compressor<E> = saved::compressor(run)?;
        saved::of_file::<E, _>(self.target, |data| {
            let cautions = DataSets::new(data.clone(), &compressor).cautions(&compressor);
            Ok((Refined::new(&compressor, data)?, cautions))
        })
    }

    /// Writes the rounds and their plot, and says what came of them.
    fn report(&self, last: &Last, rounds: &[Refined]) -> Result<String, CliError> {
        let arrived = rounds.last().is_some_and(|round| Refinement::default().next(round).is_none());
        let value = json!({
            "parameters": self.run.parameters,
            "target": self.target.to_string(),
            "run": last.run.display().to_string(),
            "arrived": arrived,
            "rounds": rounds,
            "cautions": saved::caution_values(&last.cautions),
            "cautions_of_run": saved::cautions_of(&last.run),
        });
        imnn::io::atomic::write(self.out.join(ROUNDS), output::json_line(&value))?;
        let (names, title) = (self.run.parameters.clone(), Some(title(self.out, &self.run.parameters)));
        let plot = RefinementPlot { names, title, ..RefinementPlot::default() };
        if let Err(error) = plot_refinement(rounds, &plot, self.out.join(PLOT)) {
            say(&format!("the rounds are saved, but not their plot: {error}"));
        }
        if self.arguments.json {
            return Ok(output::json_line(&value));
        }
        let mut head = vec!["round".to_owned()];
        for name in &self.run.parameters {
            head.extend(["fiducial".to_owned(), format!("estimate of {name}")]);
        }
        head.push("ln det F".to_owned());
        let table = rounds.iter().enumerate().fold(Table::default().row(head), |table, (k, round)| {
            let mut row = vec![(k + 1).to_string()];
            for (a, &value) in round.estimate.iter().enumerate() {
                let estimate = imnn::stats::Measured { value, error: round.errors[a] };
                row.extend([number(round.theta_fid[a]), measured(estimate)]);
            }
            row.push(number(round.log_det_f));
            table.row(row)
        });
        let end = match arrived {
            true => "the estimate has arrived: it is within a fifth of its error of the fiducial",
            false => {
                "the estimate has not arrived: it still moves by more than a fifth of its error; more rounds may bring it, or \
                      summaries do not determine the parameters there"
            }
        };
        Ok(format!(
            "{}\n{end}\nrun of the last round   {}\nrounds and their plot   {}, {PLOT}\n{}",
            table.in_blocks(2, output::terminal_width()),
            last.run.display(),
            self.out.join(ROUNDS).display(),
            saved::caution_lines(&last.cautions)
        ))
    }
}
