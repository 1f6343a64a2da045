//! `imnn fit`: trains what a run file describes and saves the run.

mod cautions;
mod checks;
mod devices;
mod follow;
mod hints;
mod parts;
mod place;
mod refine;
mod report;
mod signals;
mod team;

use std::ops::ControlFlow;
use std::path::Path;

use imnn::data::LeftOut;
use imnn::fit::{Bar, Estimate, FitError, Imnn, Observer, On, Outcome, Progress, Start, Stop, Weights};
use imnn::io::text::plural;
use imnn::models::Element;
use imnn::plot::{HistoryPlot, plot_history};
use imnn::sim::Key;

use self::parts::Parts;
use self::place::Place;
use self::report::Report;
use self::team::Team;
use super::left_out;
use super::saved::{REPORT, notes, title};
use crate::output::say;
use crate::run_file::{Precision, RunFile};
use crate::{CliError, FitArguments};

/// The plot of a run.
const PLOT: &str = "plot.png";

pub(crate) fn fit(arguments: &FitArguments) -> Result<String, CliError> {
    let team = Team::find(arguments.rank_timeout)?;
    if let Some(target) = &arguments.refine {
        return refine::refine(target, arguments, &team);
    }
    if !team.leads() {
        return follow::follow(arguments, &team).map_err(|error| CliError::Said { code: error.exit_code() });
    }
    let trained = lead(arguments, &team);
    match trained {
        // While the others still wait for this process: their launcher ends what is left when one of them fails.
        Err(error) if team.ranks().is_some() => {
            say(&format!("error: {error}"));
            Err(CliError::Said { code: error.exit_code() })
        }
        trained => trained,
    }
}

/// Trains as the arguments say, together with all who follow.
fn lead(arguments: &FitArguments, team: &Team) -> Result<String, CliError> {
    let place = match Place::of(arguments) {
        // There is nothing left to do: that was all that was missing.
        Err(CliError::Fit(error)) if matches!(*error, FitError::Placed { .. }) => {
            team.agree(Ok(()))?;
            team.share("")?;
            return Ok(format!("{error}\n"));
        }
        place => team.agree(place.and_then(|place| Ok((place.text()?, place)))),
    };
    let (text, place) = place?;
    team.share(&text)?;
    lead_at(place, arguments, team)
}

/// Trains at a place.
fn lead_at(place: Place, arguments: &FitArguments, team: &Team) -> Result<String, CliError> {
    match place.run.network.precision {
        Precision::F32 => lead_in::<f32>(place, arguments, team),
        Precision::F64 => lead_in::<f64>(place, arguments, team),
    }
}

