//! The run files of the runs that are made under every MPI.

/// Runs of every kind of source.
pub const RUNS: [(&str, &str); 4] = [
    (
        "exact, validated",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "exact"
fiducial = "REPO/tests/golden/fit_gradient.npz:fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:derivative"
[simulations.validation]
fiducial = "REPO/tests/golden/fit_gradient.npz:validation_fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:validation_derivative"
[network]
layers = [{ dense = 32 }, "leaky_relu", { dense = 2 }]
[optimiser]
adam = { learning_rate = 3e-3 }
[fit]
max_iterations = 30
"#,
    ),
    (
        "streamed",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "exact"
load = "stream"
fiducial = "REPO/tests/golden/fit_gradient.npz:fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:derivative"
[network]
layers = [{ dense = 16 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 30
"#,
    ),
    (
        "fields, below and above, augmented",
        r#"theta_fid = [1.0, 0.5]
[simulations]
kind = "simulator"
simulator = "power_law_field"
n = 16
derivative = { finite = [0.02, 0.02] }
augment = { flip = true, shift = true }
n_s = 83
n_d = 47
[network]
layers = [{ reshape = [16, 16, 1] }, { conv = { filters = 6, kernel = [3, 3], padding = "circular" } }, "gelu", "global_avg_pool",
          { dense = 2 }]
[optimiser]
adam = { learning_rate = 1e-3 }
[fit]
max_iterations = 15
"#,
    ),
    (
        "on the fly, in rounds",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 700
[network]
layers = [{ dense = 32 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 120
round = 40
tolerance = 0.0
"#,
    ),
];

/// One that takes long enough to be interrupted.
pub const LONG: &str = r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 2000
[network]
layers = [{ dense = 32 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 800
round = 350
tolerance = 0.0
[checkpoints]
iterations = 50
"#;

/// One of which a row cannot be used; it is read by the second of two ranks.
pub const BAD: &str = r#"theta_fid = [0.0]
[simulations]
kind = "exact"
check = "off"
load = "stream"
fiducial = "bad.npy"
derivative = "changes.npy"
[network]
layers = [{ dense = 4 }, "gelu", { dense = 1 }]
[optimiser]
adam = { learning_rate = 1e-3 }
[fit]
max_iterations = 10
"#;
