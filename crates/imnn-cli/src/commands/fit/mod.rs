//! `imnn fit`: trains what a run file describes and saves the run.

mod folder;
mod interrupt;
mod report;
mod watch;

use std::path::Path;

use imnn::device::{self, Aggregator, Cpu, Cuda, DeviceError};
use imnn::fit::{FitError, Imnn, On, Start, Weights};
use imnn::models::{Element, Model, Parameters};
use imnn::plot::{HistoryPlot, plot_history};
use imnn::sim::Key;

use self::folder::OutputFolder;
use self::report::Report;
use self::watch::Watch;
use super::saved::title;
use crate::run_file::{AnySource, Device, DeviceKind, Precision, RunFile, Sources};
use crate::{CliError, FitArguments};

/// The weights that a run started from, beside its results.
const INITIAL: &str = "initial.safetensors";

pub(crate) fn fit(arguments: &FitArguments) -> Result<String, CliError> {
    let run = RunFile::read(&arguments.run)?;
    match run.network.precision {
        Precision::F32 => fit_in::<f32>(run, arguments),
        Precision::F64 => fit_in::<f64>(run, arguments),
    }
}

fn fit_in<E: Element>(run: RunFile, arguments: &FitArguments) -> Result<String, CliError> {
    check_device::<E>(&run.device, &arguments.run)?;
    // A place that cannot be written is to be found out before hours of training, not after.
    let folder = OutputFolder::create(&arguments.out, arguments.force)?;
    let Sources { training, validation, streamed, left } = run.sources::<E>()?;
    let (device, runs_on) = self::device::<E>(&run.device, left)?;
    let initial = initial(&run, training.input_shape(), &arguments.run)?;
    let header = header(&run, &training, validation.as_ref(), !streamed.is_empty());

    let mut builder = Imnn::<E>::builder(run.network.layers.clone())
        .training(training)
        .theta_fid(run.theta_fid.clone())
        .names(run.parameters.clone())
        .optimiser(run.optimiser.clone())
        .device(device)
        .key(Key::new(run.seed));
    if let Some(validation) = validation {
        builder = builder.validation(validation);
    }
    if let Some(n_summaries) = run.network.n_summaries {
        builder = builder.n_summaries(n_summaries);
    }
    if let Some(weights) = &initial {
        builder = builder.start(Start::Parameters(weights.clone()));
    }
    let of_run = |source: FitError| CliError::Run { path: arguments.run.clone(), source: source.into() };
    let mut imnn = builder.build().map_err(of_run)?;

    let mut resolved = absolute(run.clone())?;
    if let Some(weights) = initial {
        // The run is to stand alone, and the weights may be those of the very folder that it replaces.
        weights.save(folder.path().join(INITIAL)).map_err(FitError::from)?;
        resolved.network.initial = Some(INITIAL.into());
    }
    let text = resolved.to_toml().map_err(|error| CliError::Resolved { reason: error.to_string() })?;
    folder.write("run.toml", &text)?;

    let shows = !arguments.quiet && !arguments.json;
    folder.begin_training();
    if shows {
        let weights = imnn.model().layout().len();
        eprintln!("{header}; {weights} weights in {}, {runs_on}; Ctrl-C ends training and saves the run", E::NAME);
        if let Some(note) = imnn.note() {
            eprintln!("{note}");
        }
    }
    let read = || streamed.iter().map(|source| source.bytes_read()).sum::<u64>();
    let before = read();
    let trained = imnn.fit_with(&run.fit, &mut Watch::new(shows));
    let read_bytes = if streamed.is_empty() { None } else { Some(read() - before) };
    match trained {
        Ok(outcome) => {
            save(&imnn, folder, arguments)?;
            let (out, expected) = (&arguments.out, arguments.expected);
            let report = Report { imnn: &imnn, run: &run, outcome, out, expected, read_bytes };
            Ok(if arguments.json { report.json() } else { report.text() })
        }
        Err(source) if imnn.history().is_empty() => Err(of_run(source)),
        Err(source) => Err(rescue(imnn, folder, arguments, source)),
    }
}

