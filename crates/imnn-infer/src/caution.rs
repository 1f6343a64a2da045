//! What the numbers of a posterior are not worth, as data.

use std::fmt;

/// Something to know before a posterior is believed. `Display` says it in words, with what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Caution {
    /// The estimate is far from where the Fisher information was computed.
    FarFromFiducial {
        /// `sqrt((theta_hat - theta_fid)^T F (theta_hat - theta_fid))`.
        sigma: f64,
    },
    /// The Fisher information of the posterior is unlike that at the fiducial.
    Retrain {
        /// `sqrt(det Cov det F)`, 1 near the fiducial.
        volume: f64,
        /// The shift of the posterior mean against the estimate, in posterior standard deviations; the largest.
        shift: f64,
        /// Where to train anew: the posterior mean.
        at: Vec<f64>,
    },
    /// The prior cuts off a part of the likelihood.
    PriorCuts {
        /// The share of the likelihood outside the support of the prior.
        share: f64,
    },
    /// Approximate Bayesian computation accepts from a neighbourhood, so the posterior is too wide.
    Widened {
        /// The largest distance accepted.
        epsilon: f64,
        /// The factor of the variances near the fiducial, `1 + epsilon^2 / (d + 2)`.
        factor: f64,
    },
    /// There are few accepted simulations.
    FewAccepted {
        /// How many.
        n: usize,
    },
    /// Simulations that failed were left out.
    Dropped {
        /// How many.
        n: usize,
        /// Of how many.
        of: usize,
        /// The parameters whose values differ between failed and good simulations, with the p value of a rank test.
        depends_on: Vec<(String, f64)>,
    },
    /// Pairs outside the prior were left out.
    OutsidePrior {
        /// How many.
        n: usize,
        /// Of how many.
        of: usize,
    },
    /// Summaries that do not vary were left out of the distance or the regression.
    ConstantSummaries {
        /// Their numbers, from 0.
        columns: Vec<usize>,
    },
    /// The regression adjustment was not made.
    NotAdjusted {
        /// Why.
        reason: String,
    },
    /// Adjusted draws that violate the constraints of the prior were left out.
    AdjustedOutside {
        /// The share.
        share: f64,
    },
    /// Importance weights are uneven.
    FewEffective {
        /// The effective number of samples.
        effective: f64,
        /// The number of samples.
        n: usize,
    },
    /// The tail of the importance weights is too heavy.
    HeavyWeights {
        /// The shape of the tail, k-hat.
        k_hat: f64,
    },
    /// The chains do not agree.
    ChainsDisagree {
        /// The parameter.
        name: String,
        /// Its rank-normalised R-hat.
        r_hat: f64,
    },
    /// The chains are too short.
    ShortChains {
        /// The parameter.
        name: String,
        /// The lesser of bulk and tail effective sample sizes.
        effective: f64,
    },
    /// Trajectories that diverged.
    Divergences {
        /// How many.
        n: usize,
        /// Of how many draws.
        of: usize,
    },
    /// The observation is unlike the simulations.
    UnlikeSimulations {
        /// The p value.
        p: f64,
    },
    /// The sequence of populations ended before its end.
    StoppedEarly {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caution::FarFromFiducial { sigma } => write!(
                f,
                "the estimate is {sigma:.1} sigma from the fiducial, where F was computed: train again at the estimate"
            ),
            Caution::Retrain { volume, shift, at } => write!(
                f,
                "the posterior has {volume:.2} times the volume that F at the fiducial gives, and its mean is shifted by \
                 {shift:.2} sd: the network was trained far from here; train again at theta_fid = {at:?}"
            ),
            Caution::PriorCuts { share } => write!(f, "the prior cuts off {:.2} % of the likelihood", 100.0 * share),
            Caution::Widened { epsilon, factor } => {
                write!(f, "epsilon {epsilon:.3}: variances are about {:.1} % too wide", 100.0 * (factor - 1.0))
            }
            Caution::FewAccepted { n } => {
                write!(
                    f,
                    "{n} accepted simulations: widths are known to {:.0} % only",
                    100.0 / (2.0 * *n as f64).sqrt()
                )
            }
            Caution::Dropped { n, of, depends_on } if depends_on.is_empty() => write!(
                f,
                "{n} of {of} simulations failed and were left out; no dependence of this on a parameter was found"
            ),
            Caution::Dropped { n, of, depends_on } => {
                let names: Vec<String> = depends_on.iter().map(|(name, p)| format!("{name} (p = {p:.1e})")).collect();
                write!(
                    f,
                    "{n} of {of} simulations failed and were left out, and this depends on {}: the prior is cut where they fail",
                    names.join(", ")
                )
            }
            Caution::OutsidePrior { n, of } => write!(f, "{n} of {of} pairs lie outside the prior and were left out"),
            Caution::ConstantSummaries { columns } => {
                write!(f, "summaries {columns:?} do not vary over the simulations and were left out")
            }
            Caution::NotAdjusted { reason } => write!(f, "not adjusted by regression: {reason}"),
            Caution::AdjustedOutside { share } => write!(
                f,
                "{:.1} % of the adjusted draws violate the constraints of the prior and were left out",
                100.0 * share
            ),
            Caution::FewEffective { effective, n } => {
                write!(f, "{n} weighted samples are worth {effective:.0}: draw more of them, or take another proposal")
            }
            Caution::HeavyWeights { k_hat } => {
                write!(f, "Pareto k-hat is {k_hat:.2}, above 0.7: the importance weights cannot be relied on")
            }
            Caution::ChainsDisagree { name, r_hat } => write!(
                f,
                "R-hat of {name} is {r_hat:.3}, above 1.01: the chains do not agree, there may be several modes; run longer"
            ),
            Caution::ShortChains { name, effective } => {
                write!(f, "the chains are worth {effective:.0} draws for {name}, fewer than 400: run longer")
            }
            Caution::Divergences { n, of } => {
                write!(f, "{n} of {of} trajectories diverged: the density is too steep somewhere; tune longer")
            }
            Caution::UnlikeSimulations { p } => {
                write!(
                    f,
                    "the observed summaries are unlike the simulated ones (p = {p:.1e}): no method can be right then"
                )
            }
            Caution::StoppedEarly { reason } => write!(f, "stopped early: {reason}"),
        }
    }
}
