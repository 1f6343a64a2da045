//! `imnn fisher`: statistics, loss and gradients from summaries made elsewhere.

use imnn::data::{ArrayPath, arrays};
use imnn::stats::{Evaluation, Loss, Record, hartlap_factor, numerical_derivative};
use ndarray::{Array, Array1, Array3, ArrayViewD, Dimension};
use serde_json::json;

use crate::output::{self, Table, matrix, number};
use crate::{CliError, FisherArguments};

pub(crate) fn fisher(arguments: &FisherArguments) -> Result<String, CliError> {
    let x = read(&arguments.summaries, "n_s, n_summaries", "a single summary is saved as x[:, None]")?;
    let Derivatives { dx, delta_theta, files } = read_derivatives(arguments)?;
    let place = format!("{}, {files}", arguments.summaries);
    let (lambda, epsilon) = (arguments.lambda, arguments.epsilon);
    let loss = Loss::new(lambda, epsilon).map_err(CliError::at(format!("--lambda {lambda} --epsilon {epsilon}")))?;
    let evaluation = loss.evaluate(x.view(), dx.view()).map_err(CliError::at(&place))?;

    let (n_s, n_d) = (x.nrows(), dx.dim().0);
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
    Ok(if arguments.json { as_json(&evaluation, alpha, (n_s, n_d)) } else { as_tables(&evaluation, alpha, (n_s, n_d)) })
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
    let numbers: Result<Vec<f64>, _> = widths.split(',').map(|number| number.trim().parse()).collect();
    let (delta_theta, given) = match numbers {
        Ok(numbers) => {
            let given = format!("--delta-theta {numbers:?}");
            (Array1::from(numbers), given)
        }
        Err(_) => (Array1::from(arrays::read_vector::<f64>(&ArrayPath::from(widths.as_str()))?), widths.clone()),
    };
    let files = format!("{path}, {given}");
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

fn as_json(evaluation: &Evaluation, alpha: f64, (n_s, n_d): (usize, usize)) -> String {
    let s = &evaluation.statistics;
    let mut json = json!({
        "n_s": n_s,
        "n_d": n_d,
        "n_summaries": s.n_summaries(),
        "n_params": s.n_params(),
        "F": output::array(&s.f),
        "invF": output::array(&s.inv_f),
        "C": output::array(&s.c),
        "invC": output::array(&s.inv_c),
        "mu": output::array(&s.mu),
        "dmu_dtheta": output::array(&s.dmu_dtheta),
        "alpha": alpha,
        "loss": evaluation.value,
        "lndetF": s.log_det_f,
        "errors": output::array(&s.errors()),
        "hartlap": hartlap_factor(n_s, s.n_summaries()).ok(),
    });
    for (name, value) in Record::NAMES.iter().zip(evaluation.record.to_array()) {
        json[*name] = json!(value);
    }
    output::json_line(&json)
}

/// What F is worth with so many simulations: the inverse of their covariance is too large on average.
fn finite_samples(n_s: usize, n_summaries: usize) -> String {
    match hartlap_factor(n_s, n_summaries) {
        Ok(factor) => format!(
            "F is too large on average, as the inverse of a covariance of {n_s} simulations is: {} F has no such bias\n\
             (Hartlap et al. 2007), and its errors are those below times {}.\n\n",
            number(factor),
            number(factor.sqrt().recip())
        ),
        Err(_) => format!(
            "F is worth nothing: the inverse of a covariance of {n_summaries} summaries has no mean with {n_s} simulations;\n\
             take {} simulations at least, and ten times as many to trust F.\n\n",
            n_summaries + 3
        ),
    }
}

fn as_tables(evaluation: &Evaluation, alpha: f64, (n_s, n_d): (usize, usize)) -> String {
    let s = &evaluation.statistics;
    let scalars = [("det F", s.det_f), ("ln det F", s.log_det_f), ("loss", evaluation.value), ("alpha", alpha)];
    // The rest has the names of history.npz; det F, its first, is above.
    let recorded = Record::NAMES.into_iter().zip(evaluation.record.to_array()).skip(1);
    let scalars = scalars
        .into_iter()
        .chain(recorded)
        .fold(Table::default(), |table, (name, value)| table.row([name.to_owned(), number(value)]));
    let row = |values: &Array1<f64>| values.clone().insert_axis(ndarray::Axis(0));
    let mut text = format!(
        "{n_s} simulations, {n_d} with derivatives; {} summaries, {} parameters\n\n{scalars}\n",
        s.n_summaries(),
        s.n_params()
    );
    text.push_str(&finite_samples(n_s, s.n_summaries()));
    for (title, values) in [
        ("F: Fisher information (parameters x parameters)", s.f.view()),
        ("F^-1: covariance of the estimates", s.inv_f.view()),
        ("standard errors: sqrt diag F^-1", row(&s.errors()).view()),
        ("C: covariance of the summaries", s.c.view()),
        ("C^-1", s.inv_c.view()),
        ("mu: mean of the summaries", row(&s.mu).view()),
        ("dmu/dtheta (summaries x parameters)", s.dmu_dtheta.view()),
    ] {
        text.push_str(&matrix(title, values));
        text.push('\n');
    }
    if alpha < 0.0 {
        text.push_str(
            "note: alpha is negative, so that r falls to 0 far from C = I and does not hold the covariance there;\n      \
             choose lambda and epsilon with epsilon (lambda - 1) + epsilon^2 / (1 + epsilon) < 1\n\n",
        );
    }
    text.pop();
    text
}
