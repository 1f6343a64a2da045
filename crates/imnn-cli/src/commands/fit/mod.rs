//! `imnn fit`: trains what a run file describes and saves the run.

mod interrupt;
mod report;

use std::ops::ControlFlow;
use std::path::Path;

use imnn::device::{self, Aggregate, Aggregator, Cpu, Cuda, DeviceError};
use imnn::fit::{
    Bar, Estimate, FitError, Imnn, Observer, On, Progress, RunFolder, Silent, Start, Stop, Suggestion, Weights,
};
use imnn::io::text::plural;
use imnn::models::{Element, Model, Network, Parameters};
use imnn::plot::{HistoryPlot, plot_history};
use imnn::sim::Key;

use self::report::Report;
use super::saved::title;
use crate::run_file::{AnySource, Device, DeviceKind, Kind, Precision, RunFile, Sources};
use crate::{CliError, FitArguments};

/// The weights that a run started from, beside its results.
const INITIAL: &str = "initial.safetensors";

const NOT_RESOLVED: &str = "the run file cannot be written out with all its settings";

pub(crate) fn fit(arguments: &FitArguments) -> Result<String, CliError> {
    let run = RunFile::read(&arguments.run)?;
    match run.network.precision {
        Precision::F32 => fit_in::<f32>(run, arguments),
        Precision::F64 => fit_in::<f64>(run, arguments),
    }
}

