//! Tests of run files: what is read, and what every mistake is answered with.

use imnn::data::{Augmentation, Prefetch};
use imnn::models::{Adam, Model, Schedule};

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

fn parse(text: &str) -> Result<RunFile, RunFileError> {
    RunFile::parse(text, "runs/run.toml")
}

#[test]
fn every_key_is_read() {
    let run = parse(FULL).unwrap();
    assert_eq!((run.seed, &run.theta_fid[..], run.parameters[1].as_str()), (7, &[0.0, 1.0][..], "sigma2"));
    let Kind::Numerical { files, delta_theta, theta_below, .. } = &run.simulations.kind else { panic!() };
    assert_eq!(files.fiducial, ArrayPath::from("runs/train/fiducial.npy"));
    let derivative = ArrayPath::with_key("runs/train.npz", "derivative");
    assert_eq!(files.derivative, DerivativePaths::Array { derivative });
    let loading = Loading { load: Load::Stream, cache: Some(1 << 30), prefetch: Prefetch::Never };
    assert_eq!(files.loading, loading);
    assert_eq!((delta_theta.as_deref(), theta_below), (Some(&[0.1, 0.1][..]), &None));
    assert_eq!((run.simulations.n_s, run.simulations.n_d), (Some(1000), Some(500)));
    assert_eq!(run.simulations.input_shape.as_deref(), Some(&[32, 32, 1][..]));
    assert_eq!(run.simulations.augment, Augmentation { shift: true, flip: true, transpose: false });
    let Some(Validation::Files { files, .. }) = &run.simulations.validation else { panic!() };
    assert_eq!(files.fiducial, ArrayPath::from("/data/fiducial.npy"));
    assert_eq!(files.loading, Loading { load: Load::Auto, cache: None, prefetch: Prefetch::Auto });
    let below = vec!["runs/m/{seed}.npy".into(), ArrayPath::with_key("runs/m.npz", "b")];
    let above = vec!["runs/p/{seed}.npy".into(), ArrayPath::with_key("runs/p.npz", "b")];
    assert_eq!(files.derivative, DerivativePaths::Sides { below, above });
    assert_eq!(run.network.precision, Precision::F64);
    assert_eq!(run.network.initial, Some("runs/weights.npz".into()));
    let model = Model::new(run.network.layers, &[32, 32, 1]).unwrap();
    assert_eq!((model.input_shape(), model.output_shape()), (&[32, 32, 1][..], &[3][..]));
    let schedule = Schedule::Cosine { start: 3e-3, end: 0.0, iterations: 3000 };
    assert_eq!(run.optimiser, Adam::new(schedule).unwrap().into());
    assert_eq!((run.fit.lambda, run.fit.max_iterations, run.fit.best), (10.0, 2000, true));
    assert_eq!((run.device.threads, run.device.memory), (Some(2), Some(4 << 30)));
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let run = parse(SHORT).unwrap();
    assert_eq!((run.seed, run.parameters.join(" ").as_str()), (0, "theta_0 theta_1"));
    assert_eq!(run.simulations.kind, Kind::Simulator(Simulator::MeanVariance(MeanVariance { n_data: 10 })));
    assert_eq!((run.simulations.n_s, &run.simulations.validation), (None, &None));
    assert_eq!((run.network.precision, &run.network.initial), (Precision::F32, &None));
    assert_eq!((run.optimiser, run.fit), (OptimiserConfig::default(), FitSettings::default()));
    assert_eq!((run.device.kind, run.device.threads), (DeviceKind::Cpu, None));
}

