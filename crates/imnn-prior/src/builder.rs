//! How a prior is put together.

use std::sync::Arc;

use imnn_sim::Key;
use ndarray::{Array1, Array2};

use crate::block::Block;
use crate::constraint::Constraint;
use crate::error::{PriorError, Result};
use crate::law::Law;
use crate::prior::{Acceptance, Part, Prior};

/// How many draws measure the acceptance of constraints, and how many where these leave fewer than [`FEW`].
const DRAWS: [usize; 2] = [1 << 16, 1 << 20];
const FEW: usize = 1000;
/// Fewer than this of the most draws are nothing that can be sampled.
const LEAST: usize = 10;

/// A prior that is put together law by law; made by [`Prior::builder`].
#[derive(Debug, Default)]
pub struct Builder {
    names: Vec<String>,
    parts: Vec<Part>,
    blocks: usize,
    linear: Vec<(Vec<(String, f64)>, f64)>,
    predicates: Vec<Constraint>,
    failed: Option<PriorError>,
}

impl Prior {
    /// A prior without parameters, to which laws are added.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Adds a parameter with a law of its own.
    pub fn law(self, name: impl Into<String>, law: impl Law + 'static) -> Self {
        self.shared(name, Arc::new(law))
    }

    /// As [`law`](Builder::law), with a law that others have too.
    pub fn shared(mut self, name: impl Into<String>, law: Arc<dyn Law>) -> Self {
        self.names.push(name.into());
        self.parts.push(Part::One(law));
        self
    }

    /// Adds several parameters with one multivariate normal law.
    ///
    /// # Shapes
    /// `mean` `(n)`, `covariance` `(n, n)` for `n` names.
    pub fn multivariate_normal<S: AsRef<str>>(
        mut self,
        names: &[S],
        mean: Array1<f64>,
        covariance: Array2<f64>,
    ) -> Self {
        self.names.extend(names.iter().map(|name| name.as_ref().to_owned()));
        self.blocks += 1;
        let n = names.len();
        let block = match mean.len() == n {
            true => Block::new(mean, covariance),
            false => {
                let reason = format!("there are {n} parameters and {} means, expected one for each", mean.len());
                Err(PriorError::Block { reason })
            }
        };
        match block {
            Ok(block) => self.parts.push(Part::Many(block)),
            Err(error) => self.failed = self.failed.or(Some(error)),
        }
        self
    }

    /// Adds the constraint that the sum of coefficients times parameters is at most a number.
    pub fn at_most<S: AsRef<str>>(mut self, coefficients: &[(S, f64)], at_most: f64) -> Self {
        let owned = coefficients.iter().map(|(name, c)| (name.as_ref().to_owned(), *c)).collect();
        self.linear.push((owned, at_most));
        self
    }

    /// Adds a constraint of any kind: parameters for which `holds` is false have density 0. The name is for messages.
    pub fn predicate(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&[f64]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.predicates.push(Constraint::Predicate { name: name.into(), holds: Arc::new(holds) });
        self
    }

    /// The prior. Where there are constraints their acceptance is measured.
    ///
    /// # Errors
    /// Names that are empty or not all different, no parameters, a block that is not one, constraints with unknown
    /// names, or that leave nothing of the prior.
    pub fn build(self) -> Result<Prior> {
        let Builder { names, parts, blocks, linear, predicates, failed } = self;
        if let Some(error) = failed {
            return Err(error);
        }
        check_names(&names)?;
        if blocks > 1 {
            let reason =
                format!("there are {blocks} blocks, expected at most one: put their parameters together into one");
            return Err(PriorError::Block { reason });
        }
        let mut constraints: Vec<Constraint> =
            linear.iter().map(|(c, at_most)| Constraint::linear(&names, c, *at_most)).collect::<Result<_>>()?;
        constraints.extend(predicates);
        let acceptance = Acceptance { value: 1.0, error: 0.0, draws: 0 };
        let mut prior = Prior { names, parts, constraints, acceptance };
        if prior.is_constrained() {
            prior.acceptance = measured(&prior)?;
        }
        Ok(prior)
    }
}

fn check_names(names: &[String]) -> Result<()> {
    let refuse = |reason: String| Err(PriorError::Names { reason });
    if names.is_empty() {
        return refuse(
            "the prior has no parameters; give at least one, such as Omega_c = { uniform = [0.1, 0.5] }".into(),
        );
    }
    if names.iter().any(|name| name.trim().is_empty()) {
        return refuse("a parameter has an empty name".into());
    }
    for (k, name) in names.iter().enumerate() {
        if names[..k].contains(name) {
            return refuse(format!("the parameter \"{name}\" has two laws; give it one"));
        }
    }
    Ok(())
}

/// The acceptance of the constraints, always by the same draws, so that a prior has one density.
fn measured(prior: &Prior) -> Result<Acceptance> {
    let [key] = Key::new(0).split();
    let free = Prior { constraints: vec![], ..prior.clone() };
    let (mut tried, mut accepted) = (0, 0);
    let mut refused = vec![0_usize; prior.constraints.len()];
    for draws in DRAWS {
        while tried < draws {
            let theta = free.draw(key, tried as u64)?.to_vec();
            let mut all = true;
            for (constraint, refused) in prior.constraints.iter().zip(&mut refused) {
                let holds = constraint.holds(&theta);
                *refused += usize::from(!holds);
                all &= holds;
            }
            accepted += usize::from(all);
            tried += 1;
        }
        if accepted >= FEW {
            break;
        }
    }
    if accepted < LEAST {
        let worst = refused.iter().zip(&prior.constraints).max_by_key(|(refused, _)| **refused);
        let worst = worst.map_or_else(String::new, |(refused, constraint)| {
            format!(
                " ({} alone refuses {:.3} %)",
                constraint.named(&prior.names),
                100.0 * *refused as f64 / tried as f64
            )
        });
        return Err(PriorError::Empty { tried, accepted, worst });
    }
    let value = accepted as f64 / tried as f64;
    Ok(Acceptance { value, error: (value * (1.0 - value) / tried as f64).sqrt(), draws: tried })
}
