//! What a Fisher matrix is worth, in words, with what to do.

use std::fmt;

use super::law::Law;
use super::shown::named;
use super::{FisherEstimate, Measured, Part, Unknown};

/// One thing to be said about a Fisher matrix. `Display` says it in a sentence, with what to do.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The inverse of C has no mean: F is worth nothing.
    NoMean {
        /// Number of simulations.
        n_s: usize,
        /// Number of summaries.
        n_summaries: usize,
    },
    /// C of so few simulations leaves F uncertain.
    FewSimulations {
        /// The relative error of F that comes from C.
        error: f64,
        /// How many times too large the raw F is.
        raw: f64,
        /// Simulations for an error of 10 %.
        needed: usize,
    },
    /// One derivative says nothing about its own noise.
    NoiseNotKnown,
    /// What was found for a parameter cannot be told from the noise of the derivatives.
    OnlyNoise {
        /// Index of the parameter.
        parameter: usize,
        /// The raw information with respect to it.
        raw: f64,
        /// What is left without noise.
        information: Measured,
    },
    /// F is not positive definite, or its noise too large for an inverse, though each parameter by itself is seen.
    NoInverse(Unknown),
    /// Noise in the derivatives adds to the raw F.
    NoisyDerivatives {
        /// The largest share of the raw F of a parameter that is noise.
        share: f64,
        /// Derivatives for a share of 5 %.
        needed: usize,
    },
    /// F changes with the number of derivatives.
    NotConverged(Part),
    /// F of parts of the simulations differs by more than its error after the correction for their number.
    NotGaussian(Part),
    /// Nothing is wrong.
    Converged {
        /// The relative error of F, the mean over its diagonal.
        error: f64,
    },
}

/// The error that is asked for, and the share of noise.
const ERROR: f64 = 0.1;
/// From this error on there are few simulations.
const FEW: f64 = 0.15;
const SHARE: f64 = 0.05;

impl FisherEstimate {
    /// What F is worth; [`Verdict::Converged`] alone where there is nothing to say.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let law = Law::new(self.n_s, self.n_summaries, self.n_params());
        let (Some(f), Some(errors), Some(factor), Some(law)) = (&self.f, &self.f_errors, self.hartlap, law) else {
            return vec![Verdict::NoMean { n_s: self.n_s, n_summaries: self.n_summaries }];
        };
        let mut verdicts = Vec::new();
        // The error of one entry on the diagonal without the part of C, see `FisherEstimate::f_errors`.
        let seen = |p: usize| {
            let of_noise = errors[[p, p]].powi(2) - law.relative_variance() * f[[p, p]].powi(2);
            f[[p, p]] > 2.0 * of_noise.max(0.0).sqrt()
        };
        let from_noise = self.noise.as_ref().map(|noise| {
            let share = |p: usize| noise[[p, p]] / (factor * self.raw[[p, p]]);
            (noise, (0..self.n_params()).map(share).fold(0.0, f64::max))
        });
        let error = law.relative_variance().sqrt();
        let mut unseen = Vec::new();
        match from_noise {
            None => verdicts.push(Verdict::NoiseNotKnown),
            Some((noise, share)) if share > SHARE => {
                let hidden = |&p: &usize| !seen(p) && noise[[p, p]] > SHARE * factor * self.raw[[p, p]];
                unseen.extend((0..self.n_params()).filter(hidden));
                verdicts.extend(unseen.iter().map(|&parameter| {
                    let at = [parameter, parameter];
                    let information = Measured { value: f[at], error: errors[at] };
                    Verdict::OnlyNoise { parameter, raw: self.raw[at], information }
                }));
                if unseen.is_empty() {
                    let needed = (self.n_d as f64 * share / (SHARE * (1.0 - share))).ceil() as usize;
                    verdicts.push(Verdict::NoisyDerivatives { share, needed });
                }
            }
            Some(_) => {}
        }
        if unseen.is_empty() {
            verdicts.extend(self.errors.as_ref().err().copied().map(Verdict::NoInverse));
        }
        if error > FEW {
            // 2 m / (m - 2)^2 = error^2 with m = n_s - n_summaries, for a small error
            let needed = self.n_summaries + 4 + (2.0 / (ERROR * ERROR)).ceil() as usize;
            verdicts.push(Verdict::FewSimulations { error, raw: 1.0 / factor, needed });
        }
        let halves = |parts: &[Part]| parts.iter().copied().find(|part| part.parts == 2);
        verdicts.extend(
            halves(&self.convergence.derivatives)
                .filter(|part| part.change.value > SHARE.max(2.0 * part.change.error))
                .map(Verdict::NotConverged),
        );
        verdicts.extend(
            halves(&self.convergence.simulations)
                .filter(|part| part.change.value.abs() > (0.5 * ERROR).max(4.0 * part.change.error))
                .map(Verdict::NotGaussian),
        );
        if verdicts.is_empty() {
            let relative = |p: usize| errors[[p, p]] / f[[p, p]];
            let error = (0..self.n_params()).map(relative).sum::<f64>() / self.n_params() as f64;
            verdicts.push(Verdict::Converged { error });
        }
        verdicts
    }
}

