//! What `imnn fisher --json` prints.

use imnn::stats::{FisherEstimate, Measured, Part, Record, Verdict, hartlap_factor};
use serde_json::{Value, json};

use super::Found;
use crate::output;

pub(super) fn json(found: &Found) -> String {
    let Found { evaluation, estimate, alpha } = found;
    let s = &evaluation.statistics;
    let mut json = json!({
        "n_s": estimate.n_s,
        "n_d": estimate.n_d,
        "n_summaries": s.n_summaries(),
        "n_params": s.n_params(),
        "F": output::array(&s.f),
        "invF": output::array(&s.inv_f),
        "C": output::array(&s.c),
        "invC": output::array(&s.inv_c),
        "mu": output::array(&s.mu),
        "dmu_dtheta": output::array(&s.dmu_dtheta),
        "alpha": alpha,
        "loss": evaluation.value,
        "lndetF": s.log_det_f,
        "errors": output::array(&s.errors()),
        "hartlap": hartlap_factor(estimate.n_s, s.n_summaries()).ok(),
        "estimate": corrected(estimate),
    });
    for (name, value) in Record::NAMES.iter().zip(evaluation.record.to_array()) {
        json[*name] = json!(value);
    }
    output::json_line(&json)
}

/// F without its biases, with errors and what it is worth; what is not known is null, with the reason beside it.
fn corrected(estimate: &FisherEstimate) -> Value {
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
