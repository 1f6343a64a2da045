//! How well flows know the posteriors of three tasks of sbibm: the mean of `-ln q(theta | x)` over 4000 fresh pairs.
//!
//! ```text
//! cargo run --release -p imnn-flow --example held_out -- two_moons 1000 [keys=3] [rate=1e-3] [batch=100] ...
//! ```
//!
//! Members model theta in the coordinates in which the prior is N(0, I), or theta itself (linear); "both" is a mixture of
//! half of each. The density of linear members is not made good for what lies outside the prior.
//!
//! Tasks: Lueckmann, Boelts, Greenberg, Gonçalves & Macke 2021, arXiv:2101.04653.

use imnn_flow::{Architecture, Bijection, Pairs, Split, Trained, Training, TrainingSettings, mixture, stacking};
use imnn_sim::Key;
use ndarray::{Array1, Array2, Axis, concatenate};
use rand::RngExt;
use std::f64::consts::{FRAC_PI_2, PI};
use std::ops::ControlFlow;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The distribution function of N(0, 1), by its series around 0.
fn normal_cdf(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

type Numbers<'a> = &'a mut dyn FnMut() -> f64;

/// Uniform priors within ±half, and what is observed of theta.
struct Task {
    dims: usize,
    half: f64,
    /// From theta and sources of normal and of uniform numbers.
    observe: fn(&[f64], Numbers<'_>, Numbers<'_>) -> Vec<f64>,
}

fn task(name: &str) -> Option<Task> {
    Some(match name {
        "two_moons" => Task {
            dims: 2,
            half: 1.0,
            observe: |theta, normal, uniform| {
                let (angle, radius) = (FRAC_PI_2 * (2.0 * uniform() - 1.0), 0.1 + 0.01 * normal());
                let root = 2.0_f64.sqrt();
                vec![
                    radius * angle.cos() + 0.25 - (theta[0] + theta[1]).abs() / root,
                    radius * angle.sin() + (theta[1] - theta[0]) / root,
                ]
            },
        },
        "gaussian_mixture" => Task {
            dims: 2,
            half: 10.0,
            observe: |theta, normal, uniform| {
                let sd = if uniform() < 0.5 { 1.0 } else { 0.1 };
                theta.iter().map(|t| t + sd * normal()).collect()
            },
        },
        "slcp" => Task {
            dims: 5,
            half: 3.0,
            observe: |theta, normal, _| {
                let (s1, s2, rho) = (theta[2].powi(2), theta[3].powi(2), theta[4].tanh());
                let point = |_| {
                    let (a, b) = (normal(), normal());
                    [theta[0] + s1 * a, theta[1] + s2 * (rho * a + (1.0 - rho * rho).sqrt() * b)]
                };
                (0..4).flat_map(point).collect()
            },
        },
        _ => return None,
    })
}

/// The prior's coordinates phi, theta and x of `n` pairs.
fn simulate(task: &Task, n: usize, key: Key) -> [Array2<f64>; 3] {
    let mut rows: [Vec<f64>; 3] = Default::default();
    for key in key.fold_in_each(0..n as u64) {
        let [prior, coins, noise] = key.split();
        let mut phi = vec![0.0; task.dims];
        prior.fill_normal(&mut phi);
        let theta: Vec<f64> = phi.iter().map(|phi| task.half * (2.0 * normal_cdf(*phi) - 1.0)).collect();
        let mut numbers = [0.0; 16];
        noise.fill_normal(&mut numbers);
        let (mut normals, mut rng) = (numbers.into_iter(), coins.rng());
        let x = (task.observe)(&theta, &mut || normals.next().unwrap_or(0.0), &mut || rng.random());
        for (rows, new) in rows.iter_mut().zip([phi, theta, x]) {
            rows.extend(new);
        }
    }
    rows.map(|rows| Array2::from_shape_vec((n, rows.len() / n), rows).unwrap_or_default())
}

/// `ln q` of theta from that of phi: `sum_i ln p(theta_i) - ln N(phi_i)`.
fn correction(task: &Task, phi: &Array2<f64>) -> Array1<f64> {
    let one = |phi: &f64| 0.5 * phi * phi + 0.5 * (2.0 * PI).ln() - (2.0 * task.half).ln();
    phi.rows().into_iter().map(|row| row.iter().map(one).sum()).collect()
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let setting = |name: &str, or: &str| {
        let found = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or(or).to_string()
    };
    let name = words.first().cloned().unwrap_or_default();
    let task = task(&name).ok_or("name a task: two_moons, gaussian_mixture or slcp")?;
    let n: usize = words.get(1).ok_or("how many pairs?")?.parse()?;
    let bijection = match &*setting("flow", "spline") {
        "affine" => Bijection::Affine,
        _ => Bijection::SPLINE,
    };
    let defaults = TrainingSettings::default();
    let hidden: usize = setting("hidden", "50").parse()?;
    let transforms: usize = setting("transforms", "5").parse()?;
    let settings = TrainingSettings {
        architecture: Architecture { bijection, transforms, hidden: vec![hidden, hidden] },
        members: setting("members", "4").parse()?,
        learning_rate: setting("rate", &defaults.learning_rate.to_string()).parse()?,
        batch: Some(setting("batch", "0").parse()?).filter(|batch| *batch > 0),
        patience: setting("patience", &defaults.patience.to_string()).parse()?,
        cooldowns: setting("cooldowns", &defaults.cooldowns.to_string()).parse()?,
        ..defaults
    };
    let keys: u64 = setting("keys", "3").parse()?;
    let mut sums = [0.0; 3];
    for key in Key::new(setting("seed", "0").parse()?).fold_in_each(0..keys) {
        let [data, fresh, training] = key.split();
        let [phi, theta, x] = simulate(&task, n, data);
        let [fresh_phi, fresh_theta, fresh_x] = simulate(&task, 4000, fresh);
        let split = Split::new(n, settings.validation, training)?;
        let train = |y: &Array2<f64>, standardise_y: bool| -> Outcome<Trained<f32>> {
            let settings = TrainingSettings { standardise_y, ..settings.clone() };
            let mut run = Training::with_split(&Pairs::new(y.view(), x.view())?, split.clone(), &settings, training)?;
            run.run(usize::MAX, &|_| ControlFlow::Continue(()))?;
            Ok(run.finish()?)
        };
        let start = std::time::Instant::now();
        let (prior, linear) = (train(&phi, false)?, train(&theta, true)?);
        let seconds = start.elapsed().as_secs_f64();
        let held_out = correction(&task, &phi.select(Axis(0), split.validation())).insert_axis(Axis(1));
        let held_out = [&prior.held_out + &held_out, linear.held_out.clone()];
        let of_prior = prior.ensemble.member_log_densities(fresh_phi.view(), fresh_x.view())?;
        let of_prior = of_prior + correction(&task, &fresh_phi).insert_axis(Axis(1));
        let of_linear = linear.ensemble.member_log_densities(fresh_theta.view(), fresh_x.view())?;
        let loss = |held_out: &Array2<f64>, fresh: &Array2<f64>| -> Outcome<f64> {
            Ok(-mixture(fresh.view(), &stacking(held_out.view())?).mean().unwrap_or(f64::NAN))
        };
        let half: Vec<usize> = (0..settings.members.div_ceil(2)).collect();
        let both = |[a, b]: [&Array2<f64>; 2]| {
            concatenate(Axis(1), &[a.select(Axis(1), &half).view(), b.select(Axis(1), &half).view()])
        };
        let losses = [
            loss(&held_out[0], &of_prior)?,
            loss(&held_out[1], &of_linear)?,
            loss(&both([&held_out[0], &held_out[1]])?, &both([&of_prior, &of_linear])?)?,
        ];
        let epochs: Vec<usize> = prior.members.iter().chain(&linear.members).map(|m| m.history.len()).collect();
        println!(
            "{name} {n}: prior {:.3}, linear {:.3}, both {:.3}; {seconds:.1} s, epochs {epochs:?}",
            losses[0], losses[1], losses[2]
        );
        sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss / keys as f64);
    }
    println!("{name} {n}, mean of {keys} keys: prior {:.3}, linear {:.3}, both {:.3}", sums[0], sums[1], sums[2]);
    Ok(())
}