#[test]
fn the_resolved_file_is_a_run_file() {
    let files = ["exact", "numerical"].map(|kind| {
        format!(
            "theta_fid = [1.5]\n[simulations]\nkind = \"{kind}\"\nfiducial = \"a.npz:b\"\nderivative = \"/c.npy\"\n{}\
             [network]\nlayers = [\"flatten\", {{ dense = 1 }}]\n[optimiser]\nclip_norm = 1.0\n{}",
            if kind == "exact" { "" } else { "theta_below = [1.4]\ntheta_above = [1.6]\n" },
            if kind == "exact" { "sgd = { momentum = 0.9 }" } else { "adamw = { weight_decay = 1e-2 }\n" },
        )
    });
    let line = "theta_fid = [1]\n[simulations]\nkind = \"simulator\"\nsimulator = \"line\"\nslope_variance = 0.1\n\
                [simulations.validation]\nn_s = 50\n[network]\nlayers = [\"exp\"]\n[optimiser]\nrmsprop = {}\n";
    let field = SHORT.replace("mean_variance\"", "power_law_field\"\nlength = 2.0");
    for text in [FULL, SHORT, &files[0], &files[1], line, &field] {
        let run = parse(text).unwrap();
        let written = run.to_toml().unwrap();
        // Paths are resolved already, so that they are taken from here.
        let again = RunFile::parse(&written, "config.toml").unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(again.to_toml().unwrap(), written);
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
fn unknown_keys_are_refused_with_a_suggestion() {
    refused(
        "patience",
        "patiense",
        "unknown key \"patiense\" in [fit] (runs/run.toml line 39): did you mean \"patience\"?",
    );
    refused(
        "theta_fid",
        "theta_fiducial",
        "unknown key \"theta_fiducial\" at the top of the file (runs/run.toml line 2): there are seed, theta_fid, \
         parameters, simulations, network, optimiser, fit, device",
    );
    refused(
        "[fit]",
        "[fits]",
        "unknown key \"fits\" at the top of the file (runs/run.toml line 36): did you mean \"fit\"?",
    );
    refused(
        "flip",
        "flips",
        "unknown key \"flips\" in [simulations.augment] (runs/run.toml line 18): did you mean \"flip\"?",
    );
    refused(
        "start",
        "star",
        "runs/run.toml line 34: optimiser.adam.schedule.cosine: unknown key \"star\"; did you mean \"start\"?",
    );
    refused("adam", "Adam", "runs/run.toml line 33: optimiser: unknown key \"Adam\"; did you mean \"adam\"?");
    refused(
        "\"flatten\"",
        "\"flaten\"",
        "runs/run.toml line 30: layers[2]: unknown layer \"flaten\"; did you mean \"flatten\"?",
    );
    refused(
        "strides =",
        "stride =",
        "runs/run.toml line 29: layers[0].conv: unknown key \"stride\"; did you mean \"strides\"?",
    );
    refused(
        "delta_theta = [0.1, 0.1]",
        "widths = [0.1, 0.1]",
        "unknown key \"widths\" in [simulations] (runs/run.toml line 9): there are kind, n_s, n_d, input_shape, augment, \
         validation, fiducial, derivative, load, cache, prefetch, below, above, delta_theta, theta_below, theta_above",
    );
}

#[test]
fn missing_keys_are_named() {
    refused(
        "theta_fid = [0.0, 1.0]\n",
        "",
        "missing key \"theta_fid\" at the top of the file (runs/run.toml line 1): write the fiducial parameters, as \
         theta_fid = [0.0, 1.0]",
    );
    refused(
        "delta_theta = [0.1, 0.1]\n",
        "",
        "missing key \"delta_theta\" in [simulations] (runs/run.toml line 5): write the full distance between above and \
         below for each parameter, or theta_below and theta_above",
    );
    refused(
        "delta_theta = [0.1, 0.1]\n",
        "theta_below = [0.1, 0.1]\n",
        "missing key \"theta_above\" in [simulations] (runs/run.toml line 5): theta_below needs it",
    );
    let error = parse("theta_fid = [1.0]\n[network]\nlayers = []").unwrap_err().to_string();
    assert!(error.starts_with("missing key \"simulations\" at the top of the file"), "{error}");
}

#[test]
fn wrong_types_are_shown() {
    refused(
        "lambda = 10",
        "lambda = \"ten\"",
        "\"lambda\" in [fit] (runs/run.toml line 37): expected a finite number, found a string, \"ten\"",
    );
    refused(
        "seed = 7",
        "seed = -7",
        "\"seed\" at the top of the file (runs/run.toml line 1): expected a whole number, not negative, found an integer, -7",
    );
    refused(
        "[0.0, 1.0]",
        "[0.0, nan]",
        "\"theta_fid\" at the top of the file (runs/run.toml line 2): expected a list of finite numbers, found an array, \
         [0.0, nan]",
    );
    refused(
        "fiducial = \"train/fiducial.npy\"",
        "fiducial = 3",
        "\"fiducial\" in [simulations] (runs/run.toml line 7): expected the path of an array in quotes: file.npy or \
         file.npz:key, found an integer, 3",
    );
    refused(
        "shift = true",
        "shift = 1",
        "\"shift\" in [simulations.augment] (runs/run.toml line 17): expected true or false, found an integer, 1",
    );
}

#[test]
fn useless_values_are_explained() {
    refused(
        "\"numerical\"",
        "\"numeric\"",
        "\"kind\" in [simulations] (runs/run.toml line 6): unknown name \"numeric\": did you mean \"numerical\"?",
    );
    refused(
        "[0.1, 0.1]",
        "[0.1, -0.1]",
        "\"delta_theta\" in [simulations] (runs/run.toml line 9): entry 1 is -0.1: it is the full distance theta_above - \
         theta_below, and positive",
    );
    refused(
        "[0.1, 0.1]",
        "[0.1]",
        "\"delta_theta\" in [simulations] (runs/run.toml line 9): 1 values for the 2 of theta_fid",
    );
    refused(
        "n_d = 500",
        "n_d = 5000",
        "\"n_d\" in [simulations] (runs/run.toml line 14): 5000 simulations with derivatives of only n_s = 1000; n_d <= n_s",
    );
    refused(
        "[\"mu\", \"sigma2\"]",
        "[\"mu\"]",
        "\"parameters\" at the top of the file (runs/run.toml line 3): 1 names for the 2 values of theta_fid",
    );
    refused(
        "\"4 GiB\"",
        "\"plenty\"",
        "\"memory\" in [device] (runs/run.toml line 46): cannot read \"plenty\" as an amount of memory; write it as \
         \"4 GiB\" or \"500 MB\"",
    );
    refused(
        "patience = 100",
        "patience = 0",
        "\"patience\" in [fit] (runs/run.toml line 39): 0 is too few, at least 1",
    );
    let error = parse(&FULL.replacen("lambda = 10", "lambda = 0.1", 1)).unwrap_err().to_string();
    assert!(error.starts_with("\"lambda\" in [fit] (runs/run.toml line 37): "), "{error}");
    let error = parse(&SHORT.replace("[0.0, 1.0]", "[0.0]")).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"simulator\" in [simulations] (runs/run.toml line 4): \"mean_variance\" takes 2 values in theta_fid, not 1"
    );
    let error = parse(&SHORT.replace("mean_variance", "mean_varience")).unwrap_err().to_string();
    assert!(error.ends_with("unknown name \"mean_varience\": did you mean \"mean_variance\"?"), "{error}");
}

#[test]
fn files_are_given_one_way() {
    let side = "below = [\"m.npy\", \"n.npy\"]";
    refused(
        "load = \"stream\"",
        side,
        "\"below\" in [simulations] (runs/run.toml line 10): derivative is given too; give that, or below and above",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        side,
        "missing key \"above\" in [simulations] (runs/run.toml line 5): below needs it, an array for each parameter",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        "above = [\"m.npy\"]\nbelow = [\"m.npy\"]",
        "\"below\" in [simulations] (runs/run.toml line 9): 1 arrays for the 2 values of theta_fid",
    );
    refused(
        "derivative = \"train.npz:derivative\"",
        "",
        "missing key \"derivative\" in [simulations] (runs/run.toml line 5): write the path of an array (n_d, 2, n_params, \
         *input), 0 = below, 1 = above, as derivative = \"derivative.npy\"; or below = [...] and above = [...], an array for \
         each parameter",
    );
    refused(
        "\"stream\"",
        "\"streams\"",
        "\"load\" in [simulations] (runs/run.toml line 10): unknown name \"streams\": did you mean \"stream\"?",
    );
    refused(
        "\"never\"",
        "\"sometimes\"",
        "\"prefetch\" in [simulations] (runs/run.toml line 12): unknown name \"sometimes\": there are auto, always, never",
    );
    refused(
        "\"1 GiB\"",
        "\"all\"",
        "\"cache\" in [simulations] (runs/run.toml line 11): cannot read \"all\" as an amount of memory; write it as \
         \"4 GiB\" or \"500 MB\"",
    );
    refused(
        "\"stream\"",
        "\"memory\"",
        "\"cache\" in [simulations] (runs/run.toml line 11): belongs to load = \"stream\"; load = \"memory\" keeps everything",
    );
    let error = parse(&SHORT.replace("[network]", "load = \"stream\"\n[network]")).unwrap_err().to_string();
    assert!(error.starts_with("unknown key \"load\" in [simulations]"), "{error}");
    let exact = "theta_fid = [1.5]\n[simulations]\nkind = \"exact\"\nfiducial = \"a.npy\"\nbelow = [\"b.npy\"]\n";
    let error = parse(&format!("{exact}[network]\nlayers = [\"exp\"]\n")).unwrap_err().to_string();
    assert!(error.starts_with("unknown key \"below\" in [simulations]"), "{error}");
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
        let training = run.training::<f32>().unwrap();
        assert_eq!((training.n_s(), training.n_d(), training.input_shape()), (1000, 1000, &shape[..]));
        assert_eq!(training.n_params(), run.theta_fid.len());
        let validation = run.validation::<f64>().unwrap().unwrap();
        assert_eq!((validation.n_s(), validation.n_d()), (40, 30));
        assert!(parse(&text).unwrap().validation::<f64>().unwrap().is_none());
    }
    let refused = parse(&SHORT.replace("1.0]", "-1.0]")).unwrap().training::<f64>().err().unwrap().to_string();
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
    let text = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"numerical\"\nfiducial = \"data.npz:f\"\n\
                derivative = \"data.npz:d\"\ndelta_theta = [0.1, 0.2]\nn_s = 15\ninput_shape = [4, 4, 1]\n\
                [simulations.augment]\ntranspose = true\n[simulations.validation]\nfiducial = \"data.npz:f\"\n\
                derivative = \"data.npz:d\"\n[network]\nlayers = [\"flatten\", { dense = 2 }]\n";
    let parse = |text: &str| RunFile::parse(text, folder.path().join("run.toml")).unwrap();
    let run = parse(text);
    let training = run.training::<f32>().unwrap();
    assert_eq!((training.n_s(), training.n_d(), training.input_shape()), (15, 10, &[4, 4, 1][..]));
    assert_eq!(run.validation::<f32>().unwrap().unwrap().n_s(), 20);

    let message = |text: &str| parse(text).training::<f32>().err().unwrap().to_string();
    let outside = text.replace("delta_theta = [0.1, 0.2]", "theta_below = [0.1, 0.9]\ntheta_above = [0.2, 1.1]");
    assert!(message(&outside).contains("theta_fid[0] = 0 is not between theta_below[0] = 0.1"));
    let three = text.replace("[0.0, 1.0]", "[0.0, 1.0, 2.0]").replace("[0.1, 0.2]", "[0.1, 0.2, 0.3]");
    assert!(message(&three).contains("data.npz:d"), "{}", message(&three));
    assert!(message(&text.replace("n_s = 15", "n_s = 25")).contains("n_s = 25, but"));
}