impl Verdict {
    /// Whether F, as it is, should not be used.
    pub fn is_worthless(&self) -> bool {
        matches!(self, Verdict::NoMean { .. } | Verdict::OnlyNoise { .. } | Verdict::NoInverse(_))
    }

    /// A word for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::NoMean { .. } => "no_mean",
            Verdict::FewSimulations { .. } => "few_simulations",
            Verdict::NoiseNotKnown => "noise_not_known",
            Verdict::OnlyNoise { .. } => "only_noise",
            Verdict::NoInverse(_) => "no_inverse",
            Verdict::NoisyDerivatives { .. } => "noisy_derivatives",
            Verdict::NotConverged(_) => "not_converged",
            Verdict::NotGaussian(_) => "not_gaussian",
            Verdict::Converged { .. } => "converged",
        }
    }
}

/// The sentence, with parameters as numbers.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says(&[]))
    }
}

impl Verdict {
    /// The sentence, about parameters of these names.
    pub fn says(&self, names: &[String]) -> String {
        let percent = |value: f64| format!("{:.*} %", usize::from(value.abs() < 0.1), 100.0 * value);
        let number = |value: f64| crate::table::significant(value, 3);
        match *self {
            Verdict::NoMean { n_s, n_summaries } => format!(
                "F is worth nothing: {}. Take ten times as many to trust F, or fewer summaries",
                Unknown::TooFewSimulations { n_s, n_summaries }
            ),
            Verdict::FewSimulations { error, raw, needed } => format!(
                "there are few simulations for so many summaries: the raw F is {} times too large on average, and F has an \
                 error of {} from the covariance alone; {needed} simulations would make that 10 %, or use fewer summaries",
                number(raw),
                percent(error)
            ),
            Verdict::NoiseNotKnown => String::from(
                "one derivative says nothing about its noise, which makes F too large where there is any: give two or more, \
                 better a hundred",
            ),
            Verdict::OnlyNoise { parameter, raw, information: Measured { value, error } } => format!(
                "F is worth nothing for {}: its raw value of {} cannot be told from the noise of the \
                 derivatives. What is left is {} ± {}, and all that can be said is that F is below {} (two errors), a limit \
                 that falls as one over the number of derivatives. Take many more, or give simulations below and above the \
                 seeds of the fiducial ones, so that their noise cancels",
                named(names, parameter),
                number(raw),
                number(value),
                number(error),
                number(value.max(0.0) + 2.0 * error)
            ),
            Verdict::NoInverse(unknown) => {
                format!("there is no forecast of the errors: {unknown}. Take more derivatives, or fewer parameters")
            }
            Verdict::NoisyDerivatives { share, needed } => format!(
                "{} of the raw F is the noise of the derivatives; it is taken away in F, and its scatter is in the errors. \
                 {needed} derivatives would make it 5 %, and matched seeds below and above may cancel it",
                percent(share)
            ),
            Verdict::NotConverged(Part { change: Measured { value, error }, .. }) => format!(
                "the raw F changes by {} ± {} between half and all of the derivatives: more of them are needed",
                percent(value),
                percent(error)
            ),
            Verdict::NotGaussian(Part { change: Measured { value, error }, .. }) => format!(
                "F of half the simulations differs by {} ± {} after the correction for their number: the summaries are not \
                 Gaussian, or the simulations not independent (repeated ones?), and no error here holds",
                percent(value),
                percent(error)
            ),
            Verdict::Converged { error } => {
                format!(
                    "F is converged in the numbers of simulations and derivatives, with an error of {}",
                    percent(error)
                )
            }
        }
    }
}
