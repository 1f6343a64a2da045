//! Whether training again at the estimate finds the maximum of the likelihood, from a fiducial that is three errors off.

use imnn::fit::Refinement;
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField, Simulator};
use ndarray::{Array2, ArrayD};

use crate::Failure;
use crate::exact::Modes;
use crate::problems::Problem;
use crate::train::train_at;

/// Targets for each problem.
const TARGETS: u64 = 20;

/// Errors between the fiducial and the truth.
const AWAY: f64 = 3.0;

/// Rounds at most.
const ROUNDS: usize = 3;

/// The key of the targets; no run has it.
const KEY: u64 = 0x7461_7267_6574;

/// The truth is not allowed to come nearer to 0 in what has to be positive.
const SMALLEST: f64 = 0.3;

/// For each problem: how many targets end within their errors of the maximum of the likelihood.
pub(crate) fn table(problems: &[&Problem]) -> Result<(), Failure> {
    println!(
        "{:<20} {:>6} {:>18} {:>18} {:>18} {:>6} {:>22}",
        "problem", "target", "truth", "maximum", "estimate", "rounds", "distance in errors"
    );
    for problem in problems {
        let mut within = 0;
        let mut taken = 0;
        for number in 0..TARGETS {
            let key = Key::new(KEY).fold_in(number);
            let (truth, target) = target(problem, key)?;
            let maximum = maximum(problem, &target)?;
            let refinement = Refinement { max_rounds: ROUNDS, ..Refinement::default() };
            let (_, rounds) = refinement
                .run(&target, problem.theta_fid, |theta_fid| train_at(problem, theta_fid, Key::new(number)))?;
            let Some(last) = rounds.last() else { continue };
            let distance: Vec<f64> =
                (0..maximum.len()).map(|a| (last.estimate[a] - maximum[a]) / last.errors[a]).collect();
            within += usize::from(distance.iter().all(|distance| distance.abs() < 1.0));
            taken += rounds.len();
            let shown =
                |values: &[f64]| values.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join("  ");
            println!(
                "{:<20} {number:>6} {:>18} {:>18} {:>18} {:>6} {:>22}",
                problem.name,
                shown(&truth),
                shown(&maximum),
                shown(&last.estimate),
                rounds.len(),
                shown(&distance)
            );
        }
        let mean = taken as f64 / TARGETS as f64;
        println!("{}: {within} of {TARGETS} within their errors after {mean:.1} rounds on average", problem.name);
    }
    Ok(())
}

/// Parameters three errors of the fiducial away in a direction of this key, and data of them.
fn target(problem: &Problem, key: Key) -> Result<(Vec<f64>, ArrayD<f64>), Failure> {
    let (simulator, f): (Box<dyn Simulator>, Array2<f64>) = match problem.name {
        "mean and variance" => {
            let draws = GaussianMeanVariance { n_data: 10 };
            (Box::new(draws), Array2::from_shape_vec((2, 2), draws.fisher(problem.theta_fid)?)?)
        }
        "power-law field" => {
            let field = PowerLawField::new(32)?;
            let f = field.fisher(problem.theta_fid)?;
            (Box::new(field), Array2::from_shape_vec((2, 2), f)?)
        }
        name => return Err(format!("{name} has no maximum of the likelihood here: name mean and power").into()),
    };
    let [of_direction, of_data] = key.split();
    let mut direction = [0.0; 2];
    of_direction.fill_normal(&mut direction);
    let size = direction[0].hypot(direction[1]);
    // F = L L^T: theta + 3 L^-T u is three errors away in the direction u.
    let (l00, l10) = (f[[0, 0]].sqrt(), f[[1, 0]] / f[[0, 0]].sqrt());
    let l11 = (f[[1, 1]] - l10 * l10).sqrt();
    let step = |sign: f64| {
        let [first, second] = direction.map(|along| sign * AWAY * along / size);
        let second = second / l11;
        [problem.theta_fid[0] + (first - l10 * second) / l00, problem.theta_fid[1] + second]
    };
    // Three errors below 1 there is no variance: then in the opposite direction.
    let positive = if problem.name == "mean and variance" { 1 } else { 0 };
    let truth = [1.0, -1.0].map(step);
    let truth = truth.into_iter().find(|theta| theta[positive] >= SMALLEST).ok_or("no direction is allowed")?;
    let mut data = vec![0.0; simulator.data_shape().iter().product()];
    simulator.simulate(of_data, &truth, &mut data);
    Ok((truth.to_vec(), ArrayD::from_shape_vec(simulator.data_shape(), data)?))
}

/// The maximum of the likelihood.
fn maximum(problem: &Problem, target: &ArrayD<f64>) -> Result<Vec<f64>, Failure> {
    let data: Vec<f64> = target.iter().copied().collect();
    if problem.name == "mean and variance" {
        let n = data.len() as f64;
        let mean = data.iter().sum::<f64>() / n;
        return Ok(vec![mean, data.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n]);
    }
    // P = A k^-B: for each B the best A is the mean of |d_k|^2 k^B, and minus ln L is ln A - B <ln k> but for a constant.
    let modes = Modes::power_law(32).powers(&data);
    let n = modes.len() as f64;
    let mean_ln_k = modes.iter().map(|(k, _)| k.ln()).sum::<f64>() / n;
    let amplitude = |b: f64| modes.iter().map(|(k, power)| power * k.powf(b)).sum::<f64>() / n;
    let minus_ln_l = |b: f64| amplitude(b).ln() - b * mean_ln_k;
    let (mut low, mut high) = (-2.0, 4.0);
    while high - low > 1e-9 {
        let (first, second) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if minus_ln_l(first) < minus_ln_l(second) { high = second } else { low = first }
    }
    Ok(vec![amplitude(low), low])
}
