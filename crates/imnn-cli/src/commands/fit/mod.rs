//! `imnn fit`: trains what a run file describes and saves the run.

mod devices;
mod place;
mod report;
mod signals;

use std::ops::ControlFlow;
use std::path::Path;

use imnn::data::Source;
use imnn::device::Device;
use imnn::fit::{Bar, Estimate, FitError, Imnn, ImnnBuilder, Observer, On, Progress, Start, Stop, Suggestion, Weights};
use imnn::io::FileError;
use imnn::io::text::plural;
use imnn::models::{Element, Model, Network, Parameters};
use imnn::plot::{HistoryPlot, plot_history};
use imnn::sim::Key;

use self::place::Place;
use self::report::Report;
use super::saved::title;
use crate::output::say;
use crate::run_file::{AnySource, Kind, Precision, RunFile, Sources};
use crate::{CliError, FitArguments};

/// The weights that a run started from, beside its results.
const INITIAL: &str = "initial.safetensors";

/// The plot of a run.
const PLOT: &str = "plot.png";

pub(crate) fn fit(arguments: &FitArguments) -> Result<String, CliError> {
    let place = match Place::of(arguments) {
        Ok(place) => place,
        // There is nothing left to do: that was all that was missing.
        Err(CliError::Fit(error)) if matches!(*error, FitError::Placed { .. }) => return Ok(format!("{error}\n")),
        Err(error) => return Err(error),
    };
    match place.run.network.precision {
        Precision::F32 => fit_in::<f32>(place, arguments),
        Precision::F64 => fit_in::<f64>(place, arguments),
    }
}

fn fit_in<E: Element>(place: Place, arguments: &FitArguments) -> Result<String, CliError> {
    let shows = !arguments.quiet && !arguments.json;
    let mut run = place.run.clone();
    let of_file = || place.file.display();
    let gpus = devices::gpus::<E>(&run.device, &place.file)?;
    let Sources { training, validation, streamed, left } = run.sources::<E>()?;
    let (device, runs_on) = devices::device(gpus, &run.device, left).map_err(FitError::from)?;
    let suggestion = suggestion(&run, training.as_ref(), device.as_ref()).map_err(CliError::at(of_file()))?;
    if let Some(suggestion) = &suggestion {
        run.network.layers = Some(suggestion.network.clone());
    }
    let network = run.network.layers.clone().unwrap_or_default();
    let initial = initial(&run, &network, training.input_shape(), &place.file)?;
    if let Kind::Simulator { .. } = run.simulations.kind {
        run.simulations.n_s = Some(training.n_s());
        run.simulations.n_d = Some(training.n_d());
    }
    // With paths that are the same from anywhere.
    let mut resolved =
        run.clone().resolve(std::env::current_dir().map_err(FileError::of("find", "the current folder"))?);
    resolved.network.initial = initial.is_some().then(|| INITIAL.into());
    place.settle(&resolved, arguments.force)?;
    if let Some(weights) = &initial {
        // The run is to stand alone, and the weights may be those of the very folder that it replaces.
        weights.save(place.folder.path().join(INITIAL)).map_err(FitError::from)?;
    }

    let header = header(&run, &training, validation.as_ref(), !streamed.is_empty());
    let start = initial.map_or(Start::Key, Start::Parameters);
    let checkpoints = run.checkpoints.of(&place.folder);
    let control = checkpoints.control();
    let builder = builder(&run, network.clone(), training, validation, device, Key::new(run.seed), start);
    let mut imnn = builder.checkpoints(checkpoints).build().map_err(CliError::at(of_file()))?;
    signals::are_for_training(control);
    if shows {
        let weights = imnn.model().layout().len();
        say(&format!("{header}; {weights} weights in {}, {runs_on}; Ctrl-C ends training and saves the run", E::NAME));
        if let Some(suggestion) = &suggestion {
            say(&format!("network: {suggestion}"));
        }
        imnn.note().into_iter().for_each(say);
        imnn.warnings().map_err(CliError::at(of_file()))?.iter().for_each(|warning| say(warning));
        if let Some(iterations) = imnn.goes_on_from() {
            say(&format!("going on after {}", plural(iterations, "iteration")));
        }
    }
    let read = || streamed.iter().map(|source| source.bytes_read()).sum::<u64>();
    let before = read();
    let mut shown: Box<dyn Observer> = if shows { Box::new(Bar::new()) } else { Box::new(Quiet) };
    let trained = imnn.fit_with(&run.fit, shown.as_mut());
    // The last state is shown before the results.
    drop(shown);
    let read_bytes = if streamed.is_empty() { None } else { Some(read() - before) };
    match trained {
        Ok(outcome) => {
            let out = place.out.clone();
            save(&imnn, place, arguments)?;
            let missing = if arguments.gap && outcome.stop != Stop::Observer {
                Some(gap(&imnn, &run, network, &out, shows).map_err(CliError::at("--gap"))?)
            } else {
                None
            };
            let (out, expected) = (&out, arguments.expected);
            let report = Report { imnn: &imnn, run: &run, outcome, out, expected, read_bytes, missing };
            Ok(if arguments.json { report.json() } else { report.text() })
        }
        Err(FitError::Suspended { iteration, lost: None }) => {
            Err(CliError::Suspended { iteration, out: place.out, code: signals::exit_code() })
        }
        Err(source @ FitError::Suspended { .. }) => Err(source.into()),
        Err(source) if imnn.history().is_empty() => {
            // There is nothing to go on with.
            place.folder.begin_anew()?;
            Err(CliError::at(of_file())(source))
        }
        Err(source) => Err(rescue(imnn, place, arguments, source)),
    }
}