/// Trains in the folder of the run, and says what there is to say.
fn lead_in<E: Element>(place: Place, arguments: &FitArguments, team: &Team) -> Result<String, CliError> {
    let shows = !arguments.quiet && !arguments.json;
    let file = place.file.clone();
    let parts = Parts::<E>::new(place.run.clone(), &file, team)?;
    let doubts = || {
        let doubts = checks::checks(&place.run, &file)?;
        parts.settle(&place, arguments.force).map(|()| doubts)
    };
    let doubts = team.agree(doubts())?;
    if let Some(ranks) = team.ranks() {
        team.agree(place.folder.give(ranks.as_ref()).map_err(CliError::from))?;
    }
    let (run, header, runs_on) = (parts.run.clone(), parts.header(), parts.runs_on.clone());
    let (streamed, suggestion) = (parts.streamed.clone(), parts.suggestion.as_ref().map(ToString::to_string));
    let checkpoints = run.checkpoints.of(&place.folder);
    let control = checkpoints.control();
    let builder = parts.builder(Key::new(run.seed), None, team).checkpoints(checkpoints);
    let mut imnn = builder.build().map_err(|error| hints::explained(&run, &file, error))?;
    signals::are_for_training(control);
    let warnings = team.agree(imnn.warnings().map_err(CliError::at(file.display())))?;
    let plain = |warning: &String| warning.trim_start_matches("warning: ").to_owned();
    let doubts: Vec<String> = doubts.into_iter().chain(warnings.iter().map(plain)).collect();
    if shows {
        let weights = imnn.model().layout().len();
        say(&format!("{header}; {weights} weights in {}, {runs_on}; Ctrl-C ends training and saves the run", E::NAME));
        if let Some(suggestion) = suggestion {
            say(&format!("network: {suggestion}"));
        }
        imnn.note().into_iter().for_each(say);
        team.warning(run.device.threads).iter().for_each(|warning| say(warning));
        let left_out = run.simulations.left_out();
        let of_set = |(set, of): &(&'static str, LeftOut)| left_out::text(set, of, &run.parameters);
        left_out.iter().filter_map(of_set).for_each(|text| say(&format!("left out: {text}")));
        doubts.iter().for_each(|doubt| say(&format!("warning: {doubt}")));
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
            team.agree(save(&imnn, place))?;
            if shows && has_gap(arguments, &outcome) {
                say(&format!("the run is saved in {}; training a second network beside it", out.display()));
            }
            let (out, expected) = (&out, arguments.expected);
            let left_out = run.simulations.left_out();
            let mut report =
                Report { imnn: &imnn, run: &run, outcome, out, expected, read_bytes, missing: None, doubts, left_out };
            draw(&imnn, out, expected, report.cautions());
            report.missing = gap(&imnn, &run, arguments, &report.outcome, team)?;
            // It is made again by the same run, and nothing depends on it.
            if let Err(error) = imnn::io::atomic::write(out.join(REPORT), report.json()) {
                say(&format!("the run is saved, but not its {REPORT}: {error}"));
            }
            Ok(if arguments.json { report.json() } else { report.text() })
        }
        Err(FitError::Suspended { iteration, lost: None }) => {
            Err(CliError::Suspended { iteration, out: place.out, code: signals::exit_code() })
        }
        Err(source @ FitError::Suspended { .. }) => Err(source.into()),
        Err(source) if imnn.history().is_empty() => {
            // There is nothing to go on with.
            place.folder.begin_anew()?;
            Err(hints::explained(&run, &file, source))
        }
        Err(source) => {
            let (usable, goes_on) = (measure_best(&mut imnn), imnn.can_go_on());
            let out = place.out.clone();
            Err(match save(&imnn, place) {
                Ok(()) => {
                    draw(&imnn, &out, arguments.expected, vec![]);
                    CliError::Stopped { source: source.into(), out, usable, goes_on }
                }
                Err(lost) => CliError::Lost { source: source.into(), lost: lost.into() },
            })
        }
    }
}

/// The statistics of the best weights of a run that could not go on, which make it one for estimates; without them it is
/// still worth keeping. Whether there are any.
fn measure_best<E: Element>(imnn: &mut Imnn<E>) -> bool {
    let on = if imnn.history().validation.is_some() { On::Validation } else { On::Training };
    imnn.set_statistics(Weights::Best, on).is_ok()
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

/// Whether a second network is trained.
fn has_gap(arguments: &FitArguments, outcome: &Outcome) -> bool {
    arguments.gap && outcome.stop != Stop::Observer
}

/// Trains a second network from other weights, if that is asked for, and says how much both lack at least.
fn gap<E: Element>(
    imnn: &Imnn<E>,
    run: &RunFile,
    arguments: &FitArguments,
    outcome: &Outcome,
    team: &Team,
) -> Result<Option<Estimate>, CliError> {
    if !has_gap(arguments, outcome) {
        return Ok(None);
    }
    let parts = Parts::<E>::new(run.clone(), "--gap".as_ref(), team)?;
    // Of the key that the first was made from, so that the same run file gives the same gap.
    let key = Key::new(run.seed).fold_in(u64::from_le_bytes(*b"second  "));
    let at = CliError::at::<FitError>;
    let mut second = parts.builder(key, Some(Start::Key), team).build().map_err(at("--gap"))?;
    let trained = second.fit_with(&run.fit, &mut |_: &Progress| {
        if signals::ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    trained.map_err(at("--gap"))?;
    imnn.missing_at_least(&second).map(Some).map_err(at("--gap"))
}

/// Puts the run in its place.
fn save<E: Element>(imnn: &Imnn<E>, place: Place) -> Result<(), CliError> {
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
    Ok(())
}

/// The plot of a saved run, which is as good without one, with what there is to say against its numbers.
fn draw<E: Element>(imnn: &Imnn<E>, out: &Path, expected: Option<f64>, cautions: Vec<String>) {
    // Without iterations there is nothing to draw.
    if imnn.history().is_empty() {
        return;
    }
    let title = Some(title(out, imnn.names()));
    let plot = HistoryPlot { expected_det_f: expected, title, notes: notes(cautions), ..HistoryPlot::default() };
    if let Err(error) = plot_history(imnn.history(), &plot, out.join(PLOT)) {
        say(&format!("the run is saved, but not its plot: {error}; `imnn plot {}` draws it", out.display()));
    }
}
