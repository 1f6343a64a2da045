//! Tests of run files: what is read, and what every mistake is answered with.

use imnn::data::{ArrayPath, Augmentation, DerivativeFiles, Load, Loading, ParameterSteps, Prefetch};
use imnn::models::{Adam, Model, Schedule};
use imnn::sim::{BuiltIn, GaussianMeanVariance};

use super::*;

/// The run file of the documentation, with everything written out.
const FULL: &str = r#"seed = 7
theta_fid = [0.0, 1.0]
parameters = ["mu", "sigma2"]

[simulations]
kind = "numerical"
fiducial = "train/fiducial.npy"
derivative = "train.npz:derivative"
delta_theta = [0.1, 0.1]
load = "stream"
cache = "1 GiB"
prefetch = "never"
n_s = 1000
n_d = 500
input_shape = [32, 32, 1]
[simulations.augment]
shift = true
flip = true
[simulations.validation]
fiducial = "/data/fiducial.npy"
below = ["m/{seed}.npy", "m.npz:b"]
above = ["p/{seed}.npy", "p.npz:b"]

[network]
precision = "f64"
initial = "weights.npz"
n_summaries = 3
layers = [
  { conv = { filters = 8, kernel = [3, 3], strides = [2, 2], padding = "same" } }, "leaky_relu",
  "flatten", { dense = 3 },
]

[optimiser]
adam = { schedule = { cosine = { start = 3e-3, iterations = 3000 } } }

[fit]
lambda = 10
epsilon = 0.1
patience = 100
max_iterations = 2000

[device]
kind = "cpu"
threads = 2
n_per_device = 100
memory = "4 GiB"
"#;

const SHORT: &str = r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
[network]
layers = [{ dense = 2 }]
"#;

fn parse(text: &str) -> Result<RunFile, ConfigError> {
    RunFile::parse(text, "runs/run.toml")
}

#[test]
fn every_key_is_read() {
    let run = parse(FULL).unwrap();
    assert_eq!((run.seed, &run.theta_fid[..], run.parameters[1].as_str()), (7, &[0.0, 1.0][..], "sigma2"));
    let Kind::Numerical { files, steps } = &run.simulations.kind else { panic!() };
    assert_eq!(files.fiducial, ArrayPath::from("runs/train/fiducial.npy"));
    let derivative = ArrayPath::with_key("runs/train.npz", "derivative");
    assert_eq!(files.derivative, DerivativeFiles::Array(derivative));
    let loading = Loading { load: Load::Stream, cache: 1 << 30, prefetch: Prefetch::Never };
    assert_eq!(files.loading, loading);
    assert_eq!(*steps, ParameterSteps::of_widths([0.1, 0.1]).unwrap());
    assert_eq!((run.simulations.n_s, run.simulations.n_d), (Some(1000), Some(500)));
    assert_eq!(run.simulations.input_shape.as_deref(), Some(&[32, 32, 1][..]));
    assert_eq!(run.simulations.augment, Augmentation { shift: true, flip: true, transpose: false });
    let Some(Validation { files: Some(files), .. }) = &run.simulations.validation else { panic!() };
    assert_eq!(files.fiducial, ArrayPath::from("/data/fiducial.npy"));
    assert_eq!(files.loading, Loading { load: Load::Auto, cache: 0, prefetch: Prefetch::Auto });
    let below = vec!["runs/m/{seed}.npy".into(), ArrayPath::with_key("runs/m.npz", "b")];
    let above = vec!["runs/p/{seed}.npy".into(), ArrayPath::with_key("runs/p.npz", "b")];
    assert_eq!(files.derivative, DerivativeFiles::Sides { below, above });
    assert_eq!(run.network.precision, Precision::F64);
    assert_eq!(run.network.initial, Some("runs/weights.npz".into()));
    let model = Model::new(run.network.layers.unwrap(), &[32, 32, 1]).unwrap();
    assert_eq!((model.input_shape(), model.output_shape()), (&[32, 32, 1][..], &[3][..]));
    let schedule = Schedule::Cosine { start: 3e-3, end: 0.0, iterations: 3000 };
    assert_eq!(run.optimiser, Some(Adam::new(schedule).unwrap().into()));
    assert_eq!((run.fit.lambda, run.fit.max_iterations, run.fit.best), (Some(10.0), 2000, true));
    assert_eq!((run.device.threads, run.device.memory), (Some(2), Some(4 << 30)));
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let run = parse(SHORT).unwrap();
    assert_eq!((run.seed, run.parameters.join(" ").as_str()), (0, "theta_0 theta_1"));
    let simulator = BuiltIn::MeanVariance(GaussianMeanVariance { n_data: 10 });
    let derivative = SimulatorDerivative::Exact;
    assert_eq!(run.simulations.kind, Kind::Simulator { simulator, derivative });
    assert_eq!(run.simulations.noise, None);
    assert_eq!((run.simulations.n_s, &run.simulations.validation), (None, &None));
    assert_eq!((run.network.precision, &run.network.initial), (Precision::F32, &None));
    assert_eq!((run.optimiser, run.fit), (None, FitSettings::default()));
    assert_eq!((run.device.kind, run.device.threads), (DeviceKind::Cpu, None));
}

