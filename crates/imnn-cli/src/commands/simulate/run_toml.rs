//! The run file beside the simulations, for `imnn fit`.

use imnn::jobs::Design;

/// Shapes whose sides are all at least this are maps, which a network with convolutions sees.
const MAP: usize = 8;

/// A run file for simulations of this shape; `rows` says n_s and n_d where not all seeds are to be used, and `seeds` is
/// `{seed}`, or `{seeds}` where there are several in a file.
pub(super) fn text(design: &Design, shape: &[usize], rows: Option<(usize, usize)>, seeds: &str) -> String {
    // Names of parameters are such that nothing in them has to be escaped.
    let names = |base: &str, side: &str| {
        let path = |name: &String| format!("\"{base}{name}_{side}/{seeds}.npy\"");
        design.parameters.iter().map(path).collect::<Vec<_>>().join(", ")
    };
    let rows = rows.map_or_else(String::new, |(n_s, n_d)| {
        format!("# The seeds of which a simulation failed are not used for derivatives.\nn_s = {n_s}\nn_d = {n_d}\n")
    });
    let map = (2..=3).contains(&shape.len()) && shape.iter().all(|&side| side >= MAP);
    let input_shape = if map {
        format!("input_shape = {:?}           # with an axis of channels\n", [shape, &[1]].concat())
    } else {
        String::new()
    };
    format!(
        r#"# Written by `imnn simulate`, once; change what you like. Train with: imnn fit run.toml --out RUN

theta_fid = {theta_fid:?}
parameters = {parameters:?}

[simulations]
kind = "numerical"
fiducial = "fiducial/{seeds}.npy"       # matched with the others by their seeds
below = [{below}]
above = [{above}]
theta_below = {theta_below:?}
theta_above = {theta_above:?}
{rows}{input_shape}
# Simulations with other seeds, which decide when to stop and which weights are best; without them nothing tells how much
# of det F is noise that the network has learnt by heart. Make them with the same file but for first_seed, into the folder
# validation beside this one.
# [simulations.validation]
# fiducial = "../validation/fiducial/{seeds}.npy"
# below = [{validation_below}]
# above = [{validation_above}]

# A small network to begin with; it ends in as many summaries as there are parameters.
{network}
[optimiser]
adam = {{ schedule = {{ cosine = {{ start = 3e-3, iterations = 1000 }} }} }}

[fit]
max_iterations = 1000
"#,
        theta_fid = design.theta_fid,
        parameters = design.parameters,
        below = names("", "m"),
        above = names("", "p"),
        theta_below = design.theta_below,
        theta_above = design.theta_above,
        validation_below = names("../validation/", "m"),
        validation_above = names("../validation/", "p"),
        network = network(shape, map, design.theta_fid.len()),
    )
}

fn network(shape: &[usize], map: bool, n_params: usize) -> String {
    let mut layers = vec![];
    if map {
        let (kernel, strides) = (vec![3; shape.len()], vec![2; shape.len()]);
        for filters in [8, 16] {
            layers.push(format!(
                "{{ conv = {{ filters = {filters}, kernel = {kernel:?}, strides = {strides:?}, padding = \"same\" }} }}, \
                 \"gelu\""
            ));
        }
        layers.push(format!("\"global_avg_pool\", {{ dense = {n_params} }}"));
    } else {
        if shape.len() > 1 {
            layers.push("\"flatten\"".to_owned());
        }
        layers.push("{ dense = 32 }, \"gelu\"".to_owned());
        layers.push("{ dense = 32 }, \"gelu\"".to_owned());
        layers.push(format!("{{ dense = {n_params} }}"));
    }
    let note = if map { "# padding = \"circular\" where the boundaries are periodic\n" } else { "" };
    let layers: String = layers.iter().map(|layer| format!("  {layer},\n")).collect();
    format!("[network]\n{note}layers = [\n{layers}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_file::{Kind, RunFile};
    use imnn::data::{DerivativeFiles, ParameterSteps};

    #[track_caller]
    fn check(shape: &[usize], input_shape: &[usize]) {
        check_with(shape, input_shape, "{seed}");
        check_with(shape, input_shape, "{seeds}");
    }

    #[track_caller]
    fn check_with(shape: &[usize], input_shape: &[usize], seeds: &str) {
        let design = Design {
            theta_fid: vec![0.3, 1e-9],
            parameters: vec!["Om".to_owned(), "A_s".to_owned()],
            theta_below: vec![0.29, 0.9e-9],
            theta_above: vec![0.31, 1.1e-9],
            n_s: 10,
            n_d: 5,
            first_seed: 0,
            shape: None,
            command: vec![],
            dir: "".into(),
        };
        let text = text(&design, shape, Some((9, 4)), seeds);
        // What is commented out is to be right as well.
        let with_validation = text.replace("# [simulations.val", "[simulations.val").replace("# fid", "fid");
        let with_validation = with_validation.replace("# below", "below").replace("# above", "above");
        for text in [&text, &with_validation] {
            let run = RunFile::parse(text, "x/run.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!((run.simulations.n_s, run.simulations.n_d), (Some(9), Some(4)));
            let Kind::Numerical { files, steps } = &run.simulations.kind else { panic!() };
            let (below, above) = (design.theta_below.clone(), design.theta_above.clone());
            assert_eq!(*steps, ParameterSteps::between(below, above).unwrap());
            let DerivativeFiles::Sides { below, above } = &files.derivative else { panic!() };
            assert_eq!(below[1].to_string(), format!("x/A_s_m/{seeds}.npy"));
            assert_eq!(above[0].to_string(), format!("x/Om_p/{seeds}.npy"));
            let seen = run.simulations.input_shape.clone().unwrap_or_else(|| shape.to_vec());
            assert_eq!(seen, input_shape);
            imnn::models::Model::new(run.network.layers.unwrap(), &seen).unwrap();
        }
        let run = RunFile::parse(&with_validation, "x/run.toml").unwrap();
        assert!(run.simulations.validation.is_some());
        let below = format!("below = [\"../validation/Om_m/{seeds}.npy\", \"../validation/A_s_m/{seeds}.npy\"]");
        assert!(with_validation.contains(&below));
    }

    #[test]
    fn every_shape_has_a_run_file() {
        check(&[10], &[10]);
        check(&[3, 4], &[3, 4]);
        check(&[32, 16], &[32, 16, 1]);
        check(&[8, 8, 8], &[8, 8, 8, 1]);
        check(&[32, 32, 2], &[32, 32, 2]);
    }
}
