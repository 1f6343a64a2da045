//! What is said of simulations that failed and were left out.

use imnn::data::LeftOut;
use serde_json::{Value, json};

/// In words, of the set of this name, if anything was; `parameters` are their names, where they have any.
pub(crate) fn text(set: &str, left_out: &LeftOut, parameters: &[String]) -> Option<String> {
    (!left_out.is_empty()).then(|| format!("{set}: {}", left_out.text(|a| name(a, parameters))))
}

/// What there is to say where failures depend on a parameter.
pub(crate) fn dependence(set: &str, left_out: &LeftOut, parameters: &[String]) -> Vec<String> {
    left_out.dependence(|a| name(a, parameters)).into_iter().map(|said| format!("{set}: {said}")).collect()
}

fn name(a: usize, parameters: &[String]) -> String {
    parameters.get(a).cloned().unwrap_or_else(|| format!("parameter {a}"))
}

/// For machines.
pub(crate) fn json(left_out: &LeftOut) -> Value {
    let partners: Vec<Value> = left_out
        .partners
        .iter()
        .map(|of| json!({ "parameter": of.parameter, "side": of.side, "failed": of.failed }))
        .collect();
    json!({
        "names": if left_out.by_seed { "seeds" } else { "rows" },
        "fiducial": left_out.fiducial, "derivative": left_out.derivative, "partners": partners,
        "depends_on_parameters": left_out.dependence(|a| name(a, &[])),
    })
}
