//! The files that people write: of `imnn fit` and of `imnn simulate`.

use crate::check::{is_of_modest_size, text};
use crate::target::Answer;
use imnn::models::Model;
use imnn_cli::run_file::{RunFile, SimulateFile};

/// Keys, names and numbers.
pub(super) const WORDS: &[&str] = &[
    "theta_fid = [0.0, 1.0]\n",
    "[simulations]\n",
    "[simulations.validation]\n",
    "[simulations.noise]\n",
    "augment = { rotate = true }\n",
    "[network]\n",
    "[optimiser]\n",
    "[fit]\n",
    "[device]\n",
    "[checkpoints]\n",
    "kind = \"numerical\"\n",
    "kind = \"exact\"\n",
    "kind = \"simulator\"\n",
    "n_s = 9223372036854775807\n",
    "n_d = ",
    "input_shape = [8, 8, 1]\n",
    "delta_theta = [0.1, 0.1]\n",
    "{ dense = 2 }, ",
    "{ conv = { filters = 2, kernel = [3, 3], strides = [2, 2], padding = \"same\" } }, ",
    "{ max_pool = { window = [2, 2] } }, ",
    "{ parallel = { branches = [[",
    "{ residual = [",
    "\"flatten\", ",
    "\"global_avg_pool\", ",
    "{ reshape = [4, 1] }, ",
    "{ standardise = { mean = [0], deviation = [1] } }, ",
    "schedule = { cosine = { start = 1e-3, iterations = 10 } }",
    "4 GiB",
    "\"\"\"",
    "1e999",
    "-0.0",
    "nan",
    "inf",
    "-1",
    "0x",
    "99999999999999999999",
    "9223372036854775807",
    "1979-05-27T07:32:00Z",
    "[[",
    "]]",
    "{",
    "\\u0000",
    "\u{e9}",
    "{seed}",
    "{seed:05}",
    "{theta}",
    "{theta[0]}",
    "{theta[Om]}",
    "{{",
    "{out}",
    "null",
    "true",
];

/// Shapes of data that networks are tried on.
const INPUTS: [&[usize]; 3] = [&[10], &[8, 8, 1], &[4, 4, 4, 2]];

/// Written again, it says the same; its network has a size, or a reason why it does not fit the data.
pub(super) fn run_file(data: &[u8]) -> Answer {
    let run = parse(data, |text| RunFile::parse(text, "x/run.toml"))?;
    let written = run.to_toml().unwrap_or_else(|error| panic!("what was accepted cannot be written: {error}"));
    let again = RunFile::parse(&written, "run.toml");
    let again = again.unwrap_or_else(|error| panic!("what was written is refused: {error}\n{written}"));
    let again = again.to_toml().map_err(text)?;
    assert_eq!(again, written, "another run file when it is written and read again");
    assert!(run.parameters.len() == run.theta_fid.len(), "not a name for each parameter");
    assert!(run.theta_fid.iter().all(|value| value.is_finite()), "a fiducial parameter that is not finite");
    let mut fits = 0;
    if let Some(network) = run.network.layers.as_ref().filter(|_| is_of_modest_size(data)) {
        for input in INPUTS {
            fits += usize::from(Model::new(network.clone(), input).is_ok());
        }
    }
    Ok(format!("run file {}", "i".repeat(fits)))
}

/// It can be laid out: a command for every vector of parameters.
pub(super) fn simulate_file(data: &[u8]) -> Answer {
    let file = parse(data, |text| SimulateFile::parse(text, "x/sims.toml"))?;
    let design = &file.design;
    design.validate().unwrap_or_else(|error| panic!("what was accepted is refused: {error}"));
    let n = design.theta_fid.len();
    assert!(
        [&design.theta_below, &design.theta_above].iter().all(|side| side.len() == n),
        "not a side for each parameter"
    );
    let vectors = design.vectors();
    assert_eq!(vectors.len(), 1 + 2 * n);
    let finite = vectors.iter().flat_map(|vector| &vector.theta).all(|value| value.is_finite());
    assert!(finite, "a parameter that is not finite");
    assert!(design.first_seed.checked_add(design.n_s as u64).is_some(), "the last seed is no number");
    Ok(format!("design {}", "i".repeat(n.min(5))))
}

fn parse<T, E: std::fmt::Display>(data: &[u8], parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, String> {
    let data = std::str::from_utf8(data).map_err(text)?;
    parse(data).map_err(|error| {
        let message = text(error);
        assert!(message.contains("run.toml") || message.contains("sims.toml"), "the file is not named: {message}");
        message
    })
}

const RUN: &str = r#"seed = 3
theta_fid = [0.0, 1.0]
parameters = ["mu", "s"]

[simulations]
kind = "numerical"
fiducial = "a.npz:f"
below = ["b/{seed}.npy", "c/{seed:05}.npy"]
above = ["d.h5:x/y", "e_*.tfrecords"]
delta_theta = [0.1, 0.2]
n_s = 100
n_d = 50
input_shape = [8, 8, 1]

[simulations.validation]
fiducial = "f.npy"
below = ["b.npy", "c.npy"]
above = ["d.npy", "e.npy"]

[network]
precision = "f64"
n_summaries = 3
layers = [
  { standardise = { mean = [0.5], deviation = [2.0] } },
  { conv = { filters = 4, kernel = [3, 3], strides = [2, 2], padding = "circular", weight = "he_normal" } }, "gelu",
  { parallel = { branches = [["relu"], [{ dense = 4 }]], join = "concat" } },
  { residual = [{ dense = 8 }, "tanh"] },
  "global_avg_pool", { dense = 3 },
]

[optimiser]
adamw = { learning_rate = 1e-3, weight_decay = 0.01 }
clip_norm = 1.0

[fit]
max_iterations = 10
kappa = 0.1

[checkpoints]
minutes = 1.5
iterations = 100

[device]
threads = 2
memory = "2 GiB"
"#;

const SIMULATE: &str = r#"theta_fid = [0.3, 0.8]
parameters = ["Om", "s8"]
delta_theta = [0.02, 0.04]
n_s = 100
n_d = 50
first_seed = 7
shape = [16, 16]
command = ["python3", "sim.py", "--seed", "{seed}", "--theta={theta}", "{out}"]
dir = "code"
timeout = 3.5
jobs = 4
retries = 1
"#;

/// Of each a file with nearly all keys, and another that says it otherwise.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let sides = SIMULATE
        .replace("delta_theta = [0.02, 0.04]", "theta_below = [0.29, 0.78]\ntheta_above = [0.31, 0.82]")
        .replace("\"--theta={theta}\"", "\"{theta[Om]}\", \"{theta[1]}\"");
    let simulator = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"simulator\"\nsimulator = \"mean_variance\"\nn_data = 10\n\
                     derivative = \"exact\"\nn_s = 100\n[network]\nlayers = [{ dense = 8 }, \"gelu\", { dense = 2 }]\n\
                     [optimiser]\nadam = { schedule = { cosine = { start = 3e-3, iterations = 100 } } }\n";
    vec![
        ("run_file", "numerical.toml".to_owned(), RUN.as_bytes().to_vec()),
        ("run_file", "simulator.toml".to_owned(), simulator.as_bytes().to_vec()),
        ("simulate_file", "widths.toml".to_owned(), SIMULATE.as_bytes().to_vec()),
        ("simulate_file", "sides.toml".to_owned(), sides.into_bytes()),
    ]
}