#[test]
fn the_resolved_file_is_a_run_file() {
    let files = ["exact", "numerical"].map(|kind| {
        format!(
            "theta_fid = [1.5]\n[simulations]\nkind = \"{kind}\"\nfiducial = \"a.npz:b\"\nderivative = \"/c.npy\"\n{}[network]\nlayers = [\"flatten\", {{ dense = 1 }}]\n[optimiser]\nclip_norm = 1.0\n{}",
            if kind == "exact" { "" } else { "theta_below = [1.4]\ntheta_above = [1.6]\n" },
            if kind == "exact" { "sgd = { momentum = 0.9 }" } else { "adamw = { weight_decay = 1e-2 }\n" },
        )
    });
    let line = "theta_fid = [1]\n[simulations]\nkind = \"simulator\"\nsimulator = \"line\"\nslope_variance = 0.1\n[simulations.validation]\nn_s = 50\n[network]\nlayers = [\"exp\"]\n[optimiser]\nrmsprop = {}\n";
    let field = SHORT.replace("mean_variance\"", "power_law_field\"\nlength = 2.0");
    let noise = FULL.replace(
        "[simulations.validation]",
        "[simulations.noise]\nbank = \"n.npz:b\"\nflip = true\n[simulations.validation]",
    );
    let own = noise.replace("[network]", "[simulations.validation.noise]\nbank = \"/v.npy\"\nscale = 2\n[network]");
    let none = noise.replace("[network]", "noise = false\n[network]");
    let finite = SHORT.replace("[network]", "derivative = { finite = [0.1, 0.2] }\nn_s = 50\nn_data = 5\n[network]");
    let numerical = finite.replace("finite", "numerical");
    let texts = [FULL, SHORT, &files[0], &files[1], line, &field, &noise, &own, &none, &finite, &numerical];
    for text in texts {
        let run = parse(text).unwrap();
        let written = run.to_toml().unwrap();
        // Paths are resolved already, so that they are taken from here.
        let again = RunFile::parse(&written, "config.toml").unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(again.to_toml().unwrap(), written);
    }
}

