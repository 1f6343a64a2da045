//! What is printed after training.

use std::collections::BTreeMap;
use std::path::Path;

use imnn::data::LeftOut;
use imnn::fit::{Estimate, Imnn, LastLayer, Outcome, Round, Stop};
use imnn::models::Element;
use imnn::stats::{FisherEstimate, Loss, Measured, Verdict};
use serde_json::{Value, json};

use super::cautions;
use crate::commands::{information, left_out};
use crate::output::{self, facts, number};
use crate::run_file::{Kind, RunFile};

const TRAINING: &str = "training simulations";
const FRESH: &str = "fresh simulations";

/// A run that was trained and saved.
pub(super) struct Report<'a, E: Element> {
    pub(super) imnn: &'a Imnn<E>,
    pub(super) run: &'a RunFile,
    pub(super) outcome: Outcome,
    pub(super) out: &'a Path,
    pub(super) expected: Option<f64>,
    /// Bytes that training read, where simulations were streamed from files.
    pub(super) read_bytes: Option<u64>,
    /// How much information is missing at least, in ln det F, where a second network was trained.
    pub(super) missing: Option<Estimate>,
    /// What there is to say against the files of simulations.
    pub(super) doubts: Vec<String>,
    /// What was left out of each set, as it failed.
    pub(super) left_out: Vec<(&'static str, LeftOut)>,
}

/// det F at the best iteration, where there is one.
struct Best {
    iteration: usize,
    training: f64,
    validation: Option<f64>,
}

