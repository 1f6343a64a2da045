//! A process that trains together with the one that leads: it runs its share, and neither writes nor says anything.

use std::time::Duration;

use imnn::fit::{FitError, RunFolder, Silent};
use imnn::models::Element;
use imnn::sim::Key;

use super::parts::Parts;
use super::team::Team;
use super::{gap, measure_best, signals};
use crate::run_file::{Precision, RunFile};
use crate::{CliError, FitArguments};

/// Trains what the leader has been asked to train.
pub(super) fn follow(arguments: &FitArguments, team: &Team) -> Result<String, CliError> {
    team.agree(Ok(()))?;
    let text = team.share("")?;
    if text.is_empty() {
        return Ok(text);
    }
    let run = RunFile::parse(&text, "the run file of rank 0")?;
    match run.network.precision {
        Precision::F32 => follow_in::<f32>(run, arguments, team)?,
        Precision::F64 => follow_in::<f64>(run, arguments, team)?,
    }
    Ok(String::new())
}

/// Does what `lead_in` does, step by step, as far as all take part in it.
fn follow_in<E: Element>(run: RunFile, arguments: &FitArguments, team: &Team) -> Result<(), CliError> {
    let Some(ranks) = team.ranks() else { return Ok(()) };
    let parts = Parts::<E>::new(run, "the run file".as_ref(), team)?;
    team.agree(Ok(()))?;
    let folder = team.agree(RunFolder::of_rank_0(ranks.as_ref()).map_err(CliError::from))?;
    signals::listen_silently(&folder);
    let run = parts.run.clone();
    let checkpoints = folder.checkpoints().every(Duration::MAX);
    let control = checkpoints.control();
    let mut imnn = parts.builder(Key::new(run.seed), None, team).checkpoints(checkpoints).build()?;
    // It has been read; a process that is killed leaves nothing.
    let _ = folder.begin_anew();
    signals::are_for_training(control);
    team.agree(Ok(()))?;
    match imnn.fit_with(&run.fit, &mut Silent) {
        Ok(outcome) => {
            team.agree(Ok(()))?;
            gap(&imnn, &run, arguments, &outcome, team)?;
            Ok(())
        }
        Err(FitError::Suspended { iteration, .. }) => {
            Err(CliError::Suspended { iteration, out: folder.target().to_owned(), code: signals::exit_code() })
        }
        Err(source) => {
            if !imnn.history().is_empty() {
                measure_best(&mut imnn);
            }
            Err(source.into())
        }
    }
}
