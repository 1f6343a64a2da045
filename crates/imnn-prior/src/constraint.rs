//! Constraints on the parameters of a prior.

use std::fmt;
use std::sync::Arc;

use crate::error::{PriorError, Result};

/// Whether parameters are allowed.
pub(crate) type Predicate = dyn Fn(&[f64]) -> bool + Send + Sync;

/// What parameters have to fulfil beside lying in the support of their laws.
#[derive(Clone)]
pub(crate) enum Constraint {
    /// `sum of coefficients times parameters <= at_most`; one coefficient for each parameter.
    Linear {
        coefficients: Vec<f64>,
        at_most: f64,
    },
    Predicate {
        name: String,
        holds: Arc<Predicate>,
    },
}

impl Constraint {
    pub(crate) fn linear(names: &[String], coefficients: &[(String, f64)], at_most: f64) -> Result<Self> {
        let refuse = |reason: String| PriorError::Constraint { constraint: written(coefficients, at_most), reason };
        let mut all = vec![0.0; names.len()];
        for (name, coefficient) in coefficients {
            let place = names.iter().position(|known| known == name).ok_or_else(|| {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                refuse(format!("there is no parameter \"{name}\"; {}", imnn_io::nearest::advice(name, &known)))
            })?;
            all[place] = *coefficient;
        }
        if !at_most.is_finite() || all.iter().any(|c| !c.is_finite()) {
            return Err(refuse("its numbers have to be finite".to_owned()));
        }
        if all.iter().all(|&c| c == 0.0) {
            return Err(refuse("all coefficients are 0, so it does not depend on the parameters".to_owned()));
        }
        Ok(Constraint::Linear { coefficients: all, at_most })
    }

    pub(crate) fn holds(&self, theta: &[f64]) -> bool {
        match self {
            Constraint::Linear { coefficients, at_most } => {
                coefficients.iter().zip(theta).map(|(c, t)| c * t).sum::<f64>() <= *at_most
            }
            Constraint::Predicate { holds, .. } => holds(theta),
        }
    }

    /// The constraint in words.
    pub(crate) fn named(&self, names: &[String]) -> String {
        match self {
            Constraint::Linear { coefficients, at_most } => {
                let terms: Vec<(String, f64)> =
                    names.iter().cloned().zip(coefficients.iter().copied()).filter(|(_, c)| *c != 0.0).collect();
                written(&terms, *at_most)
            }
            Constraint::Predicate { name, .. } => format!("\"{name}\""),
        }
    }

    /// The constraint in a file; a predicate has no place there.
    pub(crate) fn toml(&self, names: &[String]) -> Option<String> {
        let Constraint::Linear { coefficients, at_most } = self else { return None };
        let terms: Vec<String> = names
            .iter()
            .zip(coefficients)
            .filter(|(_, c)| **c != 0.0)
            .map(|(name, c)| format!("{} = {c:?}", key(name)))
            .collect();
        Some(format!("[[constraint]]\ncoefficients = {{ {} }}\nat_most = {at_most:?}\n", terms.join(", ")))
    }
}

fn written(coefficients: &[(String, f64)], at_most: f64) -> String {
    let terms: Vec<String> = coefficients.iter().map(|(name, c)| format!("{c} {name}")).collect();
    format!("\"{} <= {at_most}\"", terms.join(" + "))
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constraint::Linear { coefficients, at_most } => write!(f, "{coefficients:?} . theta <= {at_most}"),
            Constraint::Predicate { name, .. } => write!(f, "{name}"),
        }
    }
}

/// A key as TOML writes it, in quotes where it needs them.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { format!("{name:?}") }
}