impl<E: Element> Report<'_, E> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if self.imnn.statistics().is_some() {
            let which = match self.measured_on() {
                TRAINING => ", which is too large: the first caution below says why",
                _ if self.outcome.refit.is_some() => ", before they had a part in the last layer",
                _ => "",
            };
            text.push_str(&format!("Fisher information, {}{which}\n{}\n", self.measured_on(), self.imnn));
        }
        let log = |det_f: f64| format!("{}  (det F {})", number(det_f.ln()), number(det_f));
        let mut rows = vec![];
        let mut say = |name, value| rows.push((name, value));
        if let Some(statistics) = self.imnn.statistics() {
            say("ln det F, raw", format!("{}  (det F {})", number(statistics.log_det_f), number(statistics.det_f)));
        }
        if let Some(expected) = self.expected {
            say("  expected", log(expected));
        }
        if let Some(held_out) = self.outcome.held_out {
            say("  held out", format!("{} +- {}", number(held_out.value), number(held_out.error)));
        }
        if let Some(shares) = self.outcome.shares {
            let told = |of: Option<Estimate>| {
                of.map_or_else(|| "not known".to_owned(), |of| format!("{} +- {}", number(of.value), number(of.error)))
            };
            say("  given summaries alone", told(shares.given));
            say("  the network alone", told(shares.network));
            say("  both", format!("{}: the network adds {}", told(Some(shares.both)), told(shares.added)));
        }
        match self.best() {
            // Rounds are judged at their end.
            _ if self.run.optimiser.is_none() => {}
            Some(best) => {
                say("best iteration", best.iteration.to_string());
                say("  ln det F, training", log(best.training));
                if let Some(validation) = best.validation {
                    say("  ln det F, validation", log(validation));
                }
            }
            None => say("best iteration", "none: det F was never above 0".to_owned()),
        }
        say("iterations", self.outcome.iterations.to_string());
        say("stopped because", self.stop().1.to_owned());
        if let Some(last_layer) = &self.outcome.last_layer {
            say("last layer began", began(last_layer));
        }
        if let Some(gain) = self.outcome.read_out_gain {
            say("read-out after training", after(gain));
        }
        if let Some(Estimate { value, error }) = self.missing {
            say(
                "missing at least",
                format!("{} +- {} in ln det F (gap between two networks)", number(value), number(error)),
            );
        }
        if let Some(n_s) = self.outcome.refit {
            let what = "made again from the training and validation simulations together";
            say(
                "last layer at the end",
                format!("{what} ({n_s}), which F was measured on; what was held out is without that"),
            );
        }
        if let Some(bytes) = self.read_bytes {
            say("read from files", format!("{:.3} GB", bytes as f64 / 1e9));
        }
        let of_set = |(set, of): &(&'static str, LeftOut)| left_out::text(set, of, &self.run.parameters);
        self.left_out.iter().filter_map(of_set).for_each(|text| say("left out", text));
        let simulated = matches!(self.run.simulations.kind, Kind::Simulator { .. });
        if let Some(reading) = reading(self.outcome.reading, simulated) {
            say("bounded by", reading);
        }
        say("saved in", self.out.display().to_string());
        text.push_str(&facts(&rows));
        for caution in self.cautions() {
            text.push_str(&format!("caution: {caution}\n"));
        }
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> String {
        let best = self.best();
        let statistics = self.imnn.statistics();
        output::json_line(&json!({
            "out": self.out.display().to_string(),
            "iterations": self.outcome.iterations,
            "stop": self.stop().0,
            "last_layer": self.outcome.last_layer.as_ref().map(|last_layer| match last_layer {
                LastLayer::ReadOut { .. } => "read-out",
                LastLayer::Whitened { .. } => "whitened",
                _ => "as given",
            }),
            "rounds": self.imnn.history().rounds.iter().map(round).collect::<Vec<_>>(),
            "lndetF_held_out": self.outcome.held_out.map(|estimate| [estimate.value, estimate.error]),
            "shares": self.outcome.shares,
            "read_out_gain": self.outcome.read_out_gain.map(|estimate| [estimate.value, estimate.error]),
            "refit": self.outcome.refit,
            "missing_at_least": self.missing.map(|estimate| [estimate.value, estimate.error]),
            "reading_share": self.outcome.reading,
            "parameters": self.imnn.names(),
            "theta_fid": self.imnn.theta_fid(),
            "n_summaries": self.imnn.model().n_summaries(),
            "F": statistics.map(|s| output::array(&s.f)),
            "errors": statistics.map(|s| output::array(&s.errors())),
            "lndetF": statistics.map(|s| s.log_det_f),
            "detF": statistics.map(|s| s.det_f),
            "estimate": self.imnn.information().map(information::json),
            "measured_on": self.measured_on(),
            "cautions": self.cautions(),
            "best_iteration": best.as_ref().map(|best| best.iteration),
            "lndetF_training": best.as_ref().map(|best| best.training.ln()),
            "lndetF_validation": best.as_ref().and_then(|best| best.validation).map(f64::ln),
            "detF_expected": self.expected,
            "read_bytes": self.read_bytes,
            "left_out": self.left_out.iter().map(|(set, of)| (*set, left_out::json(of))).collect::<BTreeMap<_, _>>(),
        }))
    }

    fn best(&self) -> Option<Best> {
        let history = self.imnn.history();
        let iteration = history.best_iteration?;
        let at = |values: &[f64]| values.get(iteration).copied();
        let validation = history.validation.as_ref().and_then(|trace| at(&trace.det_f));
        Some(Best { iteration, training: at(&history.training.det_f)?, validation })
    }

    /// The simulations that the statistics are measured on.
    fn measured_on(&self) -> &'static str {
        let simulations = &self.run.simulations;
        match (simulations.validates(), &simulations.kind) {
            (true, _) => "validation simulations",
            (false, Kind::Simulator { .. }) => FRESH,
            (false, _) => TRAINING,
        }
    }

    /// What the numbers are not worth, and what to do about it.
    pub(super) fn cautions(&self) -> Vec<String> {
        let n_params = self.imnn.theta_fid().len();
        let (information, names) = (self.imnn.information(), self.imnn.names());
        let best = self.best().filter(|_| self.run.optimiser.is_some());
        let history = self.imnn.history();
        let curve = history.validation.as_ref().filter(|_| best.is_some()).map(|trace| &trace.log_det_f[..]);
        let alpha = match (self.run.fit.lambda, self.run.fit.epsilon) {
            (None, None) => None,
            (lambda, epsilon) => Loss::new(lambda.unwrap_or(10.0), epsilon.unwrap_or(0.1)).ok(),
        };
        let on_training = (self.measured_on() == TRAINING).then(|| cautions::ON_TRAINING.to_owned());
        let of_best = |best: &Best| cautions::overfitted(best.training, best.validation?, n_params);
        // Where it is not known, its scatter with so many simulations.
        let raw = |of: &FisherEstimate| {
            let error = (2.0 * n_params as f64 / of.n_s as f64).sqrt();
            Some(Measured { value: self.imnn.statistics()?.log_det_f, error })
        };
        let log_det_f = information.and_then(|of| of.log_det_f.ok().or_else(|| raw(of)));
        let beyond = |expected| cautions::beyond(log_det_f?, expected);
        let by_chance = |best: &Best| cautions::by_chance(curve?, best.iteration, self.run.fit.patience, n_params);
        let found = [
            on_training,
            best.as_ref().and_then(of_best),
            self.expected.and_then(beyond),
            alpha.and_then(|loss| cautions::negative_alpha(loss.penalty().numbers()[1])),
            best.as_ref().and_then(by_chance),
            best.as_ref().and_then(|_| cautions::falling(&history.training.log_det_f, n_params)),
        ];
        let verdicts = information.map(FisherEstimate::verdicts).unwrap_or_default();
        let worth = verdicts.iter().filter(|verdict| !matches!(verdict, Verdict::Converged { .. }));
        let worth = worth.map(|verdict| verdict.says(names));
        self.doubts.iter().cloned().chain(found.into_iter().flatten()).chain(worth).collect()
    }

    fn stop(&self) -> (&'static str, &'static str) {
        match self.outcome.stop {
            Stop::Patience => ("patience", "det F did not grow any more (patience)"),
            Stop::Tolerance => ("tolerance", "the last round gained less than the tolerance"),
            Stop::OneRound => ("one_round", "there are no held-out simulations to tell whether more would help"),
            Stop::MaxIterations => ("max_iterations", "max_iterations was reached"),
            Stop::Observer => ("interrupted", "it was interrupted"),
        }
    }
}

