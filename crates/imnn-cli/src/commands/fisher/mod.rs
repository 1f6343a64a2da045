//! `imnn fisher`: statistics, loss and gradients from summaries made elsewhere.

mod machine;
mod people;

use imnn::data::{ArrayPath, arrays};
use imnn::stats::{Added, Evaluation, FisherEstimate, Loss, numerical_derivative};
use ndarray::{Array, Array1, Array2, Array3, ArrayViewD, Axis, Dimension};

use super::data::InvalidChoice;
use crate::output::terminal_width;
use crate::{CliError, FisherArguments};

/// All that was found.
struct Found {
    evaluation: Evaluation,
    estimate: FisherEstimate,
    alpha: f64,
    /// The simulations that were left out, where that was asked for.
    left_out: Option<[Vec<usize>; 2]>,
    /// What the summaries add to others that were given.
    added: Option<Added>,
}

pub(crate) fn fisher(arguments: &FisherArguments) -> Result<String, CliError> {
    let x = read(&arguments.summaries, "n_s, n_summaries", "a single summary is saved as x[:, None]")?;
    let Derivatives { dx, delta_theta, files } = read_derivatives(arguments)?;
    let (x, dx, left_out) = match arguments.invalid {
        InvalidChoice::Refuse => (x, dx, None),
        InvalidChoice::Drop => without_failed(&x, &dx),
    };
    let place = format!("{}, {files}", arguments.summaries);
    let (lambda, epsilon) = (arguments.lambda, arguments.epsilon);
    let loss = Loss::new(lambda, epsilon).map_err(CliError::at(format!("--lambda {lambda} --epsilon {epsilon}")))?;
    let evaluation = loss.evaluate(x.view(), dx.view()).map_err(CliError::at(&place))?;

    let estimate = FisherEstimate::new(x.view(), dx.view()).map_err(CliError::at(&place))?;
    let added = added(arguments, &x, &dx)?;
    let n_d = dx.dim().0;
    if let Some(path) = &arguments.gradients {
        let per_simulation = match &delta_theta {
            None => evaluation.dloss_ddx.clone().into_dyn(),
            Some(widths) => evaluation.dloss_dx_mp(widths.view()).map_err(CliError::at(&place))?.into_dyn(),
        };
        let name = if delta_theta.is_none() { "dloss_ddx" } else { "dloss_dx_mp" };
        let shape: Vec<usize> = std::iter::once(n_d).chain(per_simulation.shape().iter().copied()).collect();
        // The gradient is the same for every simulation; adding a first axis cannot fail.
        let all: ArrayViewD<'_, f64> = per_simulation.broadcast(shape).unwrap_or_else(|| per_simulation.view());
        let dloss_dx = evaluation.dloss_dx.view().into_dyn();
        arrays::write_npz(path, &[("dloss_dx", dloss_dx.into()), (name, all.into())])?;
    }
    let [_, alpha, _] = loss.penalty().numbers();
    let found = Found { evaluation, estimate, alpha, left_out, added };
    Ok(if arguments.json { machine::json(&found) } else { people::text(&found, terminal_width()) })
}

/// What the summaries add to those of `--given`.
fn added(arguments: &FisherArguments, x: &Array2<f64>, dx: &Array3<f64>) -> Result<Option<Added>, CliError> {
    // The command line asks for both.
    let (Some(given), Some(derivatives)) = (&arguments.given, &arguments.given_derivatives) else { return Ok(None) };
    if arguments.invalid == InvalidChoice::Drop {
        let message = "--given: rows of all four arrays belong together; take what failed away in all of them, and leave --invalid out";
        return Err(CliError::Refused(message.to_owned()));
    }
    let t = read(given, "n_s, n_given", "a single summary is saved as t[:, None]")?;
    let dt = match &arguments.delta_theta {
        None => read(derivatives, "n_d, n_given, n_params", "simulations come first and parameters last")?,
        Some(widths) => {
            let t_mp = read(derivatives, "n_d, 2, n_params, n_given", "as --below-above")?;
            let delta_theta = read_widths(widths)?;
            numerical_derivative(t_mp.view(), delta_theta.view()).map_err(CliError::at(derivatives))?
        }
    };
    let place = format!("{given}, {derivatives} beside {}", arguments.summaries);
    Added::new([t.view(), x.view()], [dt.view(), dx.view()]).map(Some).map_err(CliError::at(place))
}