fn fit_in<E: Element>(mut run: RunFile, arguments: &FitArguments) -> Result<String, CliError> {
    let gpus = gpus::<E>(&run.device, &arguments.run)?;
    // A place that cannot be written is to be found out before hours of training, not after.
    let folder = folder(arguments)?;
    let Sources { training, validation, streamed, left } = run.sources::<E>()?;
    let (device, runs_on) = self::device(gpus, &run.device, left).map_err(FitError::from)?;
    let suggestion = match run.network.layers {
        Some(_) => None,
        None => {
            let n_summaries = run.network.n_summaries.unwrap_or(run.theta_fid.len());
            let key = Key::new(run.seed);
            Some(
                Suggestion::new(training.as_ref(), n_summaries, device.as_ref(), key)
                    .map_err(CliError::at(arguments.run.display()))?,
            )
        }
    };
    if let Some(suggestion) = &suggestion {
        run.network.layers = Some(suggestion.network.clone());
    }
    let network = run.network.layers.clone().unwrap_or_default();
    let initial = initial(&run, &network, training.input_shape(), &arguments.run)?;
    if let Kind::Simulator { .. } = run.simulations.kind {
        run.simulations.n_s = Some(training.n_s());
        run.simulations.n_d = Some(training.n_d());
    }
    let header = header(&run, &training, validation.as_ref(), !streamed.is_empty());

    let start = initial.clone().map_or(Start::Key, Start::Parameters);
    let mut imnn = assemble(&run, network.clone(), training, validation, device, Key::new(run.seed), start)
        .map_err(CliError::at(arguments.run.display()))?;

    // With paths that are the same from anywhere.
    let mut resolved = run.clone().resolve(std::env::current_dir().map_err(CliError::at(NOT_RESOLVED))?);
    if let Some(weights) = initial {
        // The run is to stand alone, and the weights may be those of the very folder that it replaces.
        weights.save(folder.path().join(INITIAL)).map_err(FitError::from)?;
        resolved.network.initial = Some(INITIAL.into());
    }
    let text = resolved.to_toml().map_err(CliError::at(NOT_RESOLVED))?;
    imnn::io::atomic::write(folder.path().join("run.toml"), &text)?;

    let shows = !arguments.quiet && !arguments.json;
    interrupt::ends_training();
    if shows {
        let weights = imnn.model().layout().len();
        eprintln!("{header}; {weights} weights in {}, {runs_on}; Ctrl-C ends training and saves the run", E::NAME);
        if let Some(suggestion) = &suggestion {
            eprintln!("network: {suggestion}");
        }
        for said in [imnn.note(), imnn.warning().as_deref()].into_iter().flatten() {
            eprintln!("{said}");
        }
    }
    let read = || streamed.iter().map(|source| source.bytes_read()).sum::<u64>();
    let before = read();
    let mut shown: Box<dyn Observer> = if shows { Box::new(Bar::new()) } else { Box::new(Silent) };
    let trained = imnn.fit_with(&run.fit, &mut |progress: &Progress| {
        shown.iteration(progress)?;
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    // The last state is shown before the results.
    drop(shown);
    let read_bytes = if streamed.is_empty() { None } else { Some(read() - before) };
    match trained {
        Ok(outcome) => {
            save(&imnn, folder, arguments)?;
            let missing = if arguments.gap && outcome.stop != Stop::Observer {
                Some(gap(&imnn, &run, network, arguments).map_err(CliError::at("--gap"))?)
            } else {
                None
            };
            let (out, expected) = (&arguments.out, arguments.expected);
            let report = Report { imnn: &imnn, run: &run, outcome, out, expected, read_bytes, missing };
            Ok(if arguments.json { report.json() } else { report.text() })
        }
        Err(source) if imnn.history().is_empty() => Err(CliError::at(arguments.run.display())(source)),
        Err(source) => Err(rescue(imnn, folder, arguments, source)),
    }
}

/// Puts an IMNN together as the run file says.
fn assemble<E: Element>(
    run: &RunFile,
    network: Network,
    training: AnySource<E>,
    validation: Option<AnySource<E>>,
    device: Box<dyn device::Device<E>>,
    key: Key,
    start: Start<E>,
) -> Result<Imnn<E>, FitError> {
    let mut builder = Imnn::<E>::builder(network)
        .training(training)
        .theta_fid(run.theta_fid.clone())
        .names(run.parameters.clone())
        .device(device)
        .key(key)
        .start(start);
    if let Some(optimiser) = run.optimiser.clone() {
        builder = builder.optimiser(optimiser);
    }
    if let Some(validation) = validation {
        builder = builder.validation(validation);
    }
    if let Some(n_summaries) = run.network.n_summaries {
        builder = builder.n_summaries(n_summaries);
    }
    builder.build()
}

/// Trains a second network from other weights, and says how much both lack at least.
fn gap<E: Element>(
    imnn: &Imnn<E>,
    run: &RunFile,
    network: Network,
    arguments: &FitArguments,
) -> Result<Estimate, FitError> {
    if !arguments.quiet && !arguments.json {
        eprintln!("the run is saved in {}; training a second network beside it", arguments.out.display());
    }
    let Sources { training, validation, left, .. } = run.sources::<E>()?;
    let gpus = gpus_of::<E>(&run.device)?;
    let (device, _) = device(gpus, &run.device, left)?;
    // Of the key that the first was made from, so that the same run file gives the same gap.
    let key = Key::new(run.seed).fold_in(u64::from_le_bytes(*b"second  "));
    let mut second = assemble(run, network, training, validation, device, key, Start::Key)?;
    second.fit_with(&run.fit, &mut |_: &Progress| {
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    imnn.missing_at_least(&second)
}

/// Saves what there is of a run that could not go on; the error says why and where it is.
fn rescue<E: Element>(mut imnn: Imnn<E>, folder: RunFolder, arguments: &FitArguments, source: FitError) -> CliError {
    // Statistics of the best weights make the run one for estimates; without them it is still worth keeping.
    let validates = imnn.history().validation.is_some();
    let on = if validates { On::Validation } else { On::Training };
    let usable = imnn.set_statistics(Weights::Best, on).is_ok();
    match save(&imnn, folder, arguments) {
        Ok(()) => CliError::Stopped { source: source.into(), out: arguments.out.clone(), usable },
        Err(lost) => CliError::Lost { source: source.into(), lost: lost.into() },
    }
}

fn save<E: Element>(imnn: &Imnn<E>, folder: RunFolder, arguments: &FitArguments) -> Result<(), CliError> {
    imnn.save_into(&folder)?;
    let plot = HistoryPlot {
        expected_det_f: arguments.expected,
        title: Some(title(&arguments.out, imnn.names())),
        ..HistoryPlot::default()
    };
    // Without iterations there is nothing to draw.
    if !imnn.history().is_empty() {
        plot_history(imnn.history(), &plot, folder.path().join("plot.png"))?;
    }
    // Between the two renames there is nothing to be removed and much to be lost.
    interrupt::keep();
    Ok(folder.finish()?)
}

/// A place for the results, of which an interruption leaves nothing behind.
fn folder(FitArguments { out, force, .. }: &FitArguments) -> Result<RunFolder, CliError> {
    let folder = if *force { RunFolder::replacing(out) } else { RunFolder::create(out) };
    let folder = folder.map_err(|error| match error {
        FitError::Foreign { path, entry } => CliError::Refused(format!(
            "{}: will not replace this folder, there is \"{entry}\" in it, which `imnn fit` does not write; move that \
             away, or choose another folder",
            path.display()
        )),
        FitError::Occupied { path } => CliError::Refused(format!(
            "{} exists already and is not empty; choose another name, or replace the run in it (--force)",
            path.display()
        )),
        other => other.into(),
    })?;
    interrupt::remove_on_exit(folder.path());
    Ok(folder)
}

/// The GPUs of the run; an error if this program or this machine cannot use them.
fn gpus<E: Element>(device: &Device, path: &Path) -> Result<Vec<Cuda<E>>, CliError> {
    gpus_of(device).map_err(|error| {
        let path = path.display();
        CliError::Refused(format!("{path}: kind = \"cuda\" in [device]: {error}; or write kind = \"cpu\""))
    })
}

fn gpus_of<E: Element>(device: &Device) -> Result<Vec<Cuda<E>>, DeviceError> {
    let numbers: &[usize] = match device.kind {
        DeviceKind::Cuda => device.devices.as_deref().unwrap_or(&[0]),
        _ => &[],
    };
    numbers.iter().map(|&number| Cuda::new(number)).collect()
}

/// The device of the run; and what it is, for people. The CPU keeps what the sources leave of the memory allowed.
fn device<E: Element>(
    gpus: Vec<Cuda<E>>,
    device: &Device,
    left: u64,
) -> Result<(Box<dyn device::Device<E>>, String), DeviceError> {
    let bytes = |memory: u64| usize::try_from(memory).unwrap_or(usize::MAX);
    if gpus.is_empty() {
        let cpu = device.threads.map_or_else(Cpu::all, Cpu::new)?.with_memory(bytes(left));
        let name = plural(cpu.threads(), "thread");
        return Ok((together([cpu], device.n_per_device)?, name));
    }
    let numbers: Vec<String> = gpus.iter().map(|gpu| gpu.device().to_string()).collect();
    let set_up = |gpu: Cuda<E>| match device.memory {
        Some(memory) => gpu.with_tf32(device.tf32).with_memory(bytes(memory)),
        None => gpu.with_tf32(device.tf32),
    };
    let gpus = together(gpus.into_iter().map(set_up), device.n_per_device)?;
    Ok((gpus, format!("on GPU {}", numbers.join(", "))))
}

fn together<E: Element, D: Aggregate<E> + 'static>(
    devices: impl IntoIterator<Item = D>,
    n_per_device: Option<usize>,
) -> Result<Box<dyn device::Device<E>>, DeviceError> {
    let devices = Aggregator::new(devices)?;
    Ok(Box::new(match n_per_device {
        Some(n_per_device) => devices.with_n_per_device(n_per_device)?,
        None => devices,
    }))
}

/// The weights that the run file gives to start from.
fn initial<E: Element>(
    run: &RunFile,
    network: &Network,
    input: &[usize],
    path: &Path,
) -> Result<Option<Parameters<E>>, CliError> {
    let Some(file) = &run.network.initial else { return Ok(None) };
    let model = Model::new(network.clone(), input).map_err(CliError::at(path.display()))?;
    let weights = Parameters::load(file, model.layout());
    weights.map(Some).map_err(CliError::at(format!("network.initial of {}", path.display())))
}

/// What is trained on, for people.
fn header<E: Element>(
    run: &RunFile,
    training: &AnySource<E>,
    validation: Option<&AnySource<E>>,
    streamed: bool,
) -> String {
    let shape: Vec<_> = training.input_shape().iter().map(usize::to_string).collect();
    let counts = |source: &AnySource<E>| format!("{} simulations ({} with derivatives)", source.n_s(), source.n_d());
    let validation = validation.map_or_else(String::new, |source| format!(", validating on {}", counts(source)));
    format!(
        "training on {} of shape {}{} for {}{validation}{}",
        counts(training),
        shape.join(" x "),
        if run.simulations.noise.is_some() { " with noise" } else { "" },
        run.parameters.join(", "),
        if streamed { ", streamed from files" } else { "" }
    )
}
