//! The longer texts of `--help`.

use imnn::models::{layers, optimisers};
use imnn::sim::BuiltIn;

/// A session, after the list of commands.
pub(crate) const SESSION: &str = "\
A session:
  imnn fit run.toml --out run             train, save the run and its plot
  imnn estimate run observed.npy          parameters of data, with errors
  imnn estimate run test.npy --truth theta.npy
  imnn plot run --expected 50 --out history.svg

`imnn fit --help` shows a run file. Exit codes: 0 done, 1 the reason is printed, 2 wrong usage.";

/// A run file, after the options of `imnn fit`.
pub(crate) fn run_file() -> String {
    let simulators: String = BuiltIn::help().iter().map(|(name, help)| format!("#   \"{name}\": {help}\n")).collect();
    let comments = |text: String| text.lines().map(|line| format!("#   {line}\n")).collect::<String>();
    RUN_FILE
        .replace("# SIMULATORS\n", &simulators)
        .replace("# LAYERS\n", &comments(layers::help()))
        .replace("# OPTIMISERS\n", &comments(optimisers::help()))
}

const RUN_FILE: &str = r#"A run file; what has a default may be left out:

seed = 0                                 # the same seed gives the same bits, whatever the number of threads
theta_fid = [0.4, 0.75]
parameters = ["Omega_c", "sigma_8"]      # names, for tables and plots

[simulations]
kind = "numerical"                       # "numerical", "exact" or "simulator"
fiducial = "train/fiducial.npy"          # (n_s, *input)
derivative = "train/derivative.npy"      # numerical: (n_d, 2, n_params, *input), 0 = below, 1 = above
                                         # exact: (n_d, *input, n_params)
                                         # one file for each seed: "train/{seed}.npy"; one array in a file for each:
                                         # "many.h5:fid/{seed}"; a column of text: "Pk/{seed}.txt:1"; instead of
                                         # derivative also
                                         # below = ["Om_m/{seed}.npy", "s8_m/{seed}.npy"] and above = [...], or
                                         # below = "m.npy" and above = "p.npy", (n_d, n_params, *input) each
invalid = "refuse"                       # simulations that are not finite; "drop": left out, with their partners
check = "on"                             # looks at a part of the files before training; "off": takes them as they are
delta_theta = [0.04, 0.03]               # theta_above - theta_below, the full width; or give these two
n_s = 1000                               # rows to use, all by default; also n_d
input_shape = [32, 32, 1]                # where it is to differ from the file's, as by an axis of channels
load = "auto"                            # "memory", or "stream": read in each iteration, a few rows at a time; auto
                                         # streams what is larger than [device] memory (half the machine's by default)
# cache = "1 GiB"                        # of what is streamed, the first rows to keep in memory all the same
# prefetch = "auto"                      # read in advance where reading is slow; or "always", "never"
# kind = "simulator" takes n_s, n_d in place of files, and simulator =
# SIMULATORS

[simulations.augment]                    # symmetries, drawn anew in each iteration, for training only
shift = true                             # periodic
flip = true
transpose = true

# validation = 0.2                       # in [simulations]: a fifth of the files is kept apart; or files of their own:
[simulations.validation]                 # decides when to stop and which weights are best; for a simulator n_s, n_d
fiducial = "validation/fiducial.npy"
derivative = "validation/derivative.npy" # or below, above; also load, cache, prefetch, invalid, n_s, n_d

# [summaries]                            # what one trusts already, to which the network adds; its last layer sees both
# given = "power_spectrum"               # of the data; or from files, row by row as the simulations:
# given = { fiducial = "t.npy", derivative = "dt.npy" }    # (n_s, n_given); for validation [summaries.validation]

[network]
precision = "f32"                        # or "f64"
# initial = "weights.safetensors"        # start from the weights of another run of this network (or .npz)
# n_summaries = 2                        # as many as parameters by default, or more
layers = [
  "log1p",
  { conv = { filters = 8, kernel = [3, 3], strides = [2, 2], padding = "circular" } }, "leaky_relu",
  { parallel = { branches = [[{ dense = 8 }], [{ dense = 8 }, "tanh"]], join = "concat" } },
  { residual = [{ dense = 16 }, "gelu"] },
  { max_pool = { window = [2, 2], strides = [2, 2], padding = "valid" } },
  "global_avg_pool", { dense = 2 },
]
# all layers:
# LAYERS

[optimiser]
adam = { learning_rate = 1e-3 }          # or { schedule = { cosine = { start = 3e-3, iterations = 3000 } } }
clip_norm = 10.0                         # or clip_value
# all optimisers:
# OPTIMISERS

[fit]
lambda = 10.0                            # largest strength of the covariance regularisation
epsilon = 0.1                            # how close to the identity the covariance should come
patience = 100                           # iterations without a larger det F, counted after min_iterations
min_iterations = 100
max_iterations = 100000
best = true                              # keep the weights with the largest det F, not the last
whiten = true                            # map the last layer once so that training starts with covariance I

[checkpoints]
minutes = 10                             # between two of them
# iterations = 1000                      # after so many as well

[device]
kind = "cpu"
threads = 2                              # all by default
memory = "1 GiB"                         # for what is kept between the passes and of files that are streamed; beyond
                                         # it simulations are read again
n_per_device = 100                       # simulations handed to a thread or GPU at once, at most
# kind = "cuda"                          # NVIDIA GPUs, where imnn is built with them: see imnn devices
# devices = [0]
# tf32 = false
"#;

/// What to simulate, after the options of `imnn simulate`.
pub(crate) const SIMULATE: &str = r#"What to simulate; what has a default may be left out:

theta_fid = [0.4, 0.75]
parameters = ["Omega_c", "sigma_8"]      # folders are named after them
delta_theta = [0.04, 0.03]               # theta_above - theta_below, the full width; or theta_below and theta_above
n_s = 1000                               # simulations at the fiducial
n_d = 500                                # the first of them with partners below and above; n_s by default
first_seed = 0                           # the others follow; partners have the seed of their simulation
command = ["python3", "sim.py", "--seed", "{seed}", "--theta={theta}", "--out", "{out}"]
timeout = 600                            # seconds; no limit by default
jobs = 8                                 # at a time; as many as there are processors by default
block = 1000                             # simulations in a file; a file for each by default
retries = 0                              # how often each is tried again when it fails
dir = "."                                # where the program is started, as seen from the folder of this file
shape = [32, 32]                         # of a simulation; that of the first that is made by default

# The command is a program with its arguments, not a line for a shell. {theta} alone is an argument for each parameter,
# inside a longer text they are joined by commas; {theta[0]} and {theta[sigma_8]} are single ones; {{ and }} are braces.

# On a cluster: --claim in each task of an array job, --slurm 100 for its script, --status from anywhere.
"#;

/// Where the summaries go, after the options of `imnn summarise`.
pub(crate) const SUMMARISE: &str = "\
The Fisher information of any simulations, also those that had no part in training:

  imnn summarise run fiducial.npy --derivative derivative.npy --out x.npz
  imnn fisher --summaries x.npz:x --derivatives x.npz:dx

and with simulations below and above the fiducial:

  imnn summarise run fiducial.npy --out s.npz
  imnn summarise run below_above.npy --out mp.npz
  imnn fisher --summaries s.npz --below-above mp.npz --delta-theta delta_theta.npy";