#[test]
fn noise_is_read() {
    let table = "[simulations.noise]\nbank = \"noise.npz:b\"\nscale = 0.5\nload = \"stream\"\nshift = true\n";
    let text = FULL.replace("[network]", &format!("{table}[network]"));
    let run = parse(&text).unwrap();
    let noise = run.simulations.noise.unwrap();
    assert_eq!(noise.bank, ArrayPath::with_key("runs/noise.npz", "b"));
    assert_eq!((noise.scale, noise.load), (0.5, Load::Stream));
    assert_eq!(noise.symmetries, Augmentation { shift: true, ..Augmentation::default() });
    let of_validation = |text: &str| parse(text).unwrap().simulations.validation.unwrap().noise;
    assert_eq!(of_validation(&text), ValidationNoise::AsTraining);
    assert_eq!(
        of_validation(&text.replace("[network]", "[simulations.validation.noise]\nbank = \"v.npy\"\n[network]")),
        {
            let bank = "runs/v.npy".into();
            ValidationNoise::Own(Noise { bank, scale: 1.0, load: Load::Auto, symmetries: Augmentation::default() })
        }
    );
    let simulated = format!("{SHORT}[simulations.validation]\nnoise = false\n");
    assert_eq!(of_validation(&simulated), ValidationNoise::None);

    let refused = |table: &str, message: &str| {
        let text = SHORT.replace("[network]", &format!("{table}[network]"));
        assert_eq!(parse(&text).unwrap_err().to_string(), message);
    };
    refused(
        "[simulations.noise]\nscale = 2\n",
        "runs/run.toml line 5: simulations.noise: the key \"bank\" is missing: write the path of the samples, (n_noise, *input), as bank = \"noise.npy\"",
    );
    refused(
        "[simulations.noise]\nbank = \"n.npy\"\nscale = 0\n",
        "runs/run.toml line 7: simulations.noise.scale: 0 is not positive; for no noise leave the table out",
    );
    refused(
        "[simulations.noise]\nbank = \"n.npy\"\nshifts = true\n",
        "runs/run.toml line 7: simulations.noise: unknown key \"shifts\"; did you mean \"shift\"?",
    );
    refused(
        "[simulations.noise]\nbank = \"n.npy\"\nload = \"disk\"\n",
        "runs/run.toml line 7: simulations.noise.load: unknown name \"disk\"; expected one of auto, memory, stream",
    );
    refused("noise = 3\n", "runs/run.toml line 5: simulations.noise: expected a table, found the integer 3");
}

#[test]
fn derivatives_of_simulators_are_read() {
    let read =
        |line: &str| parse(&SHORT.replace("[network]", &format!("{line}\n[network]"))).map(|run| run.simulations.kind);
    for (line, expected) in [
        ("derivative = \"exact\"", SimulatorDerivative::Exact),
        ("derivative = { finite = [0.1, 1] }", SimulatorDerivative::Finite(vec![0.1, 1.0])),
        ("derivative = { numerical = [0.1, 1] }", SimulatorDerivative::Numerical(vec![0.1, 1.0])),
    ] {
        let Kind::Simulator { derivative, .. } = read(line).unwrap() else { panic!() };
        assert_eq!(derivative, expected);
    }
    let known = "\"exact\" or a table { finite = [...] } or { numerical = [...] } of full widths";
    let place = "runs/run.toml line 5: simulations.derivative";
    for (line, message) in [
        ("derivative = \"finite\"", format!("{place}: expected {known}, found the text \"finite\"")),
        ("derivative = 3", format!("{place}: expected {known}, found the integer 3")),
        ("derivative = {}", format!("{place}: expected {known}, one of these")),
        ("derivative = { finite = [1] }", format!("{place}.finite: 1 values for the 2 of theta_fid")),
        (
            "derivative = { numerical = [1, 0] }",
            format!(
                "{place}.numerical: delta_theta[1] = 0: without a distance there is no derivative; give theta_above - theta_below, the full width"
            ),
        ),
    ] {
        assert_eq!(read(line).unwrap_err().to_string(), message);
    }
}

/// Replaces `from` by `to` in the full file and checks the message.
#[track_caller]
fn refused(from: &str, to: &str, message: &str) {
    assert!(FULL.contains(from), "{from}");
    let error = parse(&FULL.replacen(from, to, 1)).unwrap_err().to_string();
    assert_eq!(error, message);
}

