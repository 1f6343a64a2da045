//! `imnn init`: a run file for the arrays that there are.

use std::path::{Path, PathBuf};

use imnn::data::sets::Proposal;
use imnn::data::{ArrayPath, DerivativeFiles, Looks, looks};
use imnn::device::Cpu;
use imnn::fit::{FitError, Suggestion};
use imnn::io::FileError;
use imnn::io::text::tuple;
use imnn::sim::Key;

use super::data::inspect::run_lines::{self, Known};
use super::data::inspect::sets_in;
use super::target;
use crate::run_file::{RunFile, SimulateFile, Sources};
use crate::{CliError, InitArguments, Numbers};

/// With fewer simulations than this none is kept apart: what is left of them would be too few to train on.
const FEWEST_TO_DIVIDE: usize = 50;

pub(super) fn init(arguments: &InitArguments) -> Result<String, CliError> {
    match &arguments.simulator {
        Some(command) => simulator(command, arguments),
        None => arrays(arguments),
    }
}

/// A run file for a set of arrays.
fn arrays(arguments: &InitArguments) -> Result<String, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| "run.toml".into());
    target::check(&out, arguments.force, &[])?;
    let mut sets = sets_in(&arguments.files)?;
    let n_sets = sets.len();
    if arguments.set == 0 || arguments.set > n_sets {
        let shown: Vec<_> = arguments.files.iter().map(ToString::to_string).collect();
        let shown = shown.join(" ");
        return Err(CliError::Refused(match n_sets {
            0 => format!(
                "{shown}: no simulations with others below and above, or with derivatives, are known by their names and shapes; \
                 `imnn data inspect {shown}` lists what there is, and `imnn fit --help` how it is named in a run file"
            ),
            _ => format!("--set {}: there are {n_sets} sets; `imnn data inspect {shown}` lists them", arguments.set),
        }));
    }
    let mut set = sets.swap_remove(arguments.set - 1);
    name(&mut set, &arguments.parameters)?;
    let n_params = set.parameters.len();
    let theta_fid = counted("--theta-fid", arguments.theta_fid.as_ref(), n_params)?;
    let delta_theta = counted("--delta-theta", arguments.delta_theta.as_ref(), n_params)?;
    let complete = theta_fid.is_some() && (set.exact || delta_theta.is_some());
    let (lines, mut chosen) = chosen(&set)?;
    resolve(&mut set, &out)?;
    let body = run_lines::with(&set, &Known { theta_fid, delta_theta, lines });
    let mut text = format!(
        "# Written by `imnn init`; change what you like. Train with: imnn fit {}\n{}\n{body}{NETWORK}",
        with_out(&out),
        chosen.iter().map(|why| format!("# - {why}\n")).collect::<String>(),
    );
    if complete {
        // What is written is read.
        let network = network(&RunFile::parse(&text, &out)?)?;
        text.push_str(&format!("#\n# Of these simulations it is\n# [network]\n# layers = [{network}]\n"));
        chosen.push(format!("network: {network}"));
    }
    text.push_str(FIT);
    imnn::io::atomic::write(&out, &text)?;
    let also = if n_sets > 1 { format!("{} other sets: --set 1 to {n_sets}\n", n_sets - 1) } else { String::new() };
    let rest =
        if complete { "" } else { "fill in theta_fid and the widths there, or give --theta-fid and --delta-theta\n" };
    Ok(format!(
        "{}: {} simulations of shape {}, {} of them with derivatives with respect to {}\n{}{also}{rest}then:\n  imnn fit {}\n  \
         imnn report RUN\n  imnn estimate RUN OBSERVATION.npy\n",
        out.display(),
        set.n_s,
        tuple(&set.input),
        set.n_d,
        set.parameters.join(", "),
        chosen.iter().map(|why| format!("- {why}\n")).collect::<String>(),
        with_out(&out),
    ))
}

const NETWORK: &str = "
# The network is chosen by looking at the simulations when training begins, and its last layer is set in closed form, with as
# many summaries as there are parameters. [network] says otherwise: `imnn fit --help` has all layers.
";

const FIT: &str = "
# Training goes on in rounds of Adam, each twice as long as the one before, until one gains less than the tolerance in ln det F of
# the simulations that were kept apart, or less than the error of its gain; there is no patience and no learning rate to be set.
# [fit]
# tolerance = 0.005
";

/// The network that fits the simulations of a run, in words of a run file.
fn network(run: &RunFile) -> Result<Suggestion, CliError> {
    let Sources { training, .. } = run.sources::<f32>()?;
    let device = Cpu::all().map_err(FitError::from)?;
    Ok(Suggestion::new(training.as_ref(), run.theta_fid.len(), &device, Key::new(run.seed))?)
}

fn with_out(run: &Path) -> String {
    format!("{} --out RUN", run.display())
}

/// Names for the parameters, as many as there are.
fn name(set: &mut Proposal, names: &[String]) -> Result<(), CliError> {
    let (given, needed) = (names.len(), set.parameters.len());
    if given > 0 && given != needed {
        let found = set.parameters.join(", ");
        return Err(CliError::Refused(format!("--parameters: {given} names for {needed} parameters ({found})")));
    }
    if given > 0 {
        set.parameters = names.to_vec();
    }
    Ok(())
}