/// Shows no progress, but says what there is to say.
struct Quiet;

impl Observer for Quiet {
    fn iteration(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn notice(&mut self, text: &str) {
        say(text);
    }
}

/// The network that fits the data, where the run file names none.
fn suggestion<E: Element>(
    run: &RunFile,
    training: &dyn Source<E>,
    device: &dyn Device<E>,
) -> Result<Option<Suggestion>, FitError> {
    if run.network.layers.is_some() {
        return Ok(None);
    }
    let n_summaries = run.network.n_summaries.unwrap_or(run.theta_fid.len());
    Suggestion::new(training, n_summaries, device, Key::new(run.seed)).map(Some)
}

/// Puts an IMNN together as the run file says.
fn builder<E: Element>(
    run: &RunFile,
    network: Network,
    training: AnySource<E>,
    validation: Option<AnySource<E>>,
    device: Box<dyn Device<E>>,
    key: Key,
    start: Start<E>,
) -> ImnnBuilder<E> {
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
    builder
}

/// Trains a second network from other weights, and says how much both lack at least.
fn gap<E: Element>(
    imnn: &Imnn<E>,
    run: &RunFile,
    network: Network,
    out: &Path,
    shows: bool,
) -> Result<Estimate, FitError> {
    if shows {
        say(&format!("the run is saved in {}; training a second network beside it", out.display()));
    }
    let Sources { training, validation, left, .. } = run.sources::<E>()?;
    let gpus = devices::gpus_of::<E>(&run.device)?;
    let (device, _) = devices::device(gpus, &run.device, left)?;
    // Of the key that the first was made from, so that the same run file gives the same gap.
    let key = Key::new(run.seed).fold_in(u64::from_le_bytes(*b"second  "));
    let mut second = builder(run, network, training, validation, device, key, Start::Key).build()?;
    second.fit_with(&run.fit, &mut |_: &Progress| {
        if signals::ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    imnn.missing_at_least(&second)
}

/// Saves what there is of a run that could not go on; the error says why and where it is.
fn rescue<E: Element>(mut imnn: Imnn<E>, place: Place, arguments: &FitArguments, source: FitError) -> CliError {
    // Statistics of the best weights make the run one for estimates; without them it is still worth keeping.
    let validates = imnn.history().validation.is_some();
    let on = if validates { On::Validation } else { On::Training };
    let goes_on = imnn.can_go_on();
    let usable = imnn.set_statistics(Weights::Best, on).is_ok();
    let out = place.out.clone();
    match save(&imnn, place, arguments) {
        Ok(()) => CliError::Stopped { source: source.into(), out, usable, goes_on },
        Err(lost) => CliError::Lost { source: source.into(), lost: lost.into() },
    }
}

/// Puts the run in its place, and then its plot, without which it is as good.
fn save<E: Element>(imnn: &Imnn<E>, place: Place, arguments: &FitArguments) -> Result<(), CliError> {
    let Place { folder, out, .. } = place;
    let target = folder.target().to_owned();
    match imnn.save_into(&folder).and_then(|()| folder.finish()) {
        Ok(()) => {}
        // The folder is gone, or another's by now: what was trained is saved beside it.
        Err(error) if !["unfinished", "finishing"].iter().any(|name| target.join(name).exists()) => {
            let saved = imnn
                .save(&out)
                .map_or_else(|error| error.to_string(), |()| format!("the run was saved in {}", out.display()));
            signals::end_the_program();
            return Err(CliError::Refused(format!("{error}; {saved}")));
        }
        Err(error) => return Err(CliError::Unplaced { source: error.into(), out }),
    }
    signals::end_the_program();
    // Without iterations there is nothing to draw.
    if !imnn.history().is_empty() {
        let title = Some(title(&out, imnn.names()));
        let plot = HistoryPlot { expected_det_f: arguments.expected, title, ..HistoryPlot::default() };
        if let Err(error) = plot_history(imnn.history(), &plot, out.join(PLOT)) {
            say(&format!("the run is saved, but not its plot: {error}; `imnn plot {}` draws it", out.display()));
        }
    }
    Ok(())
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
