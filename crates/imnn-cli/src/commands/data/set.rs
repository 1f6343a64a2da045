//! The set of simulations that arguments name.

use imnn::data::{
    ArrayPath, DataError, DerivativeFiles, Files, FilesKind, Invalid, ParameterSteps, RowOptions, open_rows,
};

use super::arguments::{DerivativeKind, InvalidChoice, SetArguments};
use crate::CliError;
use crate::run_file::{Precision, RunFile};

/// Simulations to train on, and those for validation where there are any.
pub(super) struct Sets {
    pub(super) training: Files,
    pub(super) validation: Option<Files>,
    /// Whether the widths of the steps were given.
    pub(super) steps_known: bool,
    /// Whether values are used in single precision, as far as that is known.
    pub(super) single: bool,
}

/// Those of a run file, or of arrays on the command line.
pub(super) fn sets(arguments: &SetArguments) -> Result<Sets, CliError> {
    let Some(path) = &arguments.run else {
        // The command line asks for one or the other.
        let Some(fiducial) = &arguments.fiducial else {
            return Err(CliError::Refused("no simulations: give a run file, or --fiducial".to_owned()));
        };
        let derivative = match &arguments.derivative {
            Some(path) => DerivativeFiles::Array(path.clone()),
            None => DerivativeFiles::Sides { below: arguments.below.clone(), above: arguments.above.clone() },
        };
        let training = files(fiducial, derivative, arguments)?;
        let steps_known = arguments.delta_theta.is_some();
        return Ok(Sets { training, validation: None, steps_known, single: true });
    };
    let run = RunFile::read(path)?;
    let Some((mut training, mut validation)) = run.simulations.all_files() else {
        let reason = "the simulations are made by a simulator, there are no files to look at";
        return Err(CliError::Refused(format!("{}: {reason}", path.display())));
    };
    if let Some(choice) = arguments.invalid {
        training.invalid = invalid(choice);
        validation.iter_mut().for_each(|files| files.invalid = invalid(choice));
    }
    let single = run.network.precision == Precision::F32;
    Ok(Sets { training, validation, steps_known: true, single })
}

pub(super) fn invalid(choice: InvalidChoice) -> Invalid {
    match choice {
        InvalidChoice::Refuse => Invalid::Refuse,
        InvalidChoice::Drop => Invalid::drop(),
    }
}

/// Arrays on the command line.
pub(super) fn files(
    fiducial: &ArrayPath,
    derivative: DerivativeFiles,
    arguments: &SetArguments,
) -> Result<Files, CliError> {
    let kind = match (arguments.kind, &derivative) {
        (Some(kind), _) => kind,
        (None, DerivativeFiles::Sides { .. }) => DerivativeKind::Numerical,
        (None, DerivativeFiles::Array(path)) => kind_of(fiducial, path)?,
    };
    let kind = match kind {
        DerivativeKind::Exact => FilesKind::Exact,
        DerivativeKind::Numerical => {
            let widths = match &arguments.delta_theta {
                Some(widths) => widths.clone(),
                // Nothing that is looked at depends on the widths.
                None => vec![1.0; n_params(fiducial, &derivative)?],
            };
            FilesKind::Numerical(ParameterSteps::of_widths(widths).map_err(DataError::from)?)
        }
    };
    let invalid = arguments.invalid.map_or(Invalid::Refuse, invalid);
    Ok(Files { invalid, ..Files::of(fiducial.clone(), derivative, kind) })
}

/// What fits the shape of the derivative.
fn kind_of(fiducial: &ArrayPath, derivative: &ArrayPath) -> Result<DerivativeKind, CliError> {
    let (f, d) = (shape(fiducial)?, shape(derivative)?);
    let input = f.get(1..).unwrap_or_default();
    let exact = matches!(&d[..], [_, inner @ .., _] if inner == input);
    Ok(if exact { DerivativeKind::Exact } else { DerivativeKind::Numerical })
}

fn n_params(fiducial: &ArrayPath, derivative: &DerivativeFiles) -> Result<usize, CliError> {
    Ok(match derivative {
        // With an axis of the parameters, or the only one's.
        DerivativeFiles::Sides { below, .. } if below.len() == 1 => match (shape(&below[0])?, shape(fiducial)?) {
            (below, fiducial) if below.len() > fiducial.len() => below[1],
            _ => 1,
        },
        DerivativeFiles::Sides { below, .. } => below.len(),
        DerivativeFiles::Array(path) => shape(path)?.get(2).copied().unwrap_or(1),
    })
}

fn shape(path: &ArrayPath) -> Result<Vec<usize>, CliError> {
    let options = RowOptions { checksums: false, ..RowOptions::default() };
    Ok(open_rows::<f64>(path, &options)?.shape().to_vec())
}
