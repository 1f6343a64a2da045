//! Networks in run files: round trips over random networks, and what is refused in which words.

use super::*;
use crate::settings::table;
use crate::{
    Conv, Dense, Dual, Element, Initialiser, Join, Model, Padding, Parallel, ParameterSpec, UserLayer, Vector,
    avg_pool, concat, conv, custom, dense, flatten, global_avg_pool, global_max_pool, leaky_relu, max_pool, reshape,
    residual, serial, slice, standardise, sum, tanh,
};
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::Device;
use proptest::prelude::*;

fn read(layers: &str) -> Result<Network> {
    let table: toml::Table = format!("layers = {layers}").parse().unwrap();
    Network::from_toml(&table["layers"])
}

fn same(text: &str, expected: &Network) {
    assert_eq!(format!("{:?}", read(text).unwrap()), format!("{expected:?}"));
}

#[test]
fn the_example_of_the_documentation() {
    same(
        r#"[
          { dense = 128 }, "leaky_relu",
          { conv = { filters = 8, kernel = [3, 3], strides = [2, 2], padding = "same" } },
          { max_pool = { window = [3, 3], strides = [1, 1], padding = "same" } },
          { parallel = { branches = [[{ dense = 8 }], [{ dense = 8 }, "tanh"]], join = "concat" } },
          "global_avg_pool", "flatten", { reshape = [4, 4, 1] },
        ]"#,
        &serial([
            dense(128),
            leaky_relu(),
            conv(8, &[3, 3], &[2, 2], Padding::Same),
            max_pool(&[3, 3], &[1, 1], Padding::Same),
            concat([serial([dense(8)]), serial([dense(8), tanh()])]),
            global_avg_pool(),
            flatten(),
            reshape(&[4, 4, 1]),
        ]),
    );
}

#[test]
fn settings_that_may_be_left_out() {
    same(
        r#"[{ conv = { filters = 2, kernel = [5], padding = "circular" } }, { residual = ["tanh"] },
            { parallel = { branches = [[], ["tanh"]], join = "sum" } }, { dense = { features = 3 } }]"#,
        &serial([
            conv(2, &[5], &[], Padding::Circular),
            residual(serial([tanh()])),
            sum([serial([]), serial([tanh()])]),
            dense(3),
        ]),
    );
    same("[]", &serial([]));
}

#[test]
fn constants_of_channels() {
    let expected = serial([standardise(&[1.0, -2.5], &[0.1]), standardise(&[0.0], &[1e-3, 2e300])]);
    same(
        "[{ standardise = { mean = [1, -2.5], deviation = [0.1] } },
          { standardise = { mean = [0.0], deviation = [1e-3, 2e300] } }]",
        &expected,
    );
}

#[test]
fn initialisers() {
    let weight = |text: &str| {
        let network = read(&format!("[{{ dense = {{ features = 2, weight = {text} }} }}]")).unwrap();
        network.layers[0].settings::<Dense>().unwrap().weight.clone()
    };
    assert_eq!(weight("\"glorot_uniform\""), Initialiser::GlorotUniform);
    assert_eq!(weight("\"lecun_normal\""), Initialiser::LecunNormal);
    assert_eq!(weight("\"zeros\""), Initialiser::Constant(0.0));
    assert_eq!(weight("{ normal = 1 }"), Initialiser::Normal(1.0));
    assert_eq!(weight("{ constant = -0.5 }"), Initialiser::Constant(-0.5));
    assert_eq!(weight("{ values = [1, 2.5] }"), Initialiser::Values([1.0, 2.5].into()));
}

