//! Whether estimates of fresh data scatter as their errors say.

use imnn::data::Microbatch;
use imnn::fit::{Compressor, Imnn};
use imnn::sim::Key;
use ndarray::Array2;

use crate::Failure;
use crate::problems::Problem;
use crate::train::{Settings, train_on};

/// Fresh data sets.
const FRESH: usize = 4000;

/// The key of the fresh data sets; no run has it.
const KEY: u64 = 0x0070_756c_6c73;

/// How simulations come to a run.
const WAYS: [&str; 3] = ["simulator", "files, validated", "files"];

/// For each problem, way and key: the root mean square of (estimate - fiducial) / error for each parameter, and whether
/// what the run says of itself warns of its errors.
pub(crate) fn table(problems: &[&Problem], keys: &[u64]) -> Result<(), Failure> {
    println!(
        "{:<24} {:<17} {:>4} {:>24} {:>16}  warns",
        "problem", "simulations", "key", "rms of pulls", "mean of pulls"
    );
    for problem in problems {
        for way in WAYS {
            for &number in keys {
                let key = Key::new(number);
                let data = match way {
                    "simulator" => problem.data(key, None, None)?,
                    way => problem.sets(key, way.ends_with("validated"))?,
                };
                if way == "simulator" && data.validation.is_some() {
                    continue;
                }
                let on_training = way != "simulator" && data.validation.is_none();
                let imnn = train_on(problem, data, key, &Settings::default())?.imnn;
                let pulls = pulls(problem, &imnn.compressor()?, Key::new(KEY).fold_in(number))?;
                let rms = pulls.columns().into_iter().map(|pull| pull.dot(&pull) / FRESH as f64).map(f64::sqrt);
                let mean = pulls.columns().into_iter().map(|pull| pull.sum() / FRESH as f64);
                let shown = |values: Vec<f64>, digits: usize| {
                    values.iter().map(|value| format!("{value:.digits$}")).collect::<Vec<_>>().join("  ")
                };
                println!(
                    "{:<24} {way:<17} {number:>4} {:>24} {:>16}  {}",
                    problem.name,
                    shown(rms.collect(), 3),
                    shown(mean.collect(), 3),
                    if warns(&imnn, on_training) { "yes" } else { "no" },
                );
            }
        }
    }
    Ok(())
}

/// `(estimate - fiducial) / error` of fresh data at the fiducial, `(n, n_params)`.
fn pulls(problem: &Problem, compressor: &Compressor<f32>, key: Key) -> Result<Array2<f64>, Failure> {
    let source = problem.simulations(FRESH)?;
    let mut batch = Microbatch::new();
    let shape: Vec<usize> = std::iter::once(FRESH).chain(source.input_shape().iter().copied()).collect();
    source.read(0..FRESH, key, &mut batch)?;
    let data = ndarray::ArrayD::from_shape_vec(shape, batch.values)?;
    let estimates = compressor.estimate(&data)?;
    let fiducial = ndarray::aview1(problem.theta_fid);
    Ok((&estimates - &fiducial) / &compressor.errors())
}

/// As `imnn fit` does: of F of the simulations that trained, and of what F is worth.
fn warns(imnn: &Imnn<f32>, on_training: bool) -> bool {
    use imnn::stats::Verdict::Converged;
    let verdicts = imnn.information().map(|information| information.verdicts()).unwrap_or_default();
    on_training || verdicts.iter().any(|verdict| !matches!(verdict, Converged { .. }))
}