/// Widths as numbers with commas between them, or the path of an array.
fn read_widths(widths: &str) -> Result<Array1<f64>, CliError> {
    let numbers: Result<Vec<f64>, _> = widths.split(',').map(|number| number.trim().parse()).collect();
    Ok(Array1::from(match numbers {
        Ok(numbers) => numbers,
        Err(_) => arrays::read_vector::<f64>(&ArrayPath::from(widths))?,
    }))
}

/// Summaries, derivatives, and the rows of each that were left out.
type Left = (Array2<f64>, Array3<f64>, Option<[Vec<usize>; 2]>);

/// Without what is not finite: a simulation with its derivatives, and derivatives without their simulation, which then is
/// behind those with derivatives.
fn without_failed(x: &Array2<f64>, dx: &Array3<f64>) -> Left {
    let finite = |row: usize| x.row(row).iter().all(|value| value.is_finite());
    let whole =
        |row: &usize| *row < x.nrows() && finite(*row) && dx.index_axis(Axis(0), *row).iter().all(|v| v.is_finite());
    let (with, incomplete): (Vec<usize>, Vec<usize>) = (0..dx.dim().0).partition(whole);
    let (without, failed): (Vec<usize>, Vec<usize>) =
        (0..x.nrows()).filter(|row| with.binary_search(row).is_err()).partition(|&row| finite(row));
    let rows = [&with[..], &without].concat();
    (x.select(Axis(0), &rows), dx.select(Axis(0), &with), Some([failed, incomplete]))
}

/// Derivatives of the summaries, as they were given.
struct Derivatives {
    dx: Array3<f64>,
    /// The widths they were formed with, if they are numerical.
    delta_theta: Option<Array1<f64>>,
    /// Their files, for messages.
    files: String,
}

fn read_derivatives(arguments: &FisherArguments) -> Result<Derivatives, CliError> {
    if let Some(path) = &arguments.derivatives {
        let axes = "n_d, n_summaries, n_params";
        let dx = read(path, axes, "simulations come first and parameters last, also where there is only one")?;
        return Ok(Derivatives { dx, delta_theta: None, files: path.to_string() });
    }
    // The command line asks for one or the other, and for both of these together.
    let (Some(path), Some(widths)) = (&arguments.below_above, &arguments.delta_theta) else {
        let message = "no derivatives: give --derivatives, or --below-above with --delta-theta";
        return Err(CliError::Refused(message.to_owned()));
    };
    let axes = "n_d, 2, n_params, n_summaries";
    let x_mp = read(path, axes, "index 0 of the second axis is below the fiducial, index 1 above")?;
    let delta_theta = read_widths(widths)?;
    let files = format!("{path}, --delta-theta {widths}");
    let dx = numerical_derivative(x_mp.view(), delta_theta.view()).map_err(CliError::at(&files))?;
    Ok(Derivatives { dx, delta_theta: Some(delta_theta), files })
}

fn read<D: Dimension>(path: &ArrayPath, axes: &str, advice: &str) -> Result<Array<f64, D>, CliError> {
    let array = arrays::read::<f64>(path)?;
    let found = array.shape().to_vec();
    let n_axes = axes.split(", ").count();
    array
        .into_dimensionality()
        .map_err(|_| CliError::Refused(format!("{path} has shape {found:?}, expected {n_axes} axes, {axes}: {advice}")))
}
