//! `imnn data split`: a training and a validation set.

use imnn::data::{Files, FilesKind, Part, Parts, Share, Split, SplitFormat};
use imnn::sim::Key;
use serde_json::{Value, json};

use super::arguments::SplitArguments;
use super::set;
use crate::CliError;
use crate::commands::left_out;
use crate::output::json_line;

pub(super) fn split(arguments: &SplitArguments) -> Result<String, CliError> {
    let sets = set::sets(&arguments.set)?;
    let validation = match arguments.validation {
        share if share < 1.0 => Share::Fraction(share),
        // A whole number, as the command line has seen to.
        rows => Share::Rows(rows as usize),
    };
    let split = Split {
        key: (!arguments.no_shuffle).then(|| Key::new(arguments.seed)),
        format: if arguments.npz { SplitFormat::Npz } else { SplitFormat::Npy },
        replace: arguments.force,
        ..Split::new(validation)
    };
    let parts = split.write(&sets.training, &arguments.out)?;
    if arguments.json {
        let left_out = sets.training.invalid.left_out().map(|of| left_out::json(&of));
        return Ok(json_line(&json!({
            "train": as_json(&parts.training), "validation": as_json(&parts.validation), "left_out": left_out,
        })));
    }
    Ok(as_text(&parts, &sets.training, sets.steps_known))
}

fn as_json(part: &Part) -> Value {
    json!({
        "fiducial": part.fiducial, "derivative": part.derivative, "n_s": part.n_s, "n_d": part.n_d, "rows": part.rows,
    })
}

/// What was written, and the part of a run file that uses it.
fn as_text(parts: &Parts, files: &Files, steps_known: bool) -> String {
    let (training, validation) = (&parts.training, &parts.validation);
    let numbers = |part: &Part| format!("{} simulations, {} with derivatives", part.n_s, part.n_d);
    let left_out = files.invalid.left_out();
    let mut text: String = left_out
        .iter()
        .filter_map(|of| left_out::text("# left out", of, &[]))
        .map(|line| format!("{line}\n"))
        .collect();
    text.push_str(&format!("# training: {}; validation: {}\n[simulations]\n", numbers(training), numbers(validation)));
    let paths = |part: &Part| {
        let quoted = |path: &str| toml::Value::from(path).to_string();
        format!("fiducial = {}\nderivative = {}\n", quoted(&part.fiducial), quoted(&part.derivative))
    };
    match &files.kind {
        FilesKind::Exact => text.push_str(&format!("kind = \"exact\"\n{}", paths(training))),
        FilesKind::Numerical(steps) => {
            text.push_str(&format!("kind = \"numerical\"\n{}", paths(training)));
            text.push_str(&match steps {
                _ if !steps_known => "delta_theta = []   # theta_above - theta_below for each parameter\n".to_owned(),
                _ => match steps.theta() {
                    Some((below, above)) => format!("theta_below = {below:?}\ntheta_above = {above:?}\n"),
                    None => format!("delta_theta = {:?}\n", steps.widths()),
                },
            });
        }
    }
    if let Some(shape) = &files.input_shape {
        text.push_str(&format!("input_shape = {shape:?}\n"));
    }
    text.push_str(&format!("[simulations.validation]\n{}", paths(validation)));
    text
}