fn began(last_layer: &LastLayer) -> String {
    match last_layer {
        LastLayer::ReadOut { held_out, ridge, n_s } => format!(
            "by the read-out of {n_s} simulations, ln det F {} on those that it was not made from (ridge {})",
            number(*held_out),
            number(*ridge)
        ),
        LastLayer::Whitened { instead: None } => "whitened".to_owned(),
        LastLayer::Whitened { instead: Some(reason) } => format!("whitened; no read-out: {reason}"),
        _ => "as the weights were".to_owned(),
    }
}

/// What the read-out after training says about what is missing.
fn after(gain: Estimate) -> String {
    let size = format!("{} +- {} in ln det F", number(gain.value.abs()), number(gain.error));
    if gain.value <= 0.0 {
        return format!("not better ({size})");
    }
    let more = if gain.value > 2.0 * gain.error { "; training was not at its end, more of it should help" } else { "" };
    format!("better by {size}, and taken{more}")
}

fn round(round: &Round) -> Value {
    json!({
        "iteration": round.iteration,
        "lndetF": [round.log_det_f.value, round.log_det_f.error],
        "gain": [round.gain.value, round.gain.error],
    })
}

/// From this share of the time on, simulations are what a run waits for.
const WORTH_SAYING: f64 = 0.5;

/// What to do about simulations that took most of the time, where they did.
fn reading(share: f64, simulated: bool) -> Option<String> {
    if share < WORTH_SAYING {
        return None;
    }
    let (what, advice) = if simulated {
        (
            "the simulator: making the simulations",
            "simulations made beforehand and read from files, or a smaller n_s, would shorten them",
        )
    } else {
        (
            "the simulations: reading them",
            "where they come from a disk, a larger cache or a faster disk would shorten them; so would a smaller n_s",
        )
    };
    Some(format!("{what} took {:.0} % of the time of iterations; {advice}", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bounds_a_run_is_said_where_it_is_not_the_network() {
        assert_eq!(reading(0.49, false), None);
        let text = reading(0.834, false).unwrap();
        assert!(text.starts_with("the simulations: reading them took 83 % of the time of iterations; "), "{text}");
    }
}