/// Saves what there is of a run that could not go on; the error says why and where it is.
fn rescue<E: Element>(mut imnn: Imnn<E>, folder: OutputFolder, arguments: &FitArguments, source: FitError) -> CliError {
    // Statistics of the best weights make the run one for estimates; without them it is still worth keeping.
    let validates = imnn.history().validation.is_some();
    let on = if validates { On::Validation } else { On::Training };
    let usable = imnn.set_statistics(Weights::Best, on).is_ok();
    match save(&imnn, folder, arguments) {
        Ok(()) => CliError::Stopped { source: source.into(), out: arguments.out.clone(), usable },
        Err(lost) => CliError::Lost { source: source.into(), lost: lost.into() },
    }
}

fn save<E: Element>(imnn: &Imnn<E>, folder: OutputFolder, arguments: &FitArguments) -> Result<(), CliError> {
    imnn.save_into(folder.run())?;
    let plot = HistoryPlot {
        expected_det_f: arguments.expected,
        title: Some(title(&arguments.out, imnn.names())),
        ..HistoryPlot::default()
    };
    plot_history(imnn.history(), &plot, folder.path().join("plot.png"))?;
    folder.finish()
}

/// Refuses a device that this program or this machine cannot use.
fn check_device<E: Element>(device: &Device, path: &Path) -> Result<(), CliError> {
    if device.kind == DeviceKind::Cuda {
        cuda::<E>(device).map_err(|source| CliError::Gpu { path: path.to_owned(), source: source.into() })?;
    }
    Ok(())
}

/// The GPUs of the run.
fn cuda<E: Element>(device: &Device) -> Result<Cuda<E>, DeviceError> {
    let mut cuda = Cuda::several(device.devices.as_deref().unwrap_or(&[0]))?.with_tf32(device.tf32);
    if let Some(n_per_device) = device.n_per_device {
        cuda = cuda.with_n_per_device(n_per_device)?;
    }
    if let Some(memory) = device.memory {
        cuda = cuda.with_memory(usize::try_from(memory).unwrap_or(usize::MAX));
    }
    Ok(cuda)
}

/// The device of the run, which keeps what the sources leave of the memory allowed; and what it is, for people.
fn device<E: Element>(device: &Device, memory: u64) -> Result<(Box<dyn device::Device<E>>, String), CliError> {
    if device.kind == DeviceKind::Cuda {
        let cuda = cuda::<E>(device).map_err(FitError::from)?;
        let name = format!("on GPU {}", cuda.devices().iter().map(usize::to_string).collect::<Vec<_>>().join(", "));
        return Ok((Box::new(cuda), name));
    }
    let cpu = match device.threads {
        Some(threads) => Cpu::new(threads),
        None => Cpu::all(),
    };
    let cpu = cpu.map_err(FitError::from)?.with_memory(usize::try_from(memory).unwrap_or(usize::MAX));
    let one = Aggregator::new([cpu]).map_err(FitError::from)?;
    let one = match device.n_per_device {
        Some(n_per_device) => one.with_n_per_device(n_per_device).map_err(FitError::from)?,
        None => one,
    };
    let threads = one.workers();
    let name = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    Ok((Box::new(one), name))
}

/// The weights that the run file gives to start from.
fn initial<E: Element>(run: &RunFile, input: &[usize], path: &Path) -> Result<Option<Parameters<E>>, CliError> {
    let Some(file) = &run.network.initial else { return Ok(None) };
    let model = Model::new(run.network.layers.clone(), input)
        .map_err(|source| CliError::Run { path: path.to_owned(), source: FitError::from(source).into() })?;
    let weights = Parameters::load(file, model.layout());
    weights.map(Some).map_err(|source| CliError::Initial { path: path.to_owned(), source })
}

/// The run with paths that are the same from anywhere.
fn absolute(run: RunFile) -> Result<RunFile, CliError> {
    let here = std::env::current_dir().map_err(|error| CliError::Resolved { reason: error.to_string() })?;
    Ok(run.resolve(here))
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