#[test]
fn sizes_that_no_machine_has_are_refused() {
    for (from, to, parts) in [
        ("n_s = 1000", "n_s = 1000000000000", ["simulations.n_s: 1000000000000 is too many, at most ", "29.1 TiB"]),
        ("n_s = 1000", "n_s = 9223372036854775807", ["n_s: 9223372036854775807 is too many", "of this machine"]),
        ("n_d = 500", "n_d = 9223372036854775807", ["n_d: 9223372036854775807 is too many", "of this machine"]),
        ("threads = 2", "threads = 99999999999", ["device.threads: 99999999999 is too many, at most ", "processors"]),
    ] {
        assert!(FULL.contains(from), "{from}");
        let message = parse(&FULL.replacen(from, to, 1)).unwrap_err().to_string();
        for part in ["runs/run.toml line "].iter().chain(&parts) {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    }
    parse(&FULL.replacen("threads = 2", "threads = 1024", 1)).unwrap();
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    refused("patience", "patiense", "runs/run.toml line 39: fit: unknown key \"patiense\"; did you mean \"patience\"?");
    refused(
        "theta_fid",
        "theta_fiducial",
        "runs/run.toml line 2: unknown key \"theta_fiducial\"; expected one of seed, theta_fid, parameters, simulations, summaries, network, optimiser, fit, checkpoints, device",
    );
    refused("[fit]", "[fits]", "runs/run.toml line 36: unknown key \"fits\"; did you mean \"fit\"?");
    refused(
        "flip",
        "flips",
        "runs/run.toml line 18: simulations.augment: unknown key \"flips\"; did you mean \"flip\"?",
    );
    refused(
        "start",
        "star",
        "runs/run.toml line 34: optimiser.adam.schedule.cosine: unknown key \"star\"; did you mean \"start\"?",
    );
    refused("adam", "Adam", "runs/run.toml line 34: optimiser: unknown key \"Adam\"; did you mean \"adam\"?");
    refused(
        "\"flatten\"",
        "\"flaten\"",
        "runs/run.toml line 30: network.layers[2]: unknown layer \"flaten\"; did you mean \"flatten\"?",
    );
    refused(
        "strides =",
        "stride =",
        "runs/run.toml line 29: network.layers[0].conv: unknown key \"stride\"; did you mean \"strides\"?",
    );
    refused(
        "delta_theta = [0.1, 0.1]",
        "widths = [0.1, 0.1]",
        "runs/run.toml line 9: simulations: unknown key \"widths\"; expected one of kind, n_s, n_d, input_shape, check, augment, noise, validation, fiducial, derivative, load, cache, prefetch, invalid, below, above, delta_theta, theta_below, theta_above",
    );
}

#[test]
fn missing_keys_are_named() {
    refused(
        "theta_fid = [0.0, 1.0]\n",
        "",
        "runs/run.toml line 1: the key \"theta_fid\" is missing: write the fiducial parameters, as theta_fid = [0.0, 1.0]",
    );
    refused(
        "delta_theta = [0.1, 0.1]\n",
        "",
        "runs/run.toml line 5: simulations: numerical derivatives need theta_below and theta_above, or delta_theta = theta_above - theta_below",
    );
    refused(
        "delta_theta = [0.1, 0.1]\n",
        "theta_below = [0.1, 0.1]\n",
        "runs/run.toml line 9: simulations.theta_below: theta_below is given without theta_above; give both",
    );
    let error = parse("theta_fid = [1.0]\n[network]\nlayers = []").unwrap_err().to_string();
    assert!(error.contains("the key \"simulations\" is missing"), "{error}");
}

#[test]
fn wrong_types_are_shown() {
    refused(
        "lambda = 10",
        "lambda = \"ten\"",
        "runs/run.toml line 37: fit.lambda: expected a number, found the text \"ten\"",
    );
    refused(
        "seed = 7",
        "seed = -7",
        "runs/run.toml line 1: seed: expected a whole number, not negative, found the integer -7",
    );
    refused(
        "[0.0, 1.0]",
        "[0.0, nan]",
        "runs/run.toml line 2: theta_fid: expected a list of finite numbers, found the list [0.0, nan]",
    );
    refused(
        "fiducial = \"train/fiducial.npy\"",
        "fiducial = 3",
        "runs/run.toml line 7: simulations.fiducial: expected the path of an array in quotes: file.npy or file.npz:key, found the integer 3",
    );
    refused(
        "shift = true",
        "shift = 1",
        "runs/run.toml line 17: simulations.augment.shift: expected true or false, found the integer 1",
    );
}

#[test]
fn useless_values_are_explained() {
    refused(
        "\"numerical\"",
        "\"numeric\"",
        "runs/run.toml line 6: simulations.kind: unknown name \"numeric\"; did you mean \"numerical\"?",
    );
    refused(
        "[0.1, 0.1]",
        "[0.1, -0.1]",
        "runs/run.toml line 9: simulations.delta_theta: delta_theta[1] = -0.1: it is theta_above - theta_below and positive; if the simulations are stored above first, swap the two",
    );
    refused(
        "[0.1, 0.1]",
        "[0.1]",
        "runs/run.toml line 9: simulations.delta_theta: delta_theta has 1 parameter, theta_fid has 2 parameters",
    );
    refused(
        "n_d = 500",
        "n_d = 5000",
        "runs/run.toml line 14: simulations.n_d: 5000 simulations with derivatives of only n_s = 1000; n_d <= n_s",
    );
    refused(
        "[\"mu\", \"sigma2\"]",
        "[\"mu\"]",
        "runs/run.toml line 3: parameters: 1 names for the 2 values of theta_fid",
    );
    refused(
        "\"4 GiB\"",
        "\"plenty\"",
        "runs/run.toml line 46: device.memory: expected an amount of memory such as \"4 GiB\" or \"500 MB\", found the text \"plenty\"",
    );
    refused(
        "patience = 100",
        "patience = 0",
        "runs/run.toml line 39: fit.patience: patience is 0, it must be at least 1",
    );
    let error = parse(&FULL.replacen("lambda = 10", "lambda = 0.1", 1)).unwrap_err().to_string();
    assert!(error.starts_with("runs/run.toml line 37: fit.lambda: "), "{error}");
    let error = parse(&SHORT.replace("[0.0, 1.0]", "[0.0]")).unwrap_err().to_string();
    assert_eq!(
        error,
        "runs/run.toml line 4: simulations.simulator: \"mean_variance\" takes 2 values in theta_fid, not 1"
    );
    let error = parse(&SHORT.replace("mean_variance", "mean_varience")).unwrap_err().to_string();
    assert!(error.ends_with("unknown name \"mean_varience\"; did you mean \"mean_variance\"?"), "{error}");
}

#[test]
fn files_are_given_one_way() {
    let side = "below = [\"m.npy\", \"n.npy\"]";
    refused(
        "load = \"stream\"",
        side,
        "runs/run.toml line 10: simulations.below: derivative is given too; give that, or below and above",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        side,
        "runs/run.toml line 5: simulations: the key \"above\" is missing: below needs it, an array for each parameter, or one (n_d, n_params, *input)",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        "above = \"m.npy\"\nbelow = [\"m.npy\", \"n.npy\", \"o.npy\"]",
        "runs/run.toml line 9: simulations.below: 3 arrays for the 2 values of theta_fid; give one for each, or one (n_d, n_params, *input) for all",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        "",
        "runs/run.toml line 5: simulations: the key \"derivative\" is missing: write the path of an array (n_d, 2, n_params, *input), 0 = below, 1 = above, as derivative = \"derivative.npy\"; or below and above, an array (n_d, n_params, *input) each, or lists with one for each parameter",
    );
    refused(
        "\"stream\"",
        "\"streams\"",
        "runs/run.toml line 10: simulations.load: unknown name \"streams\"; did you mean \"stream\"?",
    );
    refused(
        "\"never\"",
        "\"sometimes\"",
        "runs/run.toml line 12: simulations.prefetch: unknown name \"sometimes\"; expected one of auto, always, never",
    );
    refused(
        "\"1 GiB\"",
        "\"all\"",
        "runs/run.toml line 11: simulations.cache: expected an amount of memory such as \"4 GiB\" or \"500 MB\", found the text \"all\"",
    );
    refused(
        "\"stream\"",
        "\"memory\"",
        "runs/run.toml line 11: simulations.cache: belongs to load = \"stream\"; load = \"memory\" keeps everything",
    );
    let error = parse(&SHORT.replace("[network]", "load = \"stream\"\n[network]")).unwrap_err().to_string();
    assert!(error.contains("simulations: unknown key \"load\""), "{error}");
    let exact = "theta_fid = [1.5]\n[simulations]\nkind = \"exact\"\nfiducial = \"a.npy\"\nbelow = [\"b.npy\"]\n";
    let error = parse(&format!("{exact}[network]\nlayers = [\"exp\"]\n")).unwrap_err().to_string();
    assert!(error.contains("simulations: unknown key \"below\""), "{error}");
}

#[test]
fn broken_toml_is_located() {
    let error = parse("seed = 1\ntheta_fid = [0.0\n[fit]\n").unwrap_err().to_string();
    assert!(error.starts_with("runs/run.toml line ") && error.contains("not valid TOML"), "{error}");
    let error = RunFile::read("no/such/run.toml").unwrap_err().to_string();
    assert!(error.starts_with("cannot read the run file no/such/run.toml: "), "{error}");
}

#[test]
fn simulators_become_sources() {
    for (simulator, shape, theta_fid) in [
        ("mean_variance\"\nn_data = 7", vec![7], "[0.0, 1.0]"),
        ("line\"\nn_data = 5\nx_max = 4.0\nslope_variance = 0.1", vec![5], "[1.0]"),
        ("power_law_field\"\nn = 8\nlength = 2.0", vec![8, 8, 1], "[1.0, 0.5]"),
    ] {
        let text = SHORT.replace("[0.0, 1.0]", theta_fid).replace("mean_variance\"", simulator);
        let run = parse(&text.replace("[network]", "[simulations.validation]\nn_s = 40\nn_d = 30\n[network]")).unwrap();
        let Sources { training, validation, .. } = run.sources::<f32>().unwrap();
        let (n_s, n_d) = if shape.len() > 1 { (200, 40) } else { (1000, 500) };
        assert_eq!((training.n_s(), training.n_d(), training.input_shape()), (n_s, n_d, &shape[..]));
        assert_eq!(training.n_params(), run.theta_fid.len());
        let validation = validation.unwrap();
        assert_eq!((validation.n_s(), validation.n_d()), (40, 30));
        assert!(parse(&text).unwrap().sources::<f64>().unwrap().validation.is_none());
    }
    let refused = parse(&SHORT.replace("1.0]", "-1.0]")).unwrap().sources::<f64>().err().unwrap().to_string();
    assert!(refused.contains("-1"), "{refused}");
}

#[test]
fn files_become_sources() {
    use imnn::data::arrays::write_npz;
    use ndarray::{ArrayD, IxDyn};

    let folder = tempfile::tempdir().unwrap();
    let zeros = |shape: &[usize]| ArrayD::<f64>::zeros(IxDyn(shape));
    let (fiducial, derivative) = (zeros(&[20, 4, 4]), zeros(&[10, 2, 2, 4, 4]));
    let arrays = [("f", fiducial.view().into()), ("d", derivative.view().into())];
    write_npz(folder.path().join("data.npz"), &arrays).unwrap();
    let text = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"numerical\"\nfiducial = \"data.npz:f\"\nderivative = \"data.npz:d\"\ndelta_theta = [0.1, 0.2]\nn_s = 15\ninput_shape = [4, 4, 1]\n[simulations.augment]\ntranspose = true\n[simulations.validation]\nfiducial = \"data.npz:f\"\nderivative = \"data.npz:d\"\n[network]\nlayers = [\"flatten\", { dense = 2 }]\n";
    let parse = |text: &str| RunFile::parse(text, folder.path().join("run.toml")).unwrap();
    let run = parse(text);
    let Sources { training, validation, .. } = run.sources::<f32>().unwrap();
    assert_eq!((training.n_s(), training.n_d(), training.input_shape()), (15, 10, &[4, 4, 1][..]));
    assert_eq!(validation.unwrap().n_s(), 20);

    let message = |text: &str| parse(text).sources::<f32>().err().unwrap().to_string();
    let outside = text.replace("delta_theta = [0.1, 0.2]", "theta_below = [0.1, 0.9]\ntheta_above = [0.2, 1.1]");
    let outside = RunFile::parse(&outside, "run.toml").unwrap_err().to_string();
    assert!(outside.contains("theta_fid[0] = 0 is not between theta_below[0] = 0.1"));
    let three = text.replace("[0.0, 1.0]", "[0.0, 1.0, 2.0]").replace("[0.1, 0.2]", "[0.1, 0.2, 0.3]");
    assert!(message(&three).contains("data.npz:d"), "{}", message(&three));
    assert!(message(&text.replace("n_s = 15", "n_s = 25")).contains("n_s = 25, but"));
}
