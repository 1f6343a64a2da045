//! Layering: arrows between crates point only downwards, and some crates never reach certain dependencies.

use crate::process::{self, Outcome, cargo};
use crate::workspace;

/// What one member may and may not use.
struct Layer {
    name: &'static str,
    /// Our own crates that it may depend on.
    uses: &'static [&'static str],
    /// What it must not reach, however indirectly, in groups.
    never: &'static [&'static [&'static str]],
}

const FILES: &[&str] = &["memmap2", "ndarray-npy", "safetensors", "serde_json", "toml", "zip"];
const NETWORKS: &[&str] = &["cudarc", "dfdx", "gemm"];
const TERMINAL: &[&str] = &["clap", "indicatif"];
const PLOTS: &[&str] = &["ab_glyph", "imnn-plot", "png"];
const LINEAR_ALGEBRA: &[&str] = &["lax", "ndarray-linalg", "openblas-src"];
const THREADS: &[&str] = &["rayon"];

/// The agreed shape; ARCHITECTURE.md explains it.
#[rustfmt::skip]
const LAYERS: &[Layer] = &[
    Layer { name: "imnn-lapack", uses: &[], never: &[FILES, NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-ranks", uses: &[], never: &[FILES, NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-io", uses: &["imnn-lapack"], never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-hdf5", uses: &["imnn-io"], never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-stats", uses: &["imnn-lapack"], never: &[FILES, NETWORKS, TERMINAL, PLOTS, THREADS] },
    Layer { name: "imnn-sim", uses: &["imnn-lapack"],
        never: &[FILES, NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-prior", uses: &["imnn-io", "imnn-sim"],
        never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-infer", uses: &["imnn-io", "imnn-prior", "imnn-sim"],
        never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-data", uses: &["imnn-hdf5", "imnn-io", "imnn-sim"],
        never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-tools", uses: &["imnn-data", "imnn-io", "imnn-sim"],
        never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-jobs", uses: &["imnn-data", "imnn-io", "imnn-sim"],
        never: &[NETWORKS, TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-compute", uses: &["imnn-sim"],
        never: &[FILES, &["cudarc", "dfdx"], TERMINAL, PLOTS, LINEAR_ALGEBRA, THREADS] },
    Layer { name: "imnn-models", uses: &["imnn-compute", "imnn-io", "imnn-sim"],
        never: &[TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-c2st", uses: &["imnn-compute", "imnn-models", "imnn-sim"],
        never: &[TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-flow", uses: &["imnn-compute", "imnn-io", "imnn-models", "imnn-sim"],
        never: &[TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-engine", uses: &["imnn-compute", "imnn-models"],
        never: &[&["cudarc"], TERMINAL, PLOTS, LINEAR_ALGEBRA] },
    Layer { name: "imnn-device", never: &[TERMINAL, PLOTS],
        uses: &["imnn-compute", "imnn-data", "imnn-engine", "imnn-io", "imnn-models", "imnn-ranks", "imnn-sim",
            "imnn-stats"] },
    Layer { name: "imnn-fit", never: &[&["clap"], PLOTS],
        uses: &["imnn-data", "imnn-device", "imnn-io", "imnn-models", "imnn-ranks", "imnn-sim", "imnn-stats"] },
    Layer { name: "imnn-plot", uses: &["imnn-fit", "imnn-infer", "imnn-io"], never: &[&["clap"]] },
    Layer { name: "imnn", never: &[&["clap"]],
        uses: &["imnn-data", "imnn-device", "imnn-fit", "imnn-flow", "imnn-hdf5", "imnn-io", "imnn-jobs", "imnn-models",
            "imnn-plot", "imnn-ranks", "imnn-sim", "imnn-stats", "imnn-tools"] },
    Layer { name: "imnn-cli", uses: &["imnn"], never: &[] },
    Layer { name: "imnn-benches", uses: &["imnn", "imnn-compute"], never: &[] },
    Layer { name: "imnn-examples", uses: &["imnn"], never: &[] },
    Layer { name: "imnn-agreement", uses: &["imnn-engine", "imnn-models", "imnn-sim"], never: &[] },
    Layer { name: "imnn-fuzz", uses: &["imnn", "imnn-cli"], never: &[] },
    Layer { name: "imnn-tests", uses: &["imnn"], never: &[] },
    Layer { name: "xtask", uses: &[], never: &[] },
];

pub fn faults() -> Outcome<Vec<String>> {
    let members = workspace::members()?;
    let ours: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    let mut faults = Vec::new();
    for member in &members {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == member.name) else {
            faults.push(format!("{}: give it a place in the table of xtask/src/tidy/layers.rs", member.name));
            continue;
        };
        faults.extend(upward(layer, &member.dependencies("dependencies"), &ours));
        if !layer.never.is_empty() {
            let tree =
                process::output(&mut cargo(&["tree", "--edges", "normal", "--prefix", "none", "-p", layer.name]))?;
            faults.extend(reached(layer, &tree));
        }
    }
    for layer in LAYERS.iter().filter(|layer| !ours.contains(&layer.name)) {
        faults.push(format!("{}: in the table of xtask/src/tidy/layers.rs, but no member", layer.name));
    }
    Ok(faults)
}

/// Dependencies on our own crates that the table does not allow; xtask has no dependencies at all.
fn upward(layer: &Layer, dependencies: &[&str], ours: &[&str]) -> Vec<String> {
    dependencies
        .iter()
        .filter(|name| (ours.contains(name) || layer.name == "xtask") && !layer.uses.contains(name))
        .map(|name| format!("{} must not depend on {name}", layer.name))
        .collect()
}

/// Forbidden packages in the output of `cargo tree --prefix none`, whose lines are `name v1.2.3 (...)`.
fn reached(layer: &Layer, tree: &str) -> Vec<String> {
    let mut names: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    let forbidden = |name: &&str| layer.never.iter().any(|group| group.contains(name));
    names
        .into_iter()
        .filter(forbidden)
        .map(|name| format!("{0} must not reach {name}: `cargo tree -e normal -p {0} -i {name}` shows how", layer.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: Layer = Layer { name: "imnn-x", uses: &["imnn-sim"], never: &[FILES, THREADS] };

    #[test]
    fn edges_upwards_are_found() {
        let ours = ["imnn-x", "imnn-sim", "imnn-fit"];
        assert!(upward(&LAYER, &["imnn-sim", "ndarray"], &ours).is_empty());
        assert_eq!(upward(&LAYER, &["imnn-fit"], &ours), ["imnn-x must not depend on imnn-fit"]);
        let xtask = Layer { name: "xtask", uses: &[], never: &[] };
        assert_eq!(upward(&xtask, &["serde"], &ours), ["xtask must not depend on serde"]);
    }

    #[test]
    fn forbidden_packages_are_found_once() {
        let tree = "imnn-x v0.1.0 (/somewhere/imnn-x)\nndarray v0.17.2\nrayon v1.12.0\nrayon-core v1.13.0\nrayon v1.12.0 (*)\n";
        let faults = reached(&LAYER, tree);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("imnn-x must not reach rayon:"), "{}", faults[0]);
    }

    #[test]
    fn table_points_downwards() {
        // Each crate may use only crates that stand above it in the table, so that there is no cycle.
        for (at, layer) in LAYERS.iter().enumerate() {
            for name in layer.uses {
                let used = LAYERS.iter().position(|other| other.name == *name);
                assert!(used.is_some_and(|used| used < at), "{} uses {name}", layer.name);
            }
        }
    }
}
