//! `[optimiser]`: how weights follow the gradient.

use serde::Serialize;

use super::RunFileError;
use super::reader::Section;

/// An optimiser with its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Optimiser {
    /// The rule, under its name.
    #[serde(flatten)]
    pub rule: Rule,
    /// The largest norm of the gradient, beyond which it is scaled down; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
}

/// A rule of update.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Rule {
    /// Adam.
    Adam {
        /// The learning rate.
        #[serde(flatten)]
        rate: Rate,
        /// Decay of the mean gradient; 0.9 by default.
        b1: f64,
        /// Decay of the mean square; 0.999 by default.
        b2: f64,
        /// Added to the root of the mean square; 1e-8 by default.
        eps: f64,
    },
    /// Adam with decoupled decay of the weights.
    AdamW {
        /// The learning rate.
        #[serde(flatten)]
        rate: Rate,
        /// As for Adam.
        b1: f64,
        /// As for Adam.
        b2: f64,
        /// As for Adam.
        eps: f64,
        /// Decay of the weights; 1e-4 by default.
        weight_decay: f64,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// The learning rate.
        #[serde(flatten)]
        rate: Rate,
        /// The momentum; 0 by default.
        momentum: f64,
    },
    /// Steps divided by the root of the mean square of the gradient.
    RmsProp {
        /// The learning rate.
        #[serde(flatten)]
        rate: Rate,
        /// Decay of the mean square; 0.9 by default.
        decay: f64,
        /// Added to the root of the mean square; 1e-8 by default.
        eps: f64,
    },
}

/// A learning rate over the iterations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rate {
    /// The same in every iteration; 1e-3 by default.
    LearningRate(f64),
    /// Changing with the iteration.
    Schedule(Schedule),
}

/// How a learning rate changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// Half a period of a cosine, and constant after it.
    Cosine {
        /// The rate in the first iteration.
        start: f64,
        /// The rate from iteration `iterations` on; 0 by default.
        end: f64,
        /// The length of the decay.
        iterations: usize,
    },
}

const RULES: [&str; 4] = ["adam", "adamw", "sgd", "rmsprop"];

pub(super) fn read(section: Option<&Section<'_>>) -> Result<Optimiser, RunFileError> {
    let default = Rule::Adam { rate: Rate::LearningRate(1e-3), b1: 0.9, b2: 0.999, eps: 1e-8 };
    let Some(section) = section else { return Ok(Optimiser { rule: default, clip_norm: None }) };
    section.only(&["adam", "adamw", "sgd", "rmsprop", "clip_norm"])?;
    let clip_norm = section.optional("clip_norm")?;
    if let Some(found) = clip_norm.filter(|&norm: &f64| norm <= 0.0) {
        return Err(section.invalid("clip_norm", format!("{found} is not positive; leave it out for no clipping")));
    }
    let named: Vec<&str> = section.keys().filter(|key| RULES.contains(key)).collect();
    let rule = match named[..] {
        [] => default,
        [name] => match section.section(name)? {
            Some(options) => read_rule(name, &options)?,
            None => default,
        },
        [first, second, ..] => {
            return Err(section.invalid(second, format!("there is {first} already; keep one of them")));
        }
    };
    Ok(Optimiser { rule, clip_norm })
}

fn read_rule(name: &str, section: &Section<'_>) -> Result<Rule, RunFileError> {
    let only = |keys: &[&str]| {
        let known: Vec<&str> = ["learning_rate", "schedule"].iter().chain(keys).copied().collect();
        section.only(&known)
    };
    let share = |key: &str, default: f64| {
        let value = section.or(key, default)?;
        if (0.0..1.0).contains(&value) {
            Ok(value)
        } else {
            Err(section.invalid(key, format!("{value} is not from 0 to below 1")))
        }
    };
    let eps = || {
        let value = section.or("eps", 1e-8)?;
        if value > 0.0 { Ok(value) } else { Err(section.invalid("eps", format!("{value} is not positive"))) }
    };
    Ok(match name {
        "adam" => {
            only(&["b1", "b2", "eps"])?;
            Rule::Adam { rate: read_rate(section)?, b1: share("b1", 0.9)?, b2: share("b2", 0.999)?, eps: eps()? }
        }
        "adamw" => {
            only(&["b1", "b2", "eps", "weight_decay"])?;
            let weight_decay = section.or("weight_decay", 1e-4)?;
            if weight_decay < 0.0 {
                return Err(section.invalid("weight_decay", format!("{weight_decay} is negative")));
            }
            let (b1, b2) = (share("b1", 0.9)?, share("b2", 0.999)?);
            Rule::AdamW { rate: read_rate(section)?, b1, b2, eps: eps()?, weight_decay }
        }
        "sgd" => {
            only(&["momentum"])?;
            Rule::Sgd { rate: read_rate(section)?, momentum: share("momentum", 0.0)? }
        }
        _ => {
            only(&["decay", "eps"])?;
            Rule::RmsProp { rate: read_rate(section)?, decay: share("decay", 0.9)?, eps: eps()? }
        }
    })
}

fn read_rate(section: &Section<'_>) -> Result<Rate, RunFileError> {
    let Some(schedule) = section.section("schedule")? else {
        return Ok(Rate::LearningRate(positive(section, "learning_rate", section.or("learning_rate", 1e-3)?)?));
    };
    if section.has("learning_rate") {
        return Err(section.invalid("learning_rate", "there is a schedule already; keep one of them"));
    }
    schedule.only(&["cosine"])?;
    let advice = "write schedule = { cosine = { start = 3e-3, iterations = 3000 } }";
    let cosine = schedule.section("cosine")?.ok_or_else(|| schedule.missing("cosine", advice))?;
    cosine.only(&["start", "end", "iterations"])?;
    let start =
        positive(&cosine, "start", cosine.required("start", "write the learning rate of the first iteration")?)?;
    let end = cosine.or("end", 0.0)?;
    if !(0.0..=start).contains(&end) {
        return Err(cosine.invalid("end", format!("{end} is not from 0 to start = {start}")));
    }
    let iterations = cosine.required("iterations", "write the iterations over which the rate decays")?;
    if iterations == 0 {
        return Err(cosine.invalid("iterations", "0 is too few, at least 1"));
    }
    Ok(Rate::Schedule(Schedule::Cosine { start, end, iterations }))
}

fn positive(section: &Section<'_>, key: &str, value: f64) -> Result<f64, RunFileError> {
    if value > 0.0 { Ok(value) } else { Err(section.invalid(key, format!("{value} is not positive"))) }
}