#[test]
fn mistakes_are_named() {
    let refuse = |text: &str, message: &str| assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
    refuse(r#"["tanh", "tanh", { dens = 3 }]"#, "layers[2]: unknown layer \"dens\"; did you mean \"dense\"?");
    refuse(r#"["leakyrelu"]"#, "layers[0]: unknown layer \"leakyrelu\"; did you mean \"leaky_relu\"?");
    refuse(r#"["ReLU"]"#, "layers[0]: unknown layer \"ReLU\"; did you mean \"relu\"?");
    let known: Vec<&str> = crate::layers::catalogue().iter().map(|layer| layer.name).collect();
    assert_eq!((known[0], known[known.len() - 1]), ("dense", "identity"));
    for (text, why) in
        [("[{ dropout = 0.5 }]", "none that draws at random"), ("[\"BatchNorm\"]", "\"standardise\" as the first")]
    {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with("layers[0]: unknown layer ") && error.contains(why), "{error}");
    }
    let message = format!("layers[0]: unknown layer \"xyzzy\"; expected one of {}", known.join(", "));
    refuse(r#"["xyzzy"]"#, &message);
    refuse(r#"["dense"]"#, "layers[0]: \"dense\" needs settings: { dense = 128 }");
    refuse(r#"[{ tanh = {} }]"#, "layers[0]: \"tanh\" has no settings: write \"tanh\"");
    refuse("[3]", "layers[0]: expected a layer such as { dense = 128 } or \"leaky_relu\", found the integer 3");
    refuse("[{}]", "layers[0]: empty table where a layer was expected; write for instance { dense = 128 }");
    refuse(
        "[{ dense = 3, conv = 4 }]",
        "layers[0]: a layer is one key with its settings, such as { dense = 128 }; found the keys conv, dense",
    );
    refuse("\"dense\"", "layers: expected a list of layers, found the text \"dense\"");
    for (number, found) in [("0", "the integer 0"), ("2.5", "the number 2.5")] {
        let expected = "expected the number of features, at least 1, or a table with features, weight and bias";
        refuse(&format!("[{{ dense = {number} }}]"), &format!("layers[0].dense: {expected}, found {found}"));
    }
    refuse("[{ dense = { feature = 3 } }]", "layers[0].dense: unknown key \"feature\"; did you mean \"features\"?");
    refuse("[{ dense = {} }]", "layers[0].dense: the key \"features\" is missing: write for instance features = 128");
    refuse(
        r#"[{ conv = { filters = 3, kernel = 3, padding = "same" } }]"#,
        "layers[0].conv.kernel: expected a list of sizes such as [3, 3], found the integer 3",
    );
    refuse(
        r#"[{ conv = { filters = 3, kernel = [3, -1], padding = "same" } }]"#,
        "layers[0].conv.kernel[1]: expected a whole number of at least 1, found the integer -1",
    );
    refuse(
        r#"[{ conv = { filters = 3, kernel = [3, 3] } }]"#,
        "layers[0].conv: the key \"padding\" is missing: write for instance padding = \"same\"",
    );
    refuse(
        r#"[{ conv = { filters = 3, kernel = [3, 3], padding = "periodic" } }]"#,
        "layers[0].conv.padding: unknown name \"periodic\"; expected one of same, valid, circular",
    );
    refuse(
        r#"[{ parallel = { branches = [["tanh"], ["tan"]], join = "concat" } }]"#,
        "layers[0].parallel.branches[1][0]: unknown layer \"tan\"; did you mean \"tanh\"?",
    );
    refuse(
        r#"[{ parallel = { branches = [["tanh"]], join = "add" } }]"#,
        "layers[0].parallel.join: unknown name \"add\"; expected one of concat, sum",
    );
    refuse(
        r#"[{ dense = { features = 3, weight = "he" } }]"#,
        "layers[0].dense.weight: unknown name \"he\"; did you mean \"he_normal\"?",
    );
    refuse(
        r#"[{ dense = { features = 3, bias = 0 } }]"#,
        "layers[0].dense.bias: expected an initialiser such as \"he_normal\" or { normal = 0.01 }, found the integer 0",
    );
    refuse(
        r#"[{ dense = { features = 3, bias = { normal = nan } } }]"#,
        "layers[0].dense.bias.normal: expected a finite number, found the number nan",
    );
    refuse(
        "[{ dense = { features = 3, bias = { normal = -1 } } }]",
        "layers[0].dense.bias: the standard deviation of the weights must be finite and not negative, it is -1",
    );
    for (deviation, found) in [("0", "the integer 0"), ("-1.5", "the number -1.5"), ("inf", "the number inf")] {
        refuse(
            &format!("[{{ standardise = {{ mean = [0.0], deviation = [1.0, {deviation}] }} }}]"),
            &format!("layers[0].standardise.deviation[1]: expected a positive, finite number, found {found}"),
        );
    }
    refuse(
        "[{ standardise = { mean = [nan], deviation = [1.0] } }]",
        "layers[0].standardise.mean[0]: expected a finite number, found the number nan",
    );
    refuse(
        "[{ standardise = { mean = 0.5, deviation = [1.0] } }]",
        "layers[0].standardise.mean: expected a list of numbers, found the number 0.5",
    );
    refuse(
        "[{ standardise = { mean = [0.5] } }]",
        "layers[0].standardise: the key \"deviation\" is missing: write for instance deviation = [1.0]",
    );
    refuse(
        "[{ standardise = { mean = [0.5], std = [1.0] } }]",
        "layers[0].standardise: unknown key \"std\"; expected one of mean, deviation",
    );
    let mut deep = Value::Array(vec![]);
    for depth in 1..1000 {
        deep = Value::Array(vec![table([("residual", deep)])]);
        if depth == 20 {
            let error = Network::from_toml(&deep).unwrap_err().to_string();
            assert!(error.ends_with("branches are nested more than 16 deep"), "{error}");
        }
    }
    // Deeper ones are refused by the parser of TOML.
    assert!(Network::from_toml(&deep).is_err());
}

/// serde gives the same messages.
#[test]
fn mistakes_are_named_through_serde() {
    #[derive(Debug, serde::Deserialize)]
    struct Section {
        #[expect(dead_code, reason = "only the error is of interest")]
        layers: Network,
    }
    let error = toml::from_str::<Section>("layers = [{ dens = 3 }]").unwrap_err().to_string();
    assert!(error.contains("layers[0]: unknown layer \"dens\"; did you mean \"dense\"?"), "{error}");
}

#[test]
fn layers_of_the_program_cannot_be_written() {
    #[derive(Debug)]
    struct Twice;
    impl UserLayer for Twice {
        fn name(&self) -> &str {
            "twice"
        }
        fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
            Ok(input.to_vec())
        }
        fn parameters(&self, _: &[usize]) -> Vec<ParameterSpec> {
            vec![]
        }
        fn forward<E: Element>(&self, _: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
        where
            Cpu: Device<E>,
        {
            input.linear(|x| Ok(x.clone() + x))
        }
    }
    let network = serial([residual(serial([custom(Twice)]))]);
    assert_eq!(
        network.to_toml().unwrap_err().to_string(),
        "layers[0].parallel.branches[1][0]: the layer \"twice\" is the program's own; a run file cannot describe it"
    );
    assert!(Model::new(network, &[3]).is_ok());
}

fn initialiser() -> impl Strategy<Value = Initialiser> {
    prop_oneof![
        Just(Initialiser::GlorotNormal),
        Just(Initialiser::GlorotUniform),
        Just(Initialiser::HeNormal),
        Just(Initialiser::LecunNormal),
        (0.0..1e3).prop_map(Initialiser::Normal),
        (-1e3..1e3).prop_map(Initialiser::Constant),
        prop::collection::vec(-1e-3..1e3, 1..4).prop_map(|values| Initialiser::Values(values.into())),
    ]
}

fn window() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Padding)> {
    (1..4_usize).prop_flat_map(|rank| {
        let sizes = prop::collection::vec(1..9_usize, rank);
        let padding = prop_oneof![Just(Padding::Same), Just(Padding::Valid), Just(Padding::Circular)];
        (sizes.clone(), prop_oneof![Just(vec![]), sizes], padding)
    })
}

/// Any numbers that are allowed, the largest and smallest too.
fn constants(allowed: fn(f64) -> bool) -> impl Strategy<Value = Vec<f64>> {
    let number = any::<f64>().prop_filter("not allowed", move |&c| allowed(c));
    let ends = [0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1)];
    prop::collection::vec(prop_oneof![number, (0..ends.len()).prop_map(move |k| ends[k])], 1..4)
}

fn layer() -> impl Strategy<Value = Layer> {
    let leaf = prop_oneof![
        (1..1000_usize, initialiser(), initialiser()).prop_map(|(features, weight, bias)| Dense {
            features,
            weight,
            bias
        }
        .into()),
        (1..1000_usize).prop_map(dense),
        (1..100_usize, window(), initialiser(), initialiser()).prop_map(
            |(filters, (kernel, strides, padding), weight, bias)| {
                Conv { filters, kernel, strides, padding, weight, bias }.into()
            }
        ),
        window().prop_map(|(window, strides, padding)| max_pool(&window, &strides, padding)),
        window().prop_map(|(window, strides, padding)| avg_pool(&window, &strides, padding)),
        (constants(f64::is_finite), constants(|c| c.is_finite() && c > 0.0))
            .prop_map(|(mean, deviation)| standardise(&mean, &deviation)),
        Just(global_avg_pool()),
        Just(global_max_pool()),
        Just(flatten()),
        prop::collection::vec(1..50_usize, 1..4).prop_map(|shape| reshape(&shape)),
        (0..100_usize, prop::collection::vec(1..50_usize, 1..4)).prop_map(|(start, shape)| slice(start, &shape)),
        (0..Activation::ALL.len()).prop_map(|k| Activation::ALL[k].into()),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let network = || prop::collection::vec(inner.clone(), 0..4).prop_map(Network::from);
        prop_oneof![
            (prop::collection::vec(network(), 0..4), prop_oneof![Just(Join::Concat), Just(Join::Sum)])
                .prop_map(|(branches, join)| Parallel { branches, join }.into()),
            network().prop_map(residual),
        ]
    })
}

/// What the help says can be written is read, and each layer reads the shape that its example is for.
#[test]
fn examples_of_the_catalogue_are_layers() {
    for entry in crate::layers::catalogue() {
        let network = read(&format!("[{}]", entry.example)).unwrap();
        let name = if entry.name == "residual" { "parallel" } else { entry.name };
        assert_eq!(network.layers[0].name(), name);
        let shape: &[usize] = if entry.name == "residual" { &[8] } else { &[4, 4, 1] };
        assert!(Model::new(network, shape).is_ok(), "{}", entry.example);
        assert!(!entry.about.is_empty());
    }
    let help = crate::layers::help();
    assert!(help.lines().all(|line| line.len() <= 120), "{help}");
    assert!(help.contains("{ dense = 128 }") && help.contains("\"leaky_relu\""), "{help}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever can be written comes back, through text too.
    #[test]
    fn descriptions_come_back(layers in prop::collection::vec(layer(), 0..6)) {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Section { layers: Network }
        let network = Network::from(layers);
        let expected = format!("{network:?}");
        let text = toml::to_string(&Section { layers: network }).unwrap();
        let back: Section = toml::from_str(&text).unwrap();
        prop_assert_eq!(format!("{:?}", back.layers), expected, "{}", text);
    }
}
