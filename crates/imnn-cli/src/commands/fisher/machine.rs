//! What `imnn fisher --json` prints.

use imnn::stats::{Record, hartlap_factor};
use serde_json::json;

use super::Found;
use crate::commands::information;
use crate::output;

pub(super) fn json(found: &Found) -> String {
    let Found { evaluation, estimate, alpha, left_out, added } = found;
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
        "estimate": information::json(estimate),
    });
    if let Some([fiducial, derivative]) = left_out {
        json["left_out"] = json!({ "fiducial": { "failed": fiducial }, "derivative": { "failed": derivative } });
    }
    if let Some(added) = added {
        json["added"] = json!({
            "given": information::json(&added.given),
            "both": information::json(&added.both),
            "given_raw": output::array(&added.given.raw),
            "both_raw": output::array(&added.both.raw),
            "raw": output::array(&added.raw),
            "F": added.f.as_ref().map(|f| output::array(f)),
        });
    }
    for (name, value) in Record::NAMES.iter().zip(evaluation.record.to_array()) {
        json[*name] = json!(value);
    }
    output::json_line(&json)
}
