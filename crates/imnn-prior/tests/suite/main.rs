//! Tests of priors: laws against scipy, coordinates against differences, draws against the laws, files against their
//! faults.

#![allow(clippy::unwrap_used)]

mod config;
mod coordinates;
mod draws;
mod laws;

use imnn_io::Document;
use imnn_prior::Prior;

/// The prior of the lines of a table `[prior]`.
fn prior_of(lines: &str) -> Prior {
    let text = format!("[prior]\n{lines}\n");
    imnn_prior::config::read(&Document::parse(&text, "p.toml").unwrap().root()).unwrap()
}

/// One law of every kind.
const ALL: [&str; 12] = [
    "uniform = [0.1, 0.5]",
    "normal = [0.3, 2.0]",
    "lognormal = [0.2, 0.7]",
    "loguniform = [1e-4, 10.0]",
    "truncated_normal = { mean = 0.8, sd = 0.2, low = 0.4, high = 1.3 }",
    "truncated_normal = { mean = 0.0, sd = 1.0, low = 3.0 }",
    "half_normal = 1.5",
    "beta = [2.0, 5.0]",
    "beta = [0.5, 0.5, -1.0, 1.0]",
    "gamma = [0.5, 2.0]",
    "gamma = [3.0, 0.1]",
    "table = { theta = [0.0, 1.0, 1.5, 4.0], cdf = [0.0, 0.2, 0.7, 1.0] }",
];