fn counted(what: &str, numbers: Option<&Numbers>, n_params: usize) -> Result<Option<Vec<f64>>, CliError> {
    match numbers {
        Some(Numbers(numbers)) if numbers.len() != n_params => {
            Err(CliError::Refused(format!("{what}: {} numbers for {n_params} parameters", numbers.len())))
        }
        numbers => Ok(numbers.map(|Numbers(numbers)| numbers.clone())),
    }
}

/// What is to be written below `[simulations]`, and why.
fn chosen(set: &Proposal) -> Result<(String, Vec<String>), CliError> {
    let (mut lines, mut why) = (String::new(), vec![]);
    match (&set.validation, set.n_d) {
        (Some(_), _) => {}
        (None, n_d) if n_d < FEWEST_TO_DIVIDE => why.push(format!(
            "{n_d} simulations with derivatives are too few to keep some apart: F will be too large; make more, 1000 are usual"
        )),
        _ => {
            lines.push_str("validation = 0.2              # the last fifth decides when to stop, and F is measured on it\n");
            why.push("a fifth of the simulations is kept apart, on which F is measured (validation = 0.2)".to_owned());
        }
    }
    let Looks { stationary, isotropic } = looks(&set.fiducial)?;
    if stationary {
        let axes: Vec<String> = set.input.iter().map(usize::to_string).collect();
        lines.push_str(&format!(
            "input_shape = [{}, 1]        # with an axis of channels, for convolutions\n",
            axes.join(", ")
        ));
        let transpose = if isotropic { ", transpose = true" } else { "" };
        lines.push_str(&format!("augment = {{ shift = true, flip = true{transpose} }}\n"));
        why.push(format!(
            "they look the same at all places, across the border too: fields on a periodic grid, which may be shifted and \
             mirrored{}; take `augment` and `input_shape` away if they are not",
            if isotropic { ", and their axes exchanged" } else { "" }
        ));
    } else if set.input.len() > 1 {
        why.push(
            "they do not look the same at all places of a periodic grid: no symmetries were taken for granted"
                .to_owned(),
        );
    }
    Ok((lines, why))
}

/// Sees the paths from the folder that the run file is in.
fn resolve(set: &mut Proposal, out: &Path) -> Result<(), CliError> {
    let elsewhere = out.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && folder != Path::new("."));
    if !elsewhere {
        return Ok(());
    }
    let here = std::env::current_dir().map_err(FileError::of("find", PathBuf::from(".")))?;
    let resolve = |path: &mut ArrayPath| *path = path.resolve(&here);
    let of_set = |set: &mut Proposal| {
        resolve(&mut set.fiducial);
        match &mut set.derivative {
            DerivativeFiles::Array(path) => resolve(path),
            DerivativeFiles::Sides { below, above } => below.iter_mut().chain(above).for_each(resolve),
        }
    };
    of_set(set);
    if let Some(validation) = &mut set.validation {
        of_set(validation);
    }
    Ok(())
}

/// The file of `imnn simulate` for a program.
fn simulator(command: &str, arguments: &InitArguments) -> Result<String, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| "sims.toml".into());
    target::check(&out, arguments.force, &[])?;
    let (Some(Numbers(theta_fid)), Some(Numbers(delta_theta))) = (&arguments.theta_fid, &arguments.delta_theta) else {
        return Err(CliError::Refused("--simulator needs --theta-fid and --delta-theta".to_owned()));
    };
    let n_params = theta_fid.len();
    counted("--delta-theta", arguments.delta_theta.as_ref(), n_params)?;
    let mut names = arguments.parameters.clone();
    if names.is_empty() {
        names = (0..n_params).map(|a| format!("theta_{a}")).collect();
    }
    if names.len() != n_params {
        return Err(CliError::Refused(format!("--parameters: {} names for {n_params} parameters", names.len())));
    }
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    for (place, argument) in [("{seed}", "--seed={seed}"), ("{theta}", "--theta={theta}"), ("{out}", "--out={out}")] {
        if !command.contains(place) {
            words.push(argument.to_owned());
        }
    }
    let text = format!(
        "# Written by `imnn init`; change what you like. Simulate with: imnn simulate {0} --out SIMS, and then train with:\n\
         # imnn fit SIMS/run.toml --out RUN\n\ntheta_fid = {theta_fid:?}\nparameters = {names:?}\n\
         delta_theta = {delta_theta:?}   # theta_above - theta_below, the full widths\n\
         n_s = 1000                    # simulations at the fiducial\nn_d = 500                     # of them with others of the \
         same seed below and above\n# {{theta}} in a text is all numbers with commas between them; {{theta[0]}} or {{theta[{1}]}} is one of them\n\
         command = {words:?}\n",
        out.display(),
        names[0],
    );
    SimulateFile::parse(&text, &out)?;
    imnn::io::atomic::write(&out, &text)?;
    Ok(format!(
        "{}: the program is called as\n  {}\nwith a seed, the parameters with commas between them, and the .npy file that it has to \
         write; then:\n  imnn simulate {0} --out SIMS --dry-run\n  imnn simulate {0} --out SIMS\n  imnn fit SIMS/run.toml --out RUN\n",
        out.display(),
        words.join(" "),
    ))
}
