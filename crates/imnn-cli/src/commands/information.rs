//! Fisher information with its errors, for machines.

use imnn::stats::{FisherEstimate, Measured, Part, Verdict};
use serde_json::{Value, json};

use crate::output;

/// F without its biases, with errors and what it is worth; what is not known is null, with the reason beside it.
pub(super) fn json(estimate: &FisherEstimate) -> Value {
    let matrix = |matrix: &Option<ndarray::Array2<f64>>| matrix.as_ref().map(|matrix| output::array(matrix));
    let errors = estimate.errors.as_ref();
    json!({
        "F": matrix(&estimate.f),
        "F_errors": matrix(&estimate.f_errors),
        "noise": matrix(&estimate.noise),
        "lndetF": estimate.log_det_f.as_ref().ok().copied().map(number),
        "errors": errors.ok().map(|errors| errors.iter().copied().map(number).collect::<Vec<_>>()),
        "unknown": errors.err().map(ToString::to_string),
        "compressed": matrix(&estimate.compressed),
        "combined": matrix(&estimate.combined),
        "extrapolated": matrix(&estimate.convergence.extrapolated),
        "convergence": {
            "derivatives": parts(&estimate.convergence.derivatives),
            "simulations": parts(&estimate.convergence.simulations),
        },
        "verdicts": estimate.verdicts().iter().map(verdict).collect::<Vec<_>>(),
    })
}

fn number(Measured { value, error }: Measured) -> Value {
    json!({ "value": value, "error": error })
}

fn parts(parts: &[Part]) -> Vec<Value> {
    parts.iter().map(|part| json!({ "parts": part.parts, "rows": part.rows, "change": number(part.change) })).collect()
}

fn verdict(verdict: &Verdict) -> Value {
    json!({ "name": verdict.name(), "worthless": verdict.is_worthless(), "says": verdict.to_string() })
}
